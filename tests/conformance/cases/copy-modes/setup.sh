#!/bin/bash
for m in 0000 0444 0755 4755 2755 1644 6711; do echo $m >f$m; chmod $m f$m; done
echo own >own; chown 12:34 own; mkdir owned; chown 5:6 owned
mkdir m; for m in 700 1777 2755; do mkdir m/$m; chmod $m m/$m; done
find . -exec touch -h -d @1000000000 {} +
