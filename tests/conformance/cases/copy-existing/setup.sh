#!/bin/bash
mkdir -p d/sub
echo new >d/sub/file; chmod 711 d/sub; chmod 640 d/sub/file
touch -d @1000000004 d/sub/file; touch -d @1000000005 d/sub d
