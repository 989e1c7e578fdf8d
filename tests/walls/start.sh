#!/bin/bash
# What every command pays for at its start: no library that few of them use, nor what those bring
# along.
#
#   start.sh MSB
set -euo pipefail

libraries=$(ldd "$1")
grep -q libsqlite3 <<<"$libraries"
if grep -E 'lib(curl|archive|ssl|gnutls|xml2|icuuc)' <<<"$libraries"; then
    echo "FAILED: these are loaded at every start; see builder/base/library.h"
    exit 1
fi
