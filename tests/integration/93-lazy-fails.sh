#!/bin/bash
# Lazy images whose registry does not answer, lies, or wants to know who asks.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/registries.sh"

# show REPOSITORY [OPTION…]: the image there in a new store and a new mount, at $tree; what its
# daemon says is in $work/said.
show() {
    local image=127.0.0.1:$port/$1

    shift
    if mountpoint -q "$mnt"; then
        umount "$mnt"
    fi
    rm -rf "$MSB_ROOT"
    msb pull -q --lazy "$image" >out
    msb import busybox.tar busybox >out
    mount_again "$@"
    tree=$mnt/images/$image
}

mount_again() {
    spawn msb mount -f "$@" "$mnt" 2>said
    eventually mountpoint -q "$mnt"
}

# said_of FILE PATTERN: by the daemon, which names contents.
said_of() {
    local sum

    sum=$(sha256sum <"below/$1")
    contains said "sha256:${sum%% *}: .*$2"
}

# All readers are there.
all_wait() {
    [[ $(pgrep -cx cat -P $$) == 64 ]]
}

# whole FILE…: they can be read and are what was packed.
whole() {
    local file

    for file in "$@"; do
        cmp "below/$file" "$tree/$file"
    done
}

import_busybox
mkdir -p below/etc below/data
head -c 2500000 /dev/urandom >below/data/large
echo hello >below/etc/hello
for i in {1..64}; do
    head -c 300000 /dev/urandom >"below/data/file$i"
done
"$here/make_lazy.py" srv estargz estargz below
serve
settings <<<'{"lazyTimeout": 1}'

for transport in ro noring; do
    it "answers everybody else while 64 wait for a registry that is silent: -o $transport"
    show good/app:estargz -o "$transport"
    whole etc/hello
    kill -STOP "$server"
    pids=()
    begin=$SECONDS
    for i in {1..64}; do # all from one core, whose ring they share
        taskset -c 0 cat "$tree/data/file$i" >/dev/null 2>"refused$i" &
        pids+=($!)
    done
    eventually all_wait
    sleep 0.5
    now=$SECONDS
    taskset -c 0 timeout 3 ls -lR "$tree" "$mnt/images/busybox:latest/" >listing
    taskset -c 0 timeout 3 cmp /bin/busybox "$mnt/images/busybox:latest/bin/busybox"
    taskset -c 0 timeout 3 cmp below/etc/hello "$tree/etc/hello"
    at_most $((SECONDS - now)) 2
    all_wait || fail "somebody waits no longer"
    for pid in "${pids[@]}"; do
        exits 1 wait "$pid"
    done
    at_most $((SECONDS - begin)) 10
    same 64 "$(grep -l 'Input/output error' refused* | wc -l)"
    said_of data/file1 'no answer, or one that is too slow'
    kill -CONT "$server"
done

it "gives no byte of what is not what was announced, keeps nothing of it, and says so"
show good/app:estargz
blob=$(jq -r '.layers[0].digest' srv/manifests/estargz)
blob=srv/blobs/${blob/:/_}
cp "$blob" kept
python3 - "$blob" <<'END'
import sys
with open(sys.argv[1], "r+b") as file:
    bytes = bytearray(file.read())
    for at in range(1000, len(bytes) - 100000, 1000):
        bytes[at] ^= 1
    file.seek(0)
    file.write(bytes)
END
refuses 1 'Input/output error' cat "$tree/data/large"
same "" "$(cat out)"
said_of data/large '/good/app: '
refuses 1 'Input/output error' cat "$tree/data/file7"
msb fsck >out
contains out '^67 blobs are still in their registries'
cp kept "$blob"
whole data/large data/file7

it "is recognized, also when its token has expired meanwhile, and is told where it is not"
echo '{"auths": {"127.0.0.1:'"$port"'": {"auth": "'"$(printf user:secret | base64)"'"}}}' \
    >"$DOCKER_CONFIG/config.json"
show token/app:estargz
whole etc/hello
echo another >srv/token
whole data/file64
mv "$DOCKER_CONFIG/config.json" login
umount "$mnt"
mount_again
refuses 1 'Input/output error' cat "$tree/data/file7"
said_of data/file7 "'msb login 127.0.0.1:$port'"
lacks said secret
mv login "$DOCKER_CONFIG/config.json"
sleep 5
whole data/file7 data/large
umount "$mnt"
