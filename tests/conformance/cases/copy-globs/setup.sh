#!/bin/bash
mkdir -p d/one d/two; for n in a.txt b.txt cc.txt 'arr[0].txt' .hidden d/one/x d/two/x d/y d/one/z; do echo "$n" >"$n"; done
