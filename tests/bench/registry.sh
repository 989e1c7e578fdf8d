#!/bin/bash
# Pull and push of the large base image against buildah and skopeo, over loopback, with Debian's
# docker-registry. Medians of interleaved rounds; ratios against the fastest peer.
#
#   tests/bench/registry.sh BUILD_DIRECTORY [WORK_FOLDER] [ROUNDS]
#
# The base: node.tar of tools/make-bases.sh. skopeo's "oci:" is a copy of compressed blobs, which
# unpacks nothing: it is shown beside, and no peer of a pull that ends with files. A pull and a push
# end when their data are on the disk.
set -euo pipefail

build=$(cd "$1" && pwd)
work=$(mktemp -d "${2:-/var/tmp}/msb-bench.XXXXXX")
rounds=${3:-5}
bases=${MSB_BASES:-${XDG_CACHE_HOME:-$HOME/.cache}/msb-bases}
port=5093
registry=127.0.0.1:$port
msb=$build/tools/msb/msb
server=
export MSB_ROOT=$work/store
export REGISTRY_AUTH_FILE=$work/auth.json
echo '{}' >"$REGISTRY_AUTH_FILE"

clean_up() {
    if [[ -n $server ]]; then
        kill "$server"
    fi
    no_peer
    rm -rf "$work"
}
trap clean_up EXIT

for program in buildah skopeo docker-registry; do
    if ! command -v "$program" >/dev/null; then
        echo "registry.sh: $program is not installed" >&2
        exit 1
    fi
done

start_registry() {
    local try

    cat >"$work/registry.yml" <<END
version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: $work/registry}, delete: {enabled: true}}
http: {addr: $registry}
END
    # It would take REGISTRY_AUTH_FILE for a part of its own configuration.
    env -u REGISTRY_AUTH_FILE docker-registry serve "$work/registry.yml" \
        >"$work/registry.log" 2>&1 &
    server=$!
    for ((try = 0; try < 100; try++)); do
        if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>"$work/hello"; then
            return
        fi
        sleep 0.1
    done
    cat "$work/registry.log" >&2
    exit 1
}

stop_registry() {
    local status=0

    kill "$server"
    wait "$server" 2>"$work/out" || status=$?
    ((status == 143 || status == 0))
    server=
    rm -rf "$work/registry"
}

# microseconds COMMAND...: how long it takes.
microseconds() {
    local begin=$EPOCHREALTIME end

    if ! "$@" >"$work/out" 2>&1; then
        cat "$work/out" >&2
        exit 1
    fi
    end=$EPOCHREALTIME
    echo $((${end/./} - ${begin/./}))
}

peer() {
    buildah --root "$work/peer" --runroot "$work/run" --storage-driver "$driver" "$@"
}

peer_pull() {
    peer pull --tls-verify=false "$registry/$1"
    sync -f "$work/peer"
}

peer_push() {
    peer push --tls-verify=false "$registry/$1"
    sync -f "$work/registry"
}

skopeo_storage() { # IMAGE
    skopeo copy --src-tls-verify=false "docker://$registry/$1" \
        "containers-storage:[$driver@$work/peer+$work/run]$registry/$1"
    sync -f "$work/peer"
}

skopeo_push() {
    skopeo copy --dest-tls-verify=false \
        "containers-storage:[$driver@$work/peer+$work/run]$registry/$1" \
        "docker://$registry/$1"
    sync -f "$work/registry"
}

skopeo_blobs() {
    skopeo copy --src-tls-verify=false "docker://$registry/$1" "oci:$work/oci:latest"
    sync -f "$work/oci"
}

msb_pull() {
    "$msb" pull "$registry/$1"
    sync -f "$work/store"
}

msb_push() {
    "$msb" push "$registry/$1"
    sync -f "$work/registry"
}

no_peer() {
    # The overlay driver keeps its folder mounted on itself.
    if mountpoint -q "$work/peer/overlay"; then
        umount "$work/peer/overlay"
    fi
    rm -rf "$work/peer" "$work/run" "$work/oci"
}

median() {
    sort -n "$1" | sed -n "$((rounds / 2 + 1))p"
}

