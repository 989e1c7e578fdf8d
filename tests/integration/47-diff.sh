#!/bin/bash
# msb diff: two trees, or a tree and a directory on disk, in every form.
. "$(dirname "$0")/lib.sh"

import_busybox
dockerfile <<'END_OF_FILE'
FROM busybox
RUN mkdir -p /src/deep/er /src/gone && seq 100 > /src/numbers && echo old > "/src/with blank" \
 && printf 'a\0b' > /src/binary && echo x > /src/gone/file && ln -s numbers /src/link \
 && printf 'no newline' > /src/deep/er/last
RUN sed -i 's/^50$/fifty/;3d' /src/numbers && echo new > "/src/with blank" \
 && printf 'a\0c' > /src/binary && rm -r /src/gone && echo made > /src/deep/made \
 && chmod 600 /src/deep/er/last
END_OF_FILE
build -t twice
unpack_tree 0@2 before
unpack_tree 0@3 after

it "says what diff -r says of the same trees"
msb diff --name-only 0@2 0@3 >got
cat >wanted <<'END_OF_FILE'
/src
/src/binary
/src/deep
/src/deep/er/last
/src/deep/made
/src/gone
/src/numbers
/src/with blank
END_OF_FILE
diff -u wanted got
cp wanted wanted.names
# What has another mode or time alone is nothing to diff.
{ diff -rq --no-dereference before after || (($? == 1)); } |
    sed -E "s|^Files .* and after(.*) differ$|\1|; s|^Only in [a-z]+(.*): (.*)$|\1/\2|" | sort >got
grep -vxE '/src|/src/deep|/src/deep/er/last' wanted | sort | diff -u - got

it "writes unified diffs that patch understands and that diff agrees with"
msb diff -u 0@2 0@3 >got.patch
contains got.patch '^Binary files a/src/binary and b/src/binary differ$'
contains got.patch '^D /src/gone$'
contains got.patch '^C /src/deep/er/last'
cp -a before patched
patch -s -d patched -p1 <got.patch
cmp patched/src/numbers after/src/numbers
cmp "patched/src/with blank" "after/src/with blank"
cmp patched/src/deep/made after/src/deep/made
{ diff -u before/src/numbers after/src/numbers || (($? == 1)); } | tail -n +3 >wanted
sed -n '\|^+++ b/src/numbers|,\|^---|p' got.patch | sed '1d;$d' >got
diff -u wanted got

it "sums up"
msb diff --stat 0@2 0@3 >out
contains out '^D /src/gone	\+0B -2B$'
same "1 added, 6 changed, 1 deleted: +305B -301B" "$(tail -n 1 out)"

it "prints objects"
msb diff --json 0@2 0@3 >out
msb diff --format json 0@2 0@3 | cmp - out
same 8 "$(wc -l <out)"

it "takes directories on disk, on either side or both"
msb diff 0@2 0@3 >wanted
msb diff 0@2 dir:after | cmp - wanted
msb diff dir:before 0@3 | cmp - wanted
msb diff dir:before dir:after | cmp - wanted
msb diff -u dir:before dir:after | cmp - got.patch
msb diff 0@3 dir:after >out
same "" "$(cat out)"
echo changed >after/src/deep/made
touch -r "after/src/with blank" after/src/deep/made
contains <(msb diff -u 0 dir:after) '^\+changed$'
refuses 1 'absent' msb diff 0 "dir:$work/absent"

it "follows no link out of such a directory"
rm -r after/src/deep
ln -s /etc after/src/deep
msb diff 0@3 dir:after >out
contains out '^D /src/deep$'
contains out '^A /src/deep$'
lacks out passwd

it "says what diff -r says of the same trees in the mount"
mount_store
steps=$mnt/builds/latest/stages/0/steps
{ diff -rq --no-dereference "$steps/2/rootfs" "$steps/3/rootfs" || (($? == 1)); } |
    sed -E "s|^Files .*/3/rootfs(.*) differ$|\\1|; s|^Only in .*/[23]/rootfs(.*): (.*)$|\\1/\\2|" |
    sort >got
grep -vxE '/src|/src/deep|/src/deep/er/last' wanted.names | sort | diff -u - got

it "lets programs that compare see by stat() alone what both trees have"
both() { stat -c '%d %i' "$steps/2/rootfs$1" "$steps/3/rootfs$1" | sort -u | wc -l; }
same 1 "$(both /bin/busybox)"
same 1 "$(both /src/link)"
same 2 "$(both /src/numbers)"
same 2 "$(both /src/deep/er/last)" # the same bytes in another mode
same 2 "$(both /src/deep)"
daemon=$(pgrep -x -f "[^ ]*msbfs.* $mnt")
read_so_far() { awk '$1 == "rchar:" { print $2 }' "/proc/$daemon/io"; }
before=$(read_so_far)
diff -r --no-dereference "$steps/2/rootfs/bin" "$steps/3/rootfs/bin"
(($(read_so_far) - before < 500000)) || fail "busybox was read"
unmount_store

it "writes what differs as a layer: the image's own, byte by byte"
msb export --since image:busybox 0@2 | sha256sum | cut -d ' ' -f 1 >got
msb inspect twice --format '{{json .RootFS.Layers}}' | python3 -c 'import json, sys
print(json.load(sys.stdin)[1].removeprefix("sha256:"))' | diff -u - got
msb export --since 0@2 0@3 -o layer.tar
tar -tf layer.tar | sort >out
contains out '^src/\.wh\.gone$'
contains out '^src/deep/made$'
lacks out 'link'
same "" "$(msb export --since 0 0@3 | tar -t)"
refuses 1 'absent' msb export --since absent 0
