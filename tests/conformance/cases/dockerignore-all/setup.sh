#!/bin/bash
mkdir -p src/deep other; for f in src/a src/deep/b other/c top; do echo $f >$f; done
printf '%s\n' '*' '!src' 'src/deep/*' '!src/deep/b' >.dockerignore
find . -exec touch -h -d @1500000000 {} +
