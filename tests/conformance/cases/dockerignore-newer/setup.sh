#!/bin/bash
mkdir n; for f in afoo n/bfoo foo- foo plus+ pluss; do echo $f >$f; done
printf '%s\n' '**foo' plus+ >.dockerignore
find . -exec touch -d @1500000000 {} +
