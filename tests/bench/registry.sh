#!/bin/bash
# Pull and push against docker, buildah and skopeo, over loopback, with Debian's docker-registry.
# Medians of interleaved rounds; ratios against the fastest peer; seconds of processors beside.
#
#   tests/bench/registry.sh BUILD_DIRECTORY [WORK_FOLDER] [ROUNDS] [CASE…]
#
# Cases, all of them without a name:
#   pull, push            the large base image of tools/make-bases.sh, 260 MB, in one layer
#   pull-ten, push-ten    the same files in ten layers, of one size as far as files allow
#   pull-zstd, push-zstd  in one layer that is compressed with zstd, which docker does not know
#   second                a pull of ten layers where the lower nine are there
#   second-small          the same of 260 MB and nine layers of two megabytes upon them
#
# Like is compared with like: nobody has anything of the image when a first pull begins, or has it
# compressed when a push begins into an empty registry; what was written before is on the disk, and
# what is measured ends when its data are. Each image ends with the ID that the registry's copy has.
# skopeo's "oci:" ("blobs") is a copy of compressed blobs, which unpacks nothing: it is shown beside,
# and no peer of a pull that ends with files.
set -euo pipefail

build=$(cd "$1" && pwd)
work=$(mktemp -d "${2:-/var/tmp}/msb-bench.XXXXXX")
rounds=${3:-5}
cases=("${@:4}")
bases=${MSB_BASES:-${XDG_CACHE_HOME:-$HOME/.cache}/msb-bases}
port=5093
registry=127.0.0.1:$port
msb=$build/tools/msb/msb
server='' dockerd='' peers=()
export MSB_ROOT=$work/store
export REGISTRY_AUTH_FILE=$work/auth.json
export DOCKER_CONFIG=$work DOCKER_HOST=unix://$work/docker.socket
echo '{}' >"$REGISTRY_AUTH_FILE"

clean_up() {
    if [[ -n $server ]]; then
        kill "$server"
    fi
    if [[ -n $dockerd ]]; then
        kill "$dockerd"
        wait "$dockerd" 2>"$work/out" || [[ $? == 143 ]]
    fi
    empty_buildah
    rm -rf "$work"
}
trap clean_up EXIT

for program in buildah skopeo docker-registry dockerd jq; do
    if ! command -v "$program" >/dev/null; then
        echo "registry.sh: $program is not installed" >&2
        exit 1
    fi
done

# --- The servers ---------------------------------------------------------------------------

