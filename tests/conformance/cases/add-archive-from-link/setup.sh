#!/bin/bash
mkdir t; echo x >t/a; touch -d @1000000001 t/a; tar --format=pax --pax-option=delete=atime,delete=ctime -C t -cf a.tar a; rm -r t; ln -s a.tar link
