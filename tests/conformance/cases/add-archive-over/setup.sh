#!/bin/bash
mkdir -p t/sub t/tolink; echo x >t/file; echo y >t/sub/y; echo z >t/dir; echo t >t/tolink/t; chmod 711 t/sub
find t -exec touch -d @1000000001 {} +
tar --format=pax --pax-option=delete=atime,delete=ctime -C t --sort=name --exclude=dir -cf a.tar .; rm -r t
