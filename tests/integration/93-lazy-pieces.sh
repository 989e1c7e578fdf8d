#!/bin/bash
# Large files of lazy images: their bytes come piece by piece, as far as they are read.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/registries.sh"

# show FORM: the image in a new store and a new mount, at $tree.
show() {
    if mountpoint -q "$mnt"; then
        umount "$mnt"
    fi
    rm -rf "$MSB_ROOT"
    msb pull -q --lazy "127.0.0.1:$port/good/app:$1" >out
    mount_store
    tree=$mnt/images/127.0.0.1:$port/good/app:$1
    forget
}

# part FILE OFFSET SIZE: its digest.
part() {
    dd if="$1" iflag=skip_bytes,count_bytes skip="$2" count="$3" status=none | sha256sum
}

# What the registry's blob has, from byte $2 on, is noise; a megabyte of it.
spoil() { # FORM OFFSET
    local blob

    blob=$(jq -r '.layers[0].digest' "srv/manifests/$1")
    blob=srv/blobs/${blob/:/_}
    cp "$blob" kept
    dd if=/dev/urandom of="$blob" bs=1M count=1 oflag=seek_bytes seek="$2" conv=notrunc status=none
}

piece=1048576
mkdir -p below/data srv
head -c $((24 * piece + 1000)) /dev/urandom >below/data/large
head -c $((3 * piece)) /dev/zero >below/data/zeros
echo small >below/data/small
"$here/make_lazy.py" srv estargz estargz below
"$here/make_lazy.py" srv zstd zstd below
serve
settings <<<'{"lazyTimeout": 1}'

for form in estargz zstd; do
    it "brings a piece for the first bytes of a large file, and one for some in the middle: $form"
    show "$form"
    same "$(head -c 100 below/data/large | sha256sum)" "$(head -c 100 "$tree/data/large" | sha256sum)"
    at_most "$(sent)" $((piece + piece / 10))
    forget
    for at in $((12 * piece + 7)) $((24 * piece + 900)); do
        same "$(part below/data/large "$at" 100)" "$(part "$tree/data/large" "$at" 100)"
    done
    at_most "$(sent)" $((2 * piece))
    forget
    same "$(part below/data/large $((12 * piece)) 5000)" "$(part "$tree/data/large" $((12 * piece)) 5000)"
    same 0 "$(sent)"

    it "keeps what came when all is mounted anew and the registry is gone"
    umount "$mnt"
    mount_store
    kill -STOP "$server"
    same "$(part below/data/large $((12 * piece)) 5000)" "$(part "$tree/data/large" $((12 * piece)) 5000)"
    refuses 1 'Input/output error' dd if="$tree/data/large" bs=4096 skip=$((20 * 256)) count=1 status=none
    kill -CONT "$server"
    umount "$mnt"
    mount_store

    it "brings the rest once, each piece, and keeps it as one file"
    forget
    cmp below/data/large "$tree/data/large"
    cmp below/data/zeros "$tree/data/zeros"
    at_most "$(sent)" $((23 * piece))
    same "" "$(ls -A "$MSB_ROOT/partial")"
    forget
    sync
    echo 3 >/proc/sys/vm/drop_caches
    cmp below/data/large "$tree/data/large"
    same 0 "$(sent)"
    msb fsck >out

    it "gives what can be had of a file, and says EIO for what cannot"
    show "$form"
    spoil "$form" $((12 * piece))
    refuses 1 'Input/output error' cp "$tree/data/large" got
    same "$(part below/data/large $((20 * piece)) $piece)" "$(part "$tree/data/large" $((20 * piece)) $piece)"
    same "$(part below/data/large 0 $((11 * piece)))" "$(part "$tree/data/large" 0 $((11 * piece)))"
    mv kept "$(ls srv/blobs/"$(jq -r '.layers[0].digest' "srv/manifests/$form" | tr : _)")"
    cmp below/data/large "$tree/data/large"
done

it "is sound when whoever brings it is killed, and goes on where that ended"
show zstd
for pause in 0.1 0.2 0.3 0.4 0.5; do
    cmp below/data/large "$tree/data/large" >out 2>&1 &
    reader=$!
    sleep "$pause"
    if helper=$(pgrep -f "fetch --serve --root $MSB_ROOT\$"); then
        kill -9 "$helper"
    fi
    wait "$reader" || same 2 $?
done
msb fsck >out
cmp below/data/large "$tree/data/large"
at_most "$(sent)" $((40 * piece))

it "is shared by several mounts that read at once"
show zstd
mkdir other
msb mount other
for place in "$tree" "other${tree#"$mnt"}" "$tree"; do
    cmp below/data/large "$place/data/large" &
done
for child in $(jobs -p | tail -3); do
    wait "$child"
done
msb fsck >out
umount other

it "loses pieces with the image they are of"
show zstd
head -c 100 "$tree/data/large" >got
same 2 "$(ls -A "$MSB_ROOT/partial" | wc -l)"
msb prune -f >out
same 2 "$(ls -A "$MSB_ROOT/partial" | wc -l)"
umount "$mnt"
msb rmi "127.0.0.1:$port/good/app:zstd" >out
msb prune -f >out
same "" "$(ls -A "$MSB_ROOT/partial")"
