#!/bin/bash
echo f >f; mkdir -p d/e; echo f >d/f; echo x >d/x; chmod 700 d/x d/e
find . -exec touch -d @1500000000 {} +
