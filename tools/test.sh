#!/bin/bash
# Installs what is needed, builds, and runs every test there is. Its last line is
# "N passed, N failed, 0 skipped": nothing is skipped, what cannot run has failed.
#
#   tools/test.sh [--trixie]     --trixie: then the unit and mount tests in a Debian 13 root
set -euo pipefail
exec </dev/null

case $* in
'' | --trixie) option=$* ;;
*)
    echo "usage: tools/test.sh [--trixie]" >&2
    exit 2
    ;;
esac

cd "$(dirname "$0")/.."
HOME=${HOME:-$(getent passwd "$EUID" | cut -d: -f6)}
export HOME
export MSB_BASES=${MSB_BASES:-${XDG_CACHE_HOME:-$HOME/.cache}/msb-bases}
passed=0
failed=0

# Two builds: one as users have it, one in which sanitizers watch.
plain=build
watched=build-asan
# What is tried once more with the watched msb: the tests that reach most code in little time.
watched_tests=(failed-build errors cache load instructions)

# What BuildKit is asked about once more; its other answers are stored.
live_cases=(
    add-archive arg-build-arg-env arg-build-args cmd-entrypoint/own copy-from copy-file
    copy-globs copy-hard-links copy-modes copy-source-links dockerignore env-forms label-forms
    layers-whiteouts lex-continuation refused-stages/later run-files run-mount-bind
    run-mount-cache run-mount-secret stages/inherits user-then-copy variables workdir/user
)

phase() {
    printf '\n== %s (after %d s)\n' "$*" "$SECONDS"
}

# Every way out tells how many passed; one that was not expected counts as a failure.
conclude() {
    local status=$?

    if ((status != 0 && failed == 0)); then
        echo "test.sh: stopped with status $status before the end" >&2
        failed=1
    fi
    echo
    echo "$passed passed, $failed failed, 0 skipped"
    ((failed == 0)) || exit 1
}
trap conclude EXIT

# configure FOLDER OPTION…: once; meson itself notices what changed since.
configure() {
    local folder=$1

    shift
    if [[ ! -e $folder/build.ninja ]]; then
        rm -rf "$folder"
        meson setup "$@" "$folder"
    fi
    ninja -C "$folder" -j "$(nproc)"
}

# unit_tests FOLDER: all that meson knows; whatever is not plainly OK has failed.
unit_tests() {
    local results=$1/meson-logs/testlog.json good=0 all=0

    rm -f "$results"
    if ! meson test -C "$1" --no-rebuild --print-errorlogs; then
        echo "(meson reports failures)"
    fi
    # Nothing was written: meson itself failed, or there is no test at all.
    if [[ ! -s $results ]]; then
        failed=$((failed + 1))
        return
    fi
    all=$(jq -s 'length' "$results")
    good=$(jq -s 'map(select(.result == "OK")) | length' "$results")
    passed=$((passed + good))
    failed=$((failed + all - good))
}

# integration_tests FOLDER [NAME…]: with the msb of that build.
integration_tests() {
    local folder=$1 log bad=0

    shift
    log=$folder/integration.log
    if ! MSB_BUILD=$folder tests/integration/run.sh "$@" 2>&1 | tee "$log"; then
        bad=$(grep -c '^not ok ' "$log") || bad=1
    fi
    passed=$((passed + $(grep -c '^ok ' "$log" || [[ $? == 1 ]])))
    failed=$((failed + bad))
}

# conformance_tests FOLDER CASE…: with the msb of that build, against a live BuildKit.
conformance_tests() {
    local folder=$1 log=$1/conformance.log bad=0

    shift
    if ! MSB_BUILD=$folder tests/conformance/run.py --live "$@" 2>&1 | tee "$log"; then
        bad=$(grep -c '^not ok ' "$log") || bad=1
    fi
    passed=$((passed + $(grep -c '^ok ' "$log" || [[ $? == 1 ]])))
    failed=$((failed + bad))
}

# trixie_tests FOLDER: what tools/trixie.sh counted; without a count, it failed itself.
trixie_tests() {
    local log=$1/trixie.log good=0 bad=1

    tools/trixie.sh 2>&1 | tee "$log" || echo "(tools/trixie.sh reports failures)"
    read -r good bad < <(sed -n '$s/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$log") ||
        { good=0 bad=1; }
    passed=$((passed + good))
    failed=$((failed + bad))
}

phase "packages"
tools/setup.sh

phase "build"
configure "$plain"
configure "$watched" -Db_sanitize=address,undefined

phase "unit and golden tests, watched by sanitizers"
unit_tests "$watched"

phase "base images"
tools/make-bases.sh

phase "integration tests"
integration_tests "$plain"

phase "integration tests, watched by sanitizers"
integration_tests "$watched" "${watched_tests[@]}"

phase "the same images as BuildKit, live"
conformance_tests "$plain" "${live_cases[@]}"

if [[ $option == --trixie ]]; then
    phase "unit and mount tests in a Debian 13 root"
    trixie_tests "$plain"
fi

phase "done"
