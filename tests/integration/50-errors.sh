#!/bin/bash
# What goes wrong is said in one clear line, with the right status, and the store works on.
. "$(dirname "$0")/lib.sh"

import_busybox

works_still() {
    dockerfile Works <<'END'
FROM busybox
RUN echo works > /works
END
    build -t works -f "$work/ctx/Works" --no-cache
    msb cp image:works:/works works
    same works "$(cat works)"
}

# A build that is refused: its status, a line that says why, and nothing that looks like a crash.
build_refused() { # PATTERN [ARGUMENT…]
    local pattern=$1

    shift
    exits 1 msb build "$@" ctx
    contains err "$pattern"
    lacks err 'Assertion|Sanitizer|Segmentation'
}

it "names an unknown instruction, and the one that was probably meant"
printf 'FROM busybox\nRUM true\n' | dockerfile
build_refused 'Dockerfile:2: unknown instruction .RUM. \(did you mean RUN\?\)'

it "refuses a Dockerfile without a stage, an empty one and none at all"
dockerfile </dev/null
build_refused 'Dockerfile.*(empty|no instructions)'
echo 'RUN true' | dockerfile
build_refused 'Dockerfile:1.*(FROM|stage)'
rm ctx/Dockerfile
build_refused 'Dockerfile.*(No such file|not found)'

it "names a missing source of COPY"
printf 'FROM busybox\nCOPY absent /\n' | dockerfile
build_refused 'Dockerfile:2.*absent.*not found'
printf 'FROM busybox AS a\nFROM busybox\nCOPY --from=a /absent /\n' | dockerfile
build_refused 'Dockerfile:3.*/absent.*not found'
lacks err 'as the command left them'
said=$(sed -n 's/.*msb cp \(.*\):PATH .*/\1/p' err) # what it tells to look at is there
msb cp "$said:/bin/busybox" busybox.copy
rm busybox.copy

it "refuses a context that is no directory, and names no image can have, before any step"
printf 'FROM scratch\nCOPY Dockerfile /\n' | dockerfile
refuses 1 "^msb: build context 'nowhere': No such file" msb build nowhere
refuses 1 "^msb: build context 'ctx/Dockerfile' is no directory; " msb build ctx/Dockerfile
refuses 1 "'a:b:c' is no image name: its tag is not valid" msb build -t a:b:c ctx
refuses 1 "a digest cannot be given" \
    msb build -t "a@sha256:$(printf '%064d' 0)" ctx

it "keeps '..' of a source inside the context"
echo outside >outside
printf 'FROM busybox\nCOPY ../outside /\n' | dockerfile
build_refused 'Dockerfile:2.*outside.*not found'
rm outside

it "names an unknown stage as the target"
printf 'FROM busybox AS build\n' | dockerfile
build_refused 'biuld.*did you mean build' --target biuld

it "names a base image that nobody has"
printf 'FROM localhost:1/no/such:image\n' | dockerfile
build_refused 'Dockerfile:1.*localhost:1/no/such:image'
lacks err 'did you mean'
printf 'FROM localhost:1/busyboxx\n' | dockerfile
msb tag busybox localhost:1/busybox
build_refused 'did you mean localhost:1/busybox\? else bring it in'
msb rmi localhost:1/busybox >out

it "answers wrong usage with status 2"
exits 2 msb no-such-command
contains err 'no-such-command'
exits 2 msb build --no-such-flag ctx
contains err 'no-such-flag'
exits 2 msb build
exits 2 msb mount
exits 2 msb tag only-one

it "refuses unknown images, stages and trees by their name"
refuses 1 absent msb inspect absent
refuses 1 absent msb rmi absent
refuses 1 absent msb tag absent other
refuses 1 absent msb export absent
refuses 1 'no-such-file' msb cp image:busybox:/no-such-file .
refuses 1 'tree:sha256' msb export "tree:sha256:$(printf '%064d' 0)"

it "refuses archives that are cut off, empty or none"
head -c 100000 busybox.tar >cut.tar
refuses 1 'cut.tar' msb import cut.tar cut
head -c 65536 /dev/urandom >noise.tar
refuses 1 'noise.tar' msb import noise.tar noise
refuses 1 'noise.tar' msb load -i noise.tar
refuses 1 'absent.tar' msb import absent.tar absent
refuses 1 'absent.tar' msb load -i absent.tar
refuses 1 'busybox.tar' msb load -i busybox.tar
gzip -c busybox.tar >whole.tar.gz
head -c 50000 whole.tar.gz >cut.tar.gz
refuses 1 'cut.tar.gz' msb import cut.tar.gz cut
msb image ls >out
lacks out 'cut|noise'

