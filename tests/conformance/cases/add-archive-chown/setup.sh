#!/bin/bash
mkdir -p t/sub; echo x >t/file; echo y >t/sub/y; chown 12:34 t/sub/y
find t -exec touch -d @1000000001 {} +
tar --format=pax --pax-option=delete=atime,delete=ctime -C t --sort=name -cf a.tar file sub; rm -r t
