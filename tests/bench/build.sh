#!/bin/bash
# What a build costs when next to nothing is new: COPY --from of a large folder, and a rebuild that
# the cache answers whole. Where buildah is installed it does the same beside msb, in turns, and
# the results are compared. Medians.
#
#   tests/bench/build.sh BUILD_DIRECTORY [WORK_FOLDER] [ROUNDS]
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"
begin 9 "$@"
here=$(cd "$(dirname "$0")" && pwd)

# buildah under this benchmark's own storage, and with no more limits than the caller has.
buildah_() {
    local command=$1

    shift
    buildah --root "$work/buildah" --runroot "$work/run" "$command" "$@"
}

clean_up() {
    ! command -v buildah >/dev/null || buildah_ rm --all >/dev/null 2>&1 || :
    rm -rf --one-file-system "$work"
}
trap clean_up EXIT

milliseconds() {
    local begin=$EPOCHREALTIME end

    "$@" >/dev/null 2>"$work/said" || { cat "$work/said" >&2; exit 1; }
    end=$EPOCHREALTIME
    awk -v us=$((${end/./} - ${begin/./})) 'BEGIN { printf "%.1f\n", us / 1000 }'
}

msb_build() {
    msb build -q -t "$1" "${@:3}" "$2"
}

peer_build() {
    buildah_ bud --isolation chroot --layers -q -t "$1" "${@:3}" "$2"
}

# The step's own time as msb keeps it, in milliseconds.
copy_step() {
    sqlite3 "$MSB_ROOT/records.db" \
        "SELECT duration_ns / 1e6 FROM step WHERE text LIKE 'COPY --from%' ORDER BY build DESC LIMIT 1"
}

mkdir "$work/large" "$work/tutorial"
cp "$here"/../integration/tutorial/* "$work/tutorial/"
printf 'FROM node AS build\nFROM scratch\nCOPY --from=build /usr /all\n' >"$work/large/Dockerfile"
"$here"/../../tools/make-bases.sh "$bases" >/dev/null
msb import --change 'CMD ["node"]' "$bases/node.tar" node >/dev/null
msb import --change 'CMD ["node"]' "$bases/node-alpine.tar" node:alpine >/dev/null

peer=no
if command -v buildah >/dev/null; then
    peer=yes
    for base in node:node.tar node:alpine:node-alpine.tar; do
        file=${base##*:} name=${base%:*}
        printf 'FROM scratch\nADD %s /\n' "$file" >"$work/base.Dockerfile"
        buildah_ bud --isolation chroot -q -f "$work/base.Dockerfile" -t "docker.io/library/$name" \
            "$bases" >/dev/null
    done
fi

for ((round = 0; round < rounds; round++)); do
    milliseconds msb_build large "$work/large" --no-cache >>"$work/copy.whole"
    copy_step >>"$work/copy.step"
    # The layer's digest is on record after the first round: forget it, so that each is the first.
    sqlite3 "$MSB_ROOT/records.db" \
        "DELETE FROM layer WHERE tree IN (SELECT tree FROM step WHERE text LIKE 'COPY --from%')"
    [[ $peer == no ]] ||
        milliseconds peer_build large "$work/large" --no-cache >>"$work/copy.peer"
done
echo "COPY --from of /usr ($(du -sm "$bases/node.tar" | cut -f1) MiB image)"
echo "  the step                           $(median <"$work/copy.step") ms (aim: under 20)"
echo "  the whole build, layer digest too  $(median <"$work/copy.whole") ms"
if [[ $peer == yes ]]; then
    echo "  buildah, the whole build           $(median <"$work/copy.peer") ms"
fi

tutorial=(-f "$work/tutorial/Dockerfile-multi-stage")
msb_build tutorial "$work/tutorial" "${tutorial[@]}" >"$work/first"
[[ $peer == no ]] || peer_build tutorial "$work/tutorial" "${tutorial[@]}" >/dev/null
for ((round = 0; round < 3 * rounds; round++)); do
    milliseconds msb_build tutorial "$work/tutorial" "${tutorial[@]}" >>"$work/cached"
    [[ $peer == no ]] ||
        milliseconds peer_build tutorial "$work/tutorial" "${tutorial[@]}" >>"$work/cached.peer"
done
msb_build tutorial "$work/tutorial" "${tutorial[@]}" | cmp - "$work/first"
echo "cached rebuild of the tutorial       $(median <"$work/cached") ms (aim: under 30)"
if [[ $peer == yes ]]; then
    echo "  buildah                            $(median <"$work/cached.peer") ms"
fi