it "keeps entries with '..' or an absolute name inside the tree, or refuses them"
python3 - "$work" <<'END'
import io, sys, tarfile
for name, member in (("up", "../../../escaped"), ("absolute", sys.argv[1] + "/escaped"),
                     ("through", "link/escaped")):
    with tarfile.open(f"{name}.tar", "w") as tar:
        if name == "through":
            link = tarfile.TarInfo("link")
            link.type, link.linkname = tarfile.SYMTYPE, sys.argv[1]
            tar.addfile(link)
        info = tarfile.TarInfo(member)
        info.size = 3
        tar.addfile(info, io.BytesIO(b"out"))
with tarfile.open("hard.tar", "w") as tar:
    info = tarfile.TarInfo("hard")
    info.type, info.linkname = tarfile.LNKTYPE, "../../../../../../../../etc/passwd"
    tar.addfile(info)
END
for name in up absolute through; do
    status=0
    msb import "$name.tar" "$name" >out 2>err || status=$?
    ((status == 0 || status == 1)) || fail "status $status of $name.tar: $(cat err)"
    absent "$work/escaped"
    absent "$work/store/../escaped"
done
refuses 1 'hard' msb import hard.tar hard

it "refuses mount points that are busy, missing or no directory"
mount_store
refuses 1 "$mnt" msb mount "$mnt"
unmount_store
refuses 1 "$work/absent" msb mount "$work/absent"
touch file
refuses 1 "$work/file" msb mount "$work/file"
refuses 1 "$mnt" msb umount "$mnt"
same "" "$(mounts_below "$work")"

it "says what to install where there is neither crun nor runc"
mkdir bin
IFS=: read -ra folders <<<"$PATH"
for folder in "${folders[@]}"; do
    if [[ -d $folder ]]; then
        find "$folder" -maxdepth 1 ! -type d ! -name crun ! -name runc -printf '%p\0' |
            xargs -0 -r ln -sf -t bin
    fi
done
printf 'FROM busybox\nRUN echo needs a runtime\n' | dockerfile
exits 1 env PATH="$work/bin" MSB_FS="$(dirname "$(command -v msb)")/../../fs/msbfs" msb build ctx
contains err 'crun'
works_still

it "says what is missing where there is no /dev/fuse"
# without_fuse COMMAND…: with a /dev that has the usual devices, but not that one.
without_fuse() {
    # shellcheck disable=SC2016 # expanded inside
    unshare -m --propagation private sh -c '
        mount -t tmpfs -o mode=755 tmpfs /dev
        mknod -m 666 /dev/null c 1 3 && mknod -m 666 /dev/zero c 1 5
        mknod -m 666 /dev/urandom c 1 9 && mknod -m 666 /dev/random c 1 8
        mknod -m 666 /dev/tty c 5 0 && mkdir /dev/shm && ln -s /proc/self/fd /dev/fd
        exec "$@"' sh "$@"
}
refuses 1 '/dev/fuse' without_fuse msb mount "$mnt"
same "" "$(mounts_below "$work")"

it "builds without /dev/fuse, from a plain checkout, with the same result"
dockerfile <<'END'
FROM busybox
RUN echo plain > /plain && rm /etc/group && mkdir -p /a/b && chmod 700 /a
END
exits 0 without_fuse msb build --no-cache -t plain ctx
unpack_tree image:plain plain
same plain "$(cat plain/plain)"
same 700 "$(stat -c %a plain/a)"
absent plain/etc/group
build --no-cache -t usual
unpack_tree image:usual usual
same "" "$(rsync -aHAXn --no-times --checksum --delete --itemize-changes plain/ usual/)"

it "survives a full disk"
mkdir small
mount -t tmpfs -o size=16m tmpfs small
head -c 24M /dev/urandom >large
tar -cf large.tar large
(
    export MSB_ROOT=$work/small/store
    msb import busybox.tar busybox >out
    refuses 1 'No space left on device' msb import large.tar large
    msb image ls >out
    contains out '^busybox '
    lacks out '^large '
    mount -o remount,size=100m "$work/small"
    msb import large.tar large >out
    works_still
    msb fsck >out
)

it "takes no directory that holds something else for a store, nor a file"
mkdir -p foreign/photos
refuses 1 "holds other things \('photos'\).*such as 'foreign/msb'" msb --root foreign import busybox.tar b
same photos "$(ls foreign)"
refuses 1 'ctx/Dockerfile.: Not a directory' msb --root ctx/Dockerfile images
msb --root foreign/msb import busybox.tar b >out

it "says where else a store can be, to whom this place does not belong"
as_nobody() {
    setpriv --reuid 65534 --regid 65534 --clear-groups env HOME=/nonexistent "$@"
}
chmod 755 "$work"
install -m 755 "$(command -v msb)" tool
refuses 1 "create directory '/nonexistent.*--root DIR or MSB_ROOT" \
    as_nobody env -u MSB_ROOT ./tool import busybox.tar b
refuses 1 "belongs to another user.*--root DIR or MSB_ROOT" as_nobody ./tool images

it "draws no kind of picture that it does not know"
exits 2 msb graph -o x.png
contains err "'x.png'.*svg, html, dot or json"
absent x.png

it "leaves a store that is whole"
works_still
msb fsck >out
