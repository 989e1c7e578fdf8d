#!/bin/bash
mkdir -p t/sub d; echo x >t/file; chmod 4750 t/file; ln -s file t/link; ln t/file t/hard; echo y >t/sub/y; chmod 700 t/sub; mkfifo t/fifo
touch -d @1000000001.5 t/file; touch -h -d @1000000002 t/link; touch -d @1000000003 t/sub/y t/fifo; touch -d @1000000004 t/sub; chown 12:34 t/sub/y; touch -d @1000000005 t
tar --format=pax --pax-option=delete=atime,delete=ctime -C t --sort=name -cf a.tar file link hard sub fifo
gzip -nk a.tar; bzip2 -k a.tar; xz -k a.tar; cp a.tar.gz named-otherwise; echo no >not-an-archive.tar.gz; echo f >f; tar -cf d/inside.tar -C t file
rm -r t; find . -type f -exec touch -d @1000000000 {} +
touch -d @1000000000 d
