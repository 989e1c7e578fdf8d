#!/bin/bash
mkdir t; echo x >t/a; echo y >t/b; touch -d @1000000001 t/a t/b; tar --format=pax --pax-option=delete=atime,delete=ctime -C t -cf a.tar a; tar --format=pax --pax-option=delete=atime,delete=ctime -C t -cf b.tar b; rm -r t
