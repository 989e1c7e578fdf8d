#!/bin/bash
mkdir t t/d; echo x >t/f; chmod 700 t; chown 5:6 t t/f; touch -d @1000000001 t/f t/d t
tar --format=pax --pax-option=delete=atime,delete=ctime -C t --sort=name -cf z.tar .; rm -r t
