#!/bin/bash
mkdir t; echo x >t/a; setfattr -n user.one -v two t/a; setcap cap_net_raw+ep t/a; touch -d @1000000001 t/a; tar --format=pax --pax-option=delete=atime,delete=ctime --xattrs --xattrs-include='*' -C t -cf a.tar a; rm -r t
