#!/bin/bash
# Proves that a wrong arrow between rooms does not compile: with a room's own compile command, every
# header of a room that it may not see must be "no such file". Its own headers are the control.
#
#   rooms.sh SOURCE_ROOT BUILD_ROOT
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
source_root=$(cd "$1" && pwd)
build_root=$(cd "$2" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0
judged=0

complain() {
    echo "FAILED: $*"
    failures=$((failures + 1))
}

# One compile command of every target in every room: "room <tab> command". A target's own include
# directory, which meson always adds, tells it from the others.
commands() {
    jq -r '.[] | [.file, .command] | @tsv' "$build_root/compile_commands.json" |
        while IFS=$'\t' read -r file command; do
            file=$(realpath --relative-to="$source_root" "$build_root/$file")
            case $file in
            builder/* | fs/* | tools/*)
                target=$(grep -oE -- '-I[^ ]+\.p( |$)' <<<"$command" | head -n 1)
                printf '%s\t%s\t%s\n' "${file%/*}" "$target" "$command"
                ;;
            esac
        done | sort -u -t $'\t' -k 1,2 | cut -f 1,3
}

# room_of HEADER: the room that a header belongs to; some rooms keep theirs in a folder include/.
room_of() {
    local folder=${1%/*}

    echo "${folder%/include}"
}

# finds HEADER WORD…: which file a source outside of every room gets for #include "HEADER" with the
# command WORD…; nothing when it does not compile because there is none. Several rooms have a header
# of the same name, so the name alone proves nothing.
finds() {
    local header=$1 word arguments=() status=0

    shift
    while (($# > 0)); do
        word=$1
        shift
        case $word in
        -o | -MF | -MQ | -MT) shift ;;
        -c | -MD | *.c) ;;
        *) arguments+=("$word") ;;
        esac
    done
    echo "#include \"$header\"" >"$work/one.c"
    cd "$build_root"
    # -H: one dot and the path of each file that is included directly.
    "${arguments[@]}" -w -H -fsyntax-only "$work/one.c" 2>"$work/said" || status=$?
    word=$(sed -n 's/^\. //p' "$work/said")
    if [[ -n $word ]]; then
        realpath --relative-to="$source_root" "$word"
    elif ((status == 0)) || ! grep -Eq 'No such file|file not found' "$work/said"; then
        echo "something strange: $(<"$work/said")"
    fi
}

declare -A sees=()
while read -r room list; do
    [[ -z $room || $room == \#* ]] || sees[$room]=" $room $list "
done <"$here/rooms.table"

mapfile -t headers < <(cd "$source_root" && find builder fs tools -name '*.h' | sort)
while IFS=$'\t' read -r room command; do
    if [[ -z ${sees[$room]+known} ]]; then
        complain "room $room is not in rooms.table"
        continue
    fi
    # meson wrote the command in the shell's own words.
    words=()
    eval "words+=($command)"
    found=$(finds msb/error.h "${words[@]}")
    [[ $found == include/msb/error.h ]] || complain "$room finds '$found' for <msb/error.h>"
    for header in "${headers[@]}"; do
        owner=$(room_of "$header")
        found=$(finds "${header##*/}" "${words[@]}")
        judged=$((judged + 1))
        # What lies in include/ may be for one target of the room only.
        if [[ ${header%/*} == "$room" && $found != "$header" ]]; then
            complain "$room does not see its own $header, but '$found'"
        elif [[ $found == "$header" || $found == something* ]] &&
            [[ ${sees[$room]} != *" $owner "* ]]; then
            complain "$room finds $found, against rooms.table"
        fi
    done
done < <(commands)

echo "$judged pairs of a room and a header judged, $failures wrong"
((judged > 0 && failures == 0))
