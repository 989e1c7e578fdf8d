#!/bin/bash
# The mount with the tools that everybody has: what they see is the tree, all of it, and nothing
# that they do can change it.
. "$(dirname "$0")/lib.sh"

import_busybox
dockerfile <<'END'
FROM busybox AS one
RUN mkdir /data && echo one > /data/file && ln /data/file /data/hard && ln -s file /data/soft && \
    mkfifo /data/pipe && touch -d '2001-02-03 04:05:06' /data/file && \
    chown 1000:1000 /data/file && chmod 4711 /data/file && echo only > /data/only
FROM busybox AS two
COPY --from=one /data /data
RUN rm /data/only
FROM busybox AS three
COPY --from=two /data /data
END
build -t shown
mount_store

it "tells equal stages from different ones"
exits 1 diff -r --no-dereference "$mnt/stages/one/data/file" "$mnt/stages/one/data/only"
exits 1 diff -r --no-dereference -x pipe "$mnt/stages/0" "$mnt/stages/1"
contains out 'Only in .*/stages/0/data: only'
exits 0 diff -r --no-dereference -x pipe "$mnt/stages/1" "$mnt/stages/2"

it "keeps links, modes, owners and times"
same "4711 1000:1000 2" "$(stat -c '%a %u:%g %h' "$mnt/stages/0/data/file")"
same "$(stat -c %i "$mnt/stages/0/data/file")" "$(stat -c %i "$mnt/stages/0/data/hard")"
same file "$(readlink "$mnt/stages/0/data/soft")"
same "2001-02-03 04:05:06" "$(date -d "@$(stat -c %Y "$mnt/stages/0/data/file")" '+%F %T')"
same fifo "$(stat -c %F "$mnt/stages/0/data/pipe")"

it "lists one digest per name, that is asked for and not copied"
getfattr -n user.msb.digest "$mnt/stages/0/data/file" | grep -q 'sha256:[0-9a-f]\{64\}'
same "" "$(getfattr -d "$mnt/stages/0/data/file" 2>&1)"

it "shows trees by their digest, without listing them"
digest=$(getfattr --only-values -n user.msb.digest "$mnt/stages/0")
same_tree "$mnt/.trees/$digest" "$mnt/stages/0"
lacks <(ls -A "$mnt") trees

it "says that an unknown name does not exist"
refuses 2 'No such file' ls "$mnt/stages/three/absent"
refuses 2 'No such file' ls "$mnt/stages/4"
refuses 2 'No such file' ls "$mnt/images/absent:latest"

it "refuses every change with EROFS"
for attempt in "touch $mnt/stages/0/data/only" "rm $mnt/stages/0/data/only" \
    "mkdir $mnt/stages/0/new" "ln -s x $mnt/images/x" "chmod 600 $mnt/stages/0/data/only" \
    "chown 1 $mnt/stages/0/data/only" "mv $mnt/stages/0/data/only $mnt/stages/0/x" \
    "truncate -s 0 $mnt/stages/0/data/only" "setfattr -n user.x -v 1 $mnt/stages/0/data"; do
    # shellcheck disable=SC2086 # words on purpose
    exits 1 $attempt
    contains err 'Read-only file system'
done

it "is copied by cp -a, tar and rsync without a difference"
cp -a "$mnt/stages/0" copied
same_tree copied "$mnt/stages/0"
mkdir untarred
tar -C "$mnt/stages/0" --xattrs --xattrs-include='*' -c . | tar -C untarred --xattrs -xp
same_tree untarred "$mnt/stages/0"
rsync -aHAX "$mnt/stages/0/" synced/
same "" "$(rsync -aHAXn --itemize-changes "$mnt/stages/0/" synced/)"
same "$(cd copied && find . | sort)" "$(cd "$mnt/stages/0" && find . | sort)"

it "keeps file capabilities and other extended attributes"
mkdir -p extended
echo x >extended/capable
setcap cap_net_raw+ep extended/capable
setfattr -n user.colour -v blue extended/capable
setfacl -m u:1000:r extended/capable
tar -C extended --xattrs --xattrs-include='*' --acls -cf extended.tar .
msb import extended.tar extended >out
same_tree extended "$mnt/images/extended:latest"
contains <(getcap "$mnt/images/extended:latest/capable") 'cap_net_raw.ep'

it "serves several readers at once"
import_nodes
for reader in 1 2 3 4; do
    spawn tar -C "$mnt/images/node:latest" -cf "reader$reader.tar" usr/bin
done
for pid in "${children[@]}"; do
    wait "$pid"
done
children=()
cmp reader1.tar reader2.tar
cmp reader3.tar reader4.tar
rm reader*.tar

it "is a usual mount: mount options, findmnt, a second one beside it"
mkdir second
msb mount -o noatime second
same "fuse.msbfs" "$(findmnt -n -o FSTYPE "$work/second")"
contains <(findmnt -n -o OPTIONS "$work/second") 'ro.*nosuid|nosuid.*ro'
msb umount second

it "leaves nothing behind when it is unmounted"
unmount_store
same "" "$(ls "$mnt")"
