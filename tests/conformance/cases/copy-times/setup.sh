#!/bin/bash
mkdir -p d/sub; echo f >d/sub/f; ln -s f d/sub/l
touch -h -d @1000000001 d/sub/l; touch -d @1000000002.5 d/sub/f; touch -d @1000000003 d/sub; touch -d @1000000004 d
