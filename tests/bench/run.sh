#!/bin/bash
# What a command costs beside itself: a trivial RUN (with the filter of system calls and the rule
# for devices, and without), the first one on a base never touched before, and msb debug. Medians.
#
#   tests/bench/run.sh BUILD_DIRECTORY [WORK_FOLDER] [ROUNDS]
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"
begin 9 "$@"

# steps PATTERN: the durations of such steps of the newest build, in milliseconds.
steps() {
    sqlite3 "$MSB_ROOT/records.db" "SELECT printf('%.1f', duration_ns / 1e6) FROM step
        WHERE build = (SELECT max(id) FROM build) AND text LIKE '$1' ORDER BY number"
}

mkdir "$work/ctx"
msb import "$bases/node.tar" node >/dev/null
{
    echo 'FROM node'
    for ((i = 0; i < 20; i++)); do
        printf 'RUN true %d\nRUN --security=insecure true %d\n' "$i" "$i"
    done
} >"$work/ctx/Dockerfile"
for ((round = 0; round < rounds; round++)); do
    msb build -q --no-cache --allow security.insecure "$work/ctx" >/dev/null
    steps 'RUN true 0' >>"$work/first"
    steps 'RUN true %' | tail -n +2 >>"$work/usual"
    steps 'RUN --security%' >>"$work/insecure"
    microseconds msb debug image:node -- true </dev/null |
        awk '{ printf "%.1f\n", $1 / 1000 }' >>"$work/debug"
done
echo "a trivial RUN                          $(median <"$work/usual") ms"
echo "  without filter and device rule       $(median <"$work/insecure") ms"
echo "  the first of a build, mount and all  $(median <"$work/first") ms"
echo "msb debug -- true                      $(median <"$work/debug") ms (aim: under 60)"
