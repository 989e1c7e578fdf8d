#!/bin/bash
# What is shown is what tar unpacks on a disk, to the last bit that any tool can see: for a tree
# made to be hard (tests/fs/hard_tree.py) and for a whole Debian.
#
# MSB_EXACT_ALL=1 compares the attributes of 100,000 names in one directory, too.
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/fs/words.sh
. "$here/../fs/words.sh"

# diff_trees A B: diff, which calls two special files different even where they are the same.
diff_trees() {
    ! { diff -r --no-dereference "$1" "$2" || :; } |
        grep -Ev '^File (.*) is a (.*) while file .* is a \2$'
}

unpack_and_import() { # NAME
    mkdir "$1"
    tar -C "$1" --numeric-owner --xattrs --xattrs-include='*' --acls --warning=no-timestamp \
        -xpf "${2:-$1.tar}"
    msb import "${2:-$1.tar}" "$1" >out
}

it "holds a tree that is hard to hold"
"$here/../fs/hard_tree.py" made
tar -C made --numeric-owner --xattrs --xattrs-include='*' --acls --sparse --format=posix \
    --warning=no-file-ignored -cf hard.tar .
rm -rf made
unpack_and_import hard
mount_store
shown=$mnt/images/hard:latest
same 100000 "$(find "$shown/crowd" -type f | wc -l)"

it "shows it exactly as tar unpacks it"
metadata hard >wanted
metadata "$shown" >got
cmp wanted got || fail "$(diff wanted got | cut -c 1-200 | head)"
same "$(links hard)" "$(links "$shown")"
diff_trees hard "$shown"
crowd=(--exclude /crowd/)
[[ -z ${MSB_EXACT_ALL:-} ]] || crowd=()
rsync -aHAXn --checksum --delete -i "${crowd[@]}" hard/ "$shown/" >out
same "" "$(cut -c 1-200 out | head)"
for tree in hard "$shown"; do
    (cd "$tree" && find . -path ./crowd -prune -o -print0 | xargs -0 getfattr -h -d -m - -e hex) \
        2>/dev/null | sort >attributes."${tree##*/}"
done
cmp attributes.hard attributes.hard:latest
(($(wc -l <attributes.hard) > 60)) || fail "the tree has no attributes"

it "keeps the holes, and tells where they are"
holes() { # the ranges of data of each sparse file
    python3 - "$1" <<'PYTHON'
import errno, os, sys
for name in sorted(os.listdir(sys.argv[1])):
    fd = os.open(os.path.join(sys.argv[1], name), os.O_RDONLY)
    at, size, found = 0, os.fstat(fd).st_size, []
    while at < size:
        try:
            data = os.lseek(fd, at, os.SEEK_DATA)
        except OSError as error:
            assert error.errno == errno.ENXIO, error
            break
        at = os.lseek(fd, data, os.SEEK_HOLE)
        found.append((data, at))
    print(name, size, found)
PYTHON
}
rm hard/sparse/nothing-small # in a pack, where there are no holes
touch -r "$shown/sparse" hard/sparse
same "$(holes hard/sparse)" "$(holes "$shown/sparse" | grep -v '^nothing-small ')"
(($(du -sk "$shown/sparse" | cut -f 1) < 2000)) || fail "holes take room"

it "gives it back as a tar that unpacks to the same"
mkdir again
msb export image:hard | tar -C again -x --numeric-owner --xattrs --xattrs-include='*' --acls -p \
    --warning=no-timestamp
rm -rf again/crowd
rsync -aHXn --checksum --delete -i --exclude /crowd/ --exclude /sparse/nothing-small hard/ again/ >out
same "" "$(cut -c 1-200 out | grep -v ' \./$')"
rm -rf hard again

it "shows a Debian exactly as tar unpacks it"
unpack_and_import debian "$MSB_BASES/node.tar"
shown=$mnt/images/debian:latest
metadata debian >wanted
metadata "$shown" >got
cmp wanted got || fail "$(diff wanted got | head)"
diff_trees debian "$shown"
same_tree debian "$shown"
used=$(du -s debian | cut -f 1)
told=$(du -s "$shown" | cut -f 1)
((told * 10 > used * 8 && told * 10 < used * 12)) || fail "du: $told KiB, unpacked $used KiB"
unmount_store