# eventually COMMAND...: waits until it succeeds.
eventually() {
    local try

    for ((try = 0; try < 200; try++)); do
        if "$@" >"$work/hello" 2>&1; then
            return
        fi
        sleep 0.1
    done
    cat "$work"/*.log >&2
    exit 1
}

answers() {
    (exec 3<>"/dev/tcp/127.0.0.1/$port")
}

start_registry() {
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
    eventually answers
}

stop_registry() {
    local status=0

    kill "$server"
    wait "$server" 2>"$work/out" || status=$?
    ((status == 143 || status == 0))
    server=
}

# An empty one; what was in it is kept aside.
fresh_registry() {
    stop_registry
    if [[ ! -e $work/kept ]]; then
        mv "$work/registry" "$work/kept"
    fi
    rm -rf "$work/registry"
    start_registry
}

full_registry() {
    stop_registry
    rm -rf "$work/registry"
    mv "$work/kept" "$work/registry"
    start_registry
}

docker() {
    /usr/bin/docker "$@" # Debian's, whatever else is in PATH
}

start_dockerd() {
    dockerd --iptables=false --bridge=none --data-root "$work/docker" \
        --exec-root "$work/docker-exec" --pidfile "$work/docker.pid" -H "$DOCKER_HOST" \
        >"$work/dockerd.log" 2>&1 &
    dockerd=$!
    eventually docker version
}

# --- The tools: each is emptied, pulls, pushes, has an image to push, and says its ID ---------

empty_msb() {
    rm -rf "$work/store"
}

pull_msb() {
    "$msb" pull "$registry/$1"
}

push_msb() {
    "$msb" push --compression "${2:-gzip}" "$registry/$1"
}

make_msb() { # a tree that nobody has compressed yet
    empty_msb
    make_image "$1"
}

id_msb() {
    "$msb" inspect "$registry/$1" | jq -r '.[0].Id'
}

buildah_here() {
    buildah --root "$work/peer" --runroot "$work/run" --storage-driver "$driver" "$@"
}

empty_buildah() {
    # The overlay driver keeps its folder mounted on itself.
    if mountpoint -q "$work/peer/overlay"; then
        umount "$work/peer/overlay"
    fi
    rm -rf "$work/peer" "$work/run"
}

pull_buildah() {
    buildah_here pull --tls-verify=false "$registry/$1"
}

push_buildah() {
    buildah_here push --tls-verify=false --compression-format "${2:-gzip}" "$registry/$1"
}

make_buildah() { # as it keeps them, layers are not compressed
    empty_buildah
    pull_buildah "$1"
}

id_buildah() {
    buildah_here images --no-trunc -q "$registry/$1"
}

in_storage() {
    echo "containers-storage:[$driver@$work/peer+$work/run]$registry/$1"
}

empty_skopeo() {
    empty_buildah
}

pull_skopeo() {
    skopeo copy --src-tls-verify=false "docker://$registry/$1" "$(in_storage "$1")"
}

push_skopeo() {
    skopeo copy --dest-tls-verify=false --dest-compress-format "${2:-gzip}" \
        "$(in_storage "$1")" "docker://$registry/$1"
}

make_skopeo() {
    make_buildah "$1"
}

id_skopeo() {
    id_buildah "$1"
}

empty_docker() {
    local ids

    mapfile -t ids < <(docker images -aq | sort -u)
    ((${#ids[@]} == 0)) || docker rmi -f "${ids[@]}" >"$work/out" 2>&1
}

pull_docker() {
    docker pull "$registry/$1"
}

push_docker() {
    docker push "$registry/$1"
}

make_docker() {
    empty_docker
    pull_docker "$1"
}

id_docker() {
    docker inspect -f '{{.Id}}' "$registry/$1"
}

empty_blobs() {
    rm -rf "$work/oci"
}

pull_blobs() {
    skopeo copy --src-tls-verify=false "docker://$registry/$1" "oci:$work/oci:latest"
}

id_blobs() {
    skopeo inspect --raw "oci:$work/oci:latest" | jq -r .config.digest
}

# --- Measuring -------------------------------------------------------------------------------

# Clock ticks of the daemon, and of what it ran.
daemon_ticks() {
    awk '{ print $14 + $15 + $16 + $17 }' "/proc/$dockerd/stat"
}

durable() {
    "$@" && sync -f "$work"
}

# measure FILE COMMAND...: appends microseconds, and milliseconds of processors.
measure() {
    local file=$1 begin end ticks TIMEFORMAT='%U %S'

    sync -f "$work"
    ticks=$(daemon_ticks)
    begin=$EPOCHREALTIME
    if ! { time durable "${@:2}" >"$work/out" 2>&1; } 2>"$work/time"; then
        cat "$work/out" >&2
        exit 1
    fi
    end=$EPOCHREALTIME
    awk -v wall=$((${end/./} - ${begin/./})) -v ticks=$(($(daemon_ticks) - ticks)) \
        -v hertz="$(getconf CLK_TCK)" \
        '{ printf "%d %.0f\n", wall, 1000 * ($1 + $2 + ticks / hertz) }' "$work/time" \
        >>"$work/times/$file"
}

# same_image TOOL IMAGE: what the tool has is what the registry has.
same_image() {
    local here there

    here=$("id_$1" "$2")
    there=$(skopeo inspect --tls-verify=false --raw "docker://$registry/$2" |
        jq -r .config.digest)
    if [[ sha256:${here#sha256:} != "$there" ]]; then
        echo "registry.sh: $1 has $here, the registry $there" >&2
        exit 1
    fi
}

# median FILE COLUMN
median() {
    cut -d' ' -f"$2" "$work/times/$1" | sort -n | sed -n "$((rounds / 2 + 1))p"
}

# fastest CASE: among the peers that were measured.
fastest() {
    local tool value best=''

    for tool in docker buildah skopeo; do
        [[ -e $work/times/$1.$tool ]] || continue
        value=$(median "$1.$tool" 1)
        ((${best:-$value} < value)) || best=$value
    done
    echo "$best"
}

report() { # CASE
    local tool text=''

    for tool in msb "${peers[@]}" blobs; do
        [[ -e $work/times/$1.$tool ]] || continue
        text+=$(awk -v tool="$tool" -v wall="$(median "$1.$tool" 1)" \
            -v cpu="$(median "$1.$tool" 2)" \
            'BEGIN { printf "  %s %.3f s (%.2f)", tool, wall / 1e6, cpu / 1e3 }')
    done
    awk -v what="$1" -v text="$text" -v ours="$(median "$1.msb" 1)" -v best="$(fastest "$1")" \
        'BEGIN { printf "%-12s%s  ratio %.2f\n", what, text, ours / best }'
}

# --- The images ------------------------------------------------------------------------------

# The files of the base in ten archives of one size, and two megabytes nine times.
make_contexts() {
    local i

    mkdir "$work/files" "$work/ten" "$work/small"
    tar -C "$work/files" -xpf "$bases/node.tar"
    (cd "$work/files" && find . -type d -printf '0 %p\n' -o -printf '%s %p\n') |
        awk -v work="$work" -v left="$(du -sb "$work/files" | cut -f1)" '{
            size = $1
            sub(/^[0-9]+ /, "")
            if (i < 9 && held > 0 && held + size / 2 > left / (10 - i)) {
                left -= held
                held = 0
                i++
            }
            print > (work "/ten/" (i + 0) ".list")
            held += size
        }'
    for i in {0..9}; do
        tar -C "$work/files" -cf "$work/ten/$i.tar" --no-recursion --verbatim-files-from \
            -T "$work/ten/$i.list"
        head -c 2000000 /dev/urandom >"$work/small/$i"
    done
    rm -rf "$work/files" "$work"/ten/*.list
}

# dockerfile FROM INSTRUCTION COUNT
dockerfile() {
    local i

    echo "FROM $1"
    for ((i = 0; i < $3; i++)); do
        printf '%s %s\n' "${2%% *}" "$i${2#* }"
    done
}

make_image() { # NAME: into msb's store, of what is here
    case $1 in
    base) "$msb" import "$bases/node.tar" "$registry/base" ;;
    ten) dockerfile scratch 'ADD .tar /' 10 | build_image ten ten ;;
    nine) dockerfile scratch 'ADD .tar /' 9 | build_image ten nine ;;
    small-ten) dockerfile "$registry/base" 'COPY  /layer/' 9 | build_image small small-ten ;;
    small-nine) dockerfile "$registry/base" 'COPY  /layer/' 8 | build_image small small-nine ;;
    esac
}

build_image() { # CONTEXT NAME
    "$msb" build -q -t "$registry/$2" -f - "$work/$1"
}

# --- The cases -------------------------------------------------------------------------------

bench_pull() { # CASE IMAGE TOOL...
    local round tool

    for ((round = 0; round < rounds; round++)); do
        for tool in "${@:3}"; do
            "empty_$tool"
            measure "$1.$tool" "pull_$tool" "$2"
            same_image "$tool" "$2"
            "empty_$tool"
        done
    done
    report "$1"
}

bench_push() { # CASE IMAGE COMPRESSION TOOL...
    local round tool

    for ((round = 0; round < rounds; round++)); do
        for tool in "${@:4}"; do
            "make_$tool" "$2" >"$work/out" 2>&1
            fresh_registry
            measure "$1.$tool" "push_$tool" "$2" "$3"
            same_image "$tool" "$2"
            "empty_$tool"
            full_registry
        done
    done
    report "$1"
}

# The pull of nine layers is a little less than a whole one: the ratio to it is none too small.
bench_second() { # CASE NINE TEN
    local round tool

    for ((round = 0; round < rounds; round++)); do
        for tool in msb "${peers[@]}"; do
            "empty_$tool"
            measure "$1-first.$tool" "pull_$tool" "$2"
            measure "$1.$tool" "pull_$tool" "$3"
            same_image "$tool" "$3"
            "empty_$tool"
        done
    done
    report "$1-first"
    report "$1"
    awk -v what="$1" -v ours="$(median "$1.msb" 1)" -v theirs="$(fastest "$1-first")" 'BEGIN {
        printf "%-12s  %.3f of the fastest peer'\''s first pull\n", what, ours / theirs }'
}

run_case() {
    local without_docker=(msb buildah skopeo)

    case $1 in
    pull) bench_pull pull base msb "${peers[@]}" blobs ;;
    pull-ten) bench_pull pull-ten ten msb "${peers[@]}" ;;
    pull-zstd) bench_pull pull-zstd zstd "${without_docker[@]}" ;;
    push) bench_push push base gzip msb "${peers[@]}" ;;
    push-ten) bench_push push-ten ten gzip msb "${peers[@]}" ;;
    push-zstd) bench_push push-zstd base zstd "${without_docker[@]}" ;;
    second) bench_second second nine ten ;;
    second-small) bench_second second-small small-nine small-ten ;;
    *)
        echo "registry.sh: no case is called '$1'" >&2
        exit 2
        ;;
    esac
}

# Overlay where the kernel lets us, as buildah itself would choose.
choose_driver() {
    for driver in overlay vfs; do
        if buildah_here images >"$work/out" 2>&1; then
            return
        fi
    done
    cat "$work/out" >&2
    exit 1
}

mkdir "$work/times"
choose_driver
start_registry
start_dockerd
peers=(docker buildah skopeo)
echo "storage drivers: buildah $driver, docker $(docker info -f '{{.Driver}}'); seconds," \
    "in brackets those of processors"
make_contexts
for image in base ten nine small-ten small-nine; do
    make_image "$image" >"$work/out"
    push_msb "$image" >"$work/out"
done
"$msb" tag "$registry/base" "$registry/zstd"
"$msb" push --compression zstd --force-compression "$registry/zstd" >"$work/out"
if ((${#cases[@]} == 0)); then
    cases=(pull push pull-ten push-ten pull-zstd push-zstd second second-small)
fi
for name in "${cases[@]}"; do
    run_case "$name"
done
