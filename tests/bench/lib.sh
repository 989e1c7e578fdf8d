# Words for benchmarks of msb, sourced first by them.
# shellcheck shell=bash disable=SC2034 # for the benchmarks

set -euo pipefail

# begin DEFAULT_ROUNDS BUILD_DIRECTORY [WORK_FOLDER] [ROUNDS]: puts msb into PATH, with a store of its
# own in the new folder $work, which goes at the end.
begin() {
    rounds=${4:-$1}
    build=$(cd "$2" && pwd)
    work=$(mktemp -d "${3:-/var/tmp}/msb-bench.XXXXXX")
    bases=${MSB_BASES:-${XDG_CACHE_HOME:-$HOME/.cache}/msb-bases}
    export PATH=$build/tools/msb:$PATH MSB_ROOT=$work/store
    trap 'rm -rf --one-file-system "$work"' EXIT
}

# The median of numbers, one a line, on standard input.
median() {
    sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

# microseconds COMMAND…: how long it takes.
microseconds() {
    local begun=$EPOCHREALTIME ended

    "$@"
    ended=$EPOCHREALTIME
    echo $((${ended/./} - ${begun/./}))
}
