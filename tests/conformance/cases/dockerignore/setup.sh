#!/bin/bash
mkdir -p a/b/c d/e sub/foo .git z/keep logs
for f in a/b/c/1 a/b/2 a/keep d/e/f d/x.o x.o y.c sub/foo/1 foo sub/x.o .git/config README.md docs.md z/keep/1 z/other logs/a.log logs/b.txt 'tmp1' tmpx 'we ird' 'b[1]' Makefile; do echo "$f" >"$f"; done
cat >.dockerignore <<'E'
# comment
 # no comment, a pattern that matches nothing
.git
*.o
foo
a/b
!a/b/c
/d/e/
*.md
!README.md
z
!z/keep
**/*.log
tmp[0-9]

  we ird  
b[[]1]
Make?ile
E
find . -exec touch -h -d @1500000000 {} +
