#!/bin/bash
# shellcheck disable=SC1003 # backslashes as names
echo x >'a b'; echo x >ü; mkdir d; echo x >'d/new
line'; echo x >"d/'"; echo x >'d/"'; echo x >'d/\'; echo x >quote; echo x >'d/ '
find . -exec touch -d @1000000000 {} +
