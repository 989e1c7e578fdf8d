#!/bin/bash
# Runs the integration tests, all of them or those named: one line each, as TAP has it.
#
#   tests/integration/run.sh [NAME…]       NAME: "mount" for 20-mount.sh
#
# MSB_BUILD   the build directory whose msb is tried (default: build in the source tree)
# MSB_BASES   the base images (default: where tools/make-bases.sh puts them)
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
build=$(cd "${MSB_BUILD:-$top/build}" && pwd)
seconds=${MSB_TEST_TIMEOUT:-300}
home=${HOME:-$(getent passwd "$EUID" | cut -d: -f6)}
export HOME=$home
export MSB_BASES=${MSB_BASES:-${XDG_CACHE_HOME:-$home/.cache}/msb-bases}
export PATH=$build/tools/msb:$PATH
export LC_ALL=C.UTF-8 TZ=UTC
unset MSB_ROOT MSB_FS

logs=$(mktemp -d "${TMPDIR:-/var/tmp}/msb-logs.XXXXXX")
trap 'rm -rf "$logs"' EXIT
# A daemon has nobody to read its standard error: what a sanitizer finds goes to a file. A cancelled
# thread ends without telling AddressSanitizer what is left of its stack.
export ASAN_OPTIONS=log_path=$logs/sanitizer:exitcode=99:use_sigaltstack=0
export UBSAN_OPTIONS=log_path=$logs/sanitizer:print_stacktrace=1:halt_on_error=1
export TSAN_OPTIONS=log_path=$logs/sanitizer:exitcode=99

if [[ ! -x $build/tools/msb/msb ]]; then
    echo "run.sh: no $build/tools/msb/msb: build first (ninja -C $build)" >&2
    exit 2
fi

# How much more memory a daemon may take that is instrumented: freed memory is kept for a while.
if [[ $(ldd "$build/fs/msbfs") == *lib[at]san* ]]; then
    export MSB_STRAIN_FACTOR=${MSB_STRAIN_FACTOR:-10}
fi

# selected NAME: true when all are wanted or this one is.
selected() {
    local name

    ((${#wanted[@]} > 0)) || return 0
    for name in "${wanted[@]}"; do
        [[ $name != "$1" ]] || return 0
    done
    return 1
}

# run_one FILE: its output into the log; what a sanitizer said makes any test a failed one.
run_one() {
    local status=0

    timeout -k 20 "$seconds" bash "$1" >"$logs/log" 2>&1 </dev/null || status=$?
    if ((status == 124 || status == 137)); then
        echo "FAILED: not done after $seconds seconds" >>"$logs/log"
    fi
    if compgen -G "$logs/sanitizer*" >/dev/null; then
        cat "$logs"/sanitizer* >>"$logs/log"
        rm -f "$logs"/sanitizer*
        status=99
    fi
    return "$status"
}

wanted=("$@")
number=0
failed=0
for file in "$here"/[0-9][0-9]-*.sh; do
    name=$(basename "$file" .sh)
    selected "${name#*-}" || continue
    number=$((number + 1))
    begin=$SECONDS
    if run_one "$file"; then
        echo "ok $number - $name ($((SECONDS - begin)) s)"
    else
        failed=$((failed + 1))
        echo "not ok $number - $name ($((SECONDS - begin)) s)"
        tail -n 60 "$logs/log" | sed 's/^/# /'
    fi
done
echo "1..$number"
if ((number == 0 || number < ${#wanted[@]})); then
    echo "run.sh: not every name is a test: ${wanted[*]}" >&2
    exit 2
fi
((failed == 0))
