#!/bin/bash
mkdir -p d/sub e empty; echo f >d/f; echo g >d/sub/g; echo h >e/h
touch -d @1000000001 d/f d/sub/g e/h; touch -d @1000000002 d/sub; touch -d @1000000003 d; touch -d @1000000004 e; touch -d @1000000005 empty
