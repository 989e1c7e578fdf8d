#!/bin/bash
mkdir -p src/lib/deep src/.hidden docs/img empty
for f in Makefile src/main.c src/main.o src/lib/a.c src/lib/a.o src/lib/deep/b.c src/lib/deep/b.o src/.hidden/c.o docs/index.md docs/img/x.png; do
    echo "$f" >"$f"
done
find . -exec touch -h -d @1000000000 {} +
