#!/bin/bash
mkdir -p a/b/c/d n/m .h
for f in a/1 a/b/1 a/b/c/1 a/b/c/d/1 n/x n/m/x x.tmp a/x.tmp a/b/x.tmp .h/y a/zz a/b/zz q1 q2 q3 'back\slash'; do echo "$f" >"$f"; done
cat >.dockerignore <<'E'
a/**/1
!a/b/c/d/1
n/**
**/*.tmp
**/zz
!a/zz
q[^2]
back\\slash
E
find . -exec touch -h -d @1500000000 {} +
