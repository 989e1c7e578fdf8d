#!/bin/bash
# C files are as clang-format lays them out, and shellcheck has nothing to say about scripts.
#
#   layout.sh SOURCE_ROOT
set -euo pipefail
shopt -s globstar nullglob
cd "$1"

status=0
clang-format --dry-run -Werror {builder,fs,include,tools,tests}/**/*.[ch] || status=1
shellcheck -x .ci/run tools/**/*.sh tests/**/*.sh || status=1
exit "$status"
