#!/bin/bash
mkdir -p d/sub; echo x >d/one; ln d/one d/two; ln d/one d/sub/three
find . -exec touch -d @1000000000 {} +
