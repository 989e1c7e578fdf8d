#!/bin/bash
mkdir -p t/p/q; echo x >t/p/q/f; echo y >t/top; chown 7:8 t/p/q/f; chmod 640 t/top
touch -d @1000000001 t/p/q/f; touch -d @1000000002 t/top
tar -C t -cf things.tar p/q/f top
rm -r t; touch -d @1000000003 things.tar