# report WHAT OURS PEER...: from the files of numbers.
report() {
    local what=$1 ours best='' name value text=''

    ours=$(median "$work/$2")
    shift 2
    for name in "$@"; do
        value=$(median "$work/$name")
        text+=$(awk -v n="${name#*.}" -v v="$value" 'BEGIN { printf "  %s %.3f s", n, v / 1e6 }')
        [[ $name == *blobs ]] || ((${best:-$value} < value)) || best=$value
    done
    awk -v what="$what" -v ours="$ours" -v best="$best" -v text="$text" 'BEGIN {
        printf "%-12s msb %.3f s%s  ratio %.2f\n", what, ours / 1e6, text, ours / best }'
}

# Overlay where the kernel lets us, as buildah itself would choose.
choose_driver() {
    for driver in overlay vfs; do
        if peer images >"$work/out" 2>&1; then
            return
        fi
    done
    cat "$work/out" >&2
    exit 1
}

bench_pull() {
    local round

    rm -f "$work"/pull.*
    for ((round = 0; round < rounds; round++)); do
        rm -rf "$work/store"
        microseconds msb_pull base >>"$work/pull.msb"
        no_peer
        microseconds peer_pull base >>"$work/pull.buildah"
        no_peer
        microseconds skopeo_storage base >>"$work/pull.skopeo"
        no_peer
        microseconds skopeo_blobs base >>"$work/pull.skopeo-blobs"
        no_peer
    done
    report pull pull.msb pull.buildah pull.skopeo pull.skopeo-blobs
}

# Each round into an empty registry, from a tree that nobody has compressed yet.
bench_push() {
    local round

    rm -f "$work"/push.*
    for ((round = 0; round < rounds; round++)); do
        rm -rf "$work/store"
        "$msb" import "$bases/node.tar" "$registry/base" >"$work/out"
        microseconds msb_push base >>"$work/push.msb"
        stop_registry
        start_registry
        microseconds peer_push base >>"$work/push.buildah"
        stop_registry
        start_registry
        microseconds skopeo_push base >>"$work/push.skopeo"
        stop_registry
        start_registry
    done
    report push push.msb push.buildah push.skopeo
}

# Ten layers of which nine are there.
bench_tenth() {
    local round

    rm -f "$work"/tenth.*
    for ((round = 0; round < rounds; round++)); do
        rm -rf "$work/store"
        "$msb" pull "$registry/nine" >"$work/out"
        microseconds msb_pull ten >>"$work/tenth.msb"
        no_peer
        peer pull --tls-verify=false "$registry/nine" >"$work/out" 2>&1
        microseconds peer_pull ten >>"$work/tenth.buildah"
        no_peer
    done
    report "tenth layer" tenth.msb tenth.buildah
    awk -v tenth="$(median "$work/tenth.msb")" -v all="$(median "$work/pull.msb")" 'BEGIN {
        printf "tenth layer  %.2f of the whole pull\n", tenth / all }'
}

# The images nine and ten: the base, and layers of two megabytes.
make_layers() {
    local i

    mkdir "$work/ctx"
    printf 'FROM %s\n' "$registry/base" >"$work/ctx/Dockerfile"
    for i in {2..10}; do
        head -c 2000000 /dev/urandom >"$work/ctx/$i"
        printf 'COPY %s /layer/\n' "$i" >>"$work/ctx/Dockerfile"
    done
    "$msb" build -q -t "$registry/ten" "$work/ctx" >"$work/out"
    sed -i '$d' "$work/ctx/Dockerfile"
    "$msb" build -q -t "$registry/nine" "$work/ctx" >"$work/out"
    "$msb" push "$registry/nine" >"$work/out"
    "$msb" push "$registry/ten" >"$work/out"
}

choose_driver
echo "storage driver of the peers: $driver"
start_registry
# The peers push what they imported as one layer.
"$msb" import "$bases/node.tar" "$registry/base" >"$work/out"
"$msb" push "$registry/base" >"$work/out"
bench_pull
peer_pull base >"$work/out" 2>&1
container=$(peer from scratch)
peer add "$container" "$bases/node.tar" / >"$work/out"
peer commit "$container" "$registry/base" >"$work/out" 2>&1
stop_registry
start_registry
bench_push
"$msb" push "$registry/base" >"$work/out"
make_layers
bench_tenth
