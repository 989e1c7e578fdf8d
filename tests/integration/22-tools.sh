#!/bin/bash
# The mount in the hands of the tools that people use: each sees what it would see on a disk, and
# none can change a thing.
. "$(dirname "$0")/lib.sh"

import_busybox
# A repository, a program, and something to search, in one image.
mkdir image
cp -a busybox/. image
git init -q image/repository
mkdir image/repository/folder
for number in 1 2 3; do
    seq "$number" 2000 >"image/repository/folder/$number"
    ln -s "folder/$number" "image/repository/link$number"
    git -C image/repository add -A
    git -C image/repository -c user.name=x -c user.email=x@example.org commit -qm "number $number"
    git -C image/repository gc -q --aggressive
done
echo one >>image/repository/folder/4
chmod 4755 image/repository/folder/4
git -C image/repository add -A
git -C image/repository -c user.name=x -c user.email=x@example.org commit -qm 'number 4'
cp -a /usr/share/common-licenses image/
mkdir image/many
for number in {1..3000}; do
    : >"image/many/$number"
done
head -c 5000000 /dev/urandom >image/large
tar -C image -cf image.tar .
msb import image.tar tools >out
mkdir on-disk
tar -C on-disk -xpf image.tar
dockerfile <<'DOCKERFILE'
FROM tools AS stage
DOCKERFILE
build
msb mount -o handles "$mnt"
stage=$mnt/stages/stage

it "tells statfs the store's bytes and entries, and no room for more"
read -r entries bytes < <(sqlite3 -separator ' ' "$MSB_ROOT/records.db" \
    'SELECT count(*), (sum(size) + 4095) / 4096 FROM blob')
same "$entries $bytes 0 0 255" "$(stat -f -c '%c %b %a %d %l' "$mnt")"
same "$(stat -f -c '%c %b' "$mnt")" "$(stat -f -c '%c %b' "$stage/many")"

it "answers stat and statx alike, with times, sizes and blocks"
same "$(stat -c '%n %f %u %g %h %s %y' on-disk/large)" "$(cd "$stage/.." && stat -c 'on-disk/%n %f %u %g %h %s %y' stage/large | sed 's/stage\///')"
(($(stat -c %b "$stage/large") * 512 >= 5000000)) || fail "too few blocks"

it "goes back to any place of a listing"
python3 - "$stage/many" <<'PYTHON'
import ctypes, sys
libc = ctypes.CDLL(None)
for function in (libc.opendir, libc.readdir):
    function.restype = ctypes.c_void_p
libc.telldir.restype = ctypes.c_long
libc.readdir.argtypes = libc.telldir.argtypes = libc.rewinddir.argtypes = [ctypes.c_void_p]
libc.seekdir.argtypes = [ctypes.c_void_p, ctypes.c_long]
directory = libc.opendir(sys.argv[1].encode())

def following():
    entry = libc.readdir(directory)
    return entry and ctypes.string_at(entry + 19)

places, names = [], []
while True:
    places.append(libc.telldir(directory))
    name = following()
    if not name:
        break
    names.append(name)
assert len(set(names)) == len(names) == 3002, len(names)
assert len(set(places)) == len(places)
for number in range(0, 20000, 7):
    number = number * 7919 % len(names)
    libc.seekdir(directory, places[number])
    assert following() == names[number], number
    assert number + 1 == len(names) or following() == names[number + 1]
libc.rewinddir(directory)
assert following() == names[0]
PYTHON

it "is mapped into memory, shared and private"
python3 - "$stage/large" image/large <<'PYTHON'
import errno, mmap, os, sys
wanted = open(sys.argv[2], "rb").read()
fd = os.open(sys.argv[1], os.O_RDONLY)
for flags in (mmap.MAP_SHARED, mmap.MAP_PRIVATE):
    assert mmap.mmap(fd, 0, flags, mmap.PROT_READ)[:] == wanted
copy = mmap.mmap(fd, 0, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_WRITE)
copy[0:4] = b"mine"
assert mmap.mmap(fd, 0, mmap.MAP_SHARED, mmap.PROT_READ)[0:4] == wanted[0:4]
try:
    mmap.mmap(fd, 0, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
    sys.exit("a shared mapping that can be written to")
except PermissionError:
    pass
try:
    os.open(sys.argv[1], os.O_RDWR)
    sys.exit("open for writing")
except OSError as error:
    assert error.errno == errno.EROFS, error
PYTHON

it "finds a file again by its handle"
python3 - "$stage/repository/folder/4" <<'PYTHON'
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
handle = ctypes.create_string_buffer((128).to_bytes(4, "little"), 136)
number = ctypes.c_int()
path = sys.argv[1].encode()
assert libc.name_to_handle_at(-100, path, handle, ctypes.byref(number), 0) == 0
top = os.open(os.path.dirname(path), os.O_RDONLY)
fd = libc.open_by_handle_at(top, handle, os.O_RDONLY)
assert fd >= 0, os.strerror(ctypes.get_errno())
assert os.read(fd, 10) == b"one\n"
PYTHON
unmount_store
mount_store

it "is walked by find -xdev, du and ls as a disk is"
same "$(cd on-disk && find . -xdev | sort)" "$(cd "$stage" && find . -xdev | sort)"
same "$(find on-disk -xdev -type f -size +100k | wc -l)" "$(find "$stage" -xdev -type f -size +100k | wc -l)"
same "$(du -sb --exclude=.git on-disk/common-licenses | cut -f 1)" "$(du -sb "$stage/common-licenses" | cut -f 1)"
same "$(cd on-disk/common-licenses && du -ak . | sort)" "$(cd "$stage/common-licenses" && du -ak . | sort)"
same "$(cd on-disk && ls -lRn --time-style=full-iso common-licenses)" \
    "$(cd "$stage" && ls -lRn --time-style=full-iso common-licenses)"

it "is packed by tar and copied by cp, with --reflink and with --sparse"
mkdir untarred
tar -C "$stage" -c . | tar -C untarred -xp
same_tree on-disk untarred
cp -a --reflink=auto "$stage" copied
same_tree on-disk copied
cp --sparse=always "$stage/large" sparse
cmp sparse image/large
exits 1 cp --reflink=always "$stage/large" reflinked
rm -rf untarred copied

it "is a repository to git"
repository=(git -c safe.directory='*' -C "$stage/repository")
same "" "$("${repository[@]}" status --porcelain)"
same "number 4" "$("${repository[@]}" log -1 --format=%s)"
same 4 "$("${repository[@]}" log --oneline -- folder | wc -l)"
"${repository[@]}" fsck --full --strict >out 2>err
"${repository[@]}" grep -q 1999
git -c safe.directory='*' clone -q "$stage/repository" cloned
same "$(git -C cloned rev-parse HEAD)" "$("${repository[@]}" rev-parse HEAD)"
exits 128 "${repository[@]}" commit --allow-empty -m no
contains err 'Read-only file system'

it "is searched by grep and ripgrep"
same "$(cd on-disk && grep -rIl Foundation . | sort)" "$(cd "$stage" && grep -rIl Foundation . | sort)"
same "$(cd on-disk && rg -c --no-ignore --sort path Foundation common-licenses)" \
    "$(cd "$stage" && rg -c --no-ignore --sort path Foundation common-licenses)"

it "is bound to another place, alone and with all below"
mkdir bound
mount --bind "$stage/repository" bound
same one "$(cat bound/folder/4)"
exits 1 touch bound/new
umount bound
mount --rbind "$mnt" bound
same one "$(cat bound/stages/stage/repository/folder/4)"
umount bound

it "is a root to run in"
same "$(ls image/bin | wc -l)" "$(chroot "$stage" /bin/busybox ls /bin | wc -l)"
same hello "$(chroot "$stage" /bin/sh -c 'cd /repository && echo hello')"

it "lies below an overlay: copies up, renames, removes, and keeps inode numbers"
mkdir upper scratch merged
overlay() {
    mount -t overlay overlay merged -o "lowerdir=$stage,upperdir=upper,workdir=scratch,$1"
}
overlay metacopy=on,redirect_dir=on,xino=on,index=off
# With xino all is on one device, by the lower side's own numbers.
same "$(stat -c %d merged)" "$(find merged -printf '%D\n' | sort -u)"
(cd merged && find . -type f -printf '%i %p\n' | sort) >numbers
same "" "$(cut -d ' ' -f 1 numbers | sort | uniq -d)"
umount merged
unmount_store
mount_store
overlay metacopy=on,redirect_dir=on,xino=on,index=off
(cd merged && find . -type f -printf '%i %p\n' | sort) | cmp numbers -
before=$(stat -c %i merged/large)
chown 7:8 merged/large
(($(stat -c %b upper/large) <= 8)) || fail "a chown copied the content"
cmp merged/large image/large
echo more >>merged/large
same "$before 5000005 7" "$(stat -c '%i %s %u' merged/large)"
mv merged/repository merged/moved
rm -r merged/many
mkdir merged/many
same one "$(cat merged/moved/folder/4)"
same "" "$(ls merged/many)"
git -c safe.directory='*' -C merged/moved fsck --full >out 2>err
git -c safe.directory='*' -C merged/moved -c user.name=x -c user.email=x@example.org \
    commit -q --allow-empty -m changed
umount merged
same 3000 "$(ls "$stage/many" | wc -l)"
cmp "$stage/large" image/large

it "refuses every change, by every call, with EROFS"
python3 - "$stage" <<'PYTHON'
import ctypes, errno, os, socket, sys
os.chdir(sys.argv[1])
file, folder = "repository/folder/4", "repository/folder"
fd, directory = os.open(file, os.O_RDONLY), os.open(folder, os.O_RDONLY)
libc = ctypes.CDLL(None, use_errno=True)

def fallocate():
    os.posix_fallocate(os.open(file, os.O_WRONLY), 0, 1)

attempts = {
    "open for writing": lambda: os.open(file, os.O_WRONLY),
    "open and cut": lambda: os.open(file, os.O_RDONLY | os.O_TRUNC),
    "open for appending": lambda: os.open(file, os.O_WRONLY | os.O_APPEND),
    "create": lambda: os.open("new", os.O_CREAT | os.O_WRONLY),
    "nameless file": lambda: os.open(".", os.O_TMPFILE | os.O_WRONLY),
    "truncate": lambda: os.truncate(file, 0),
    "fallocate": fallocate,
    "chmod": lambda: os.chmod(file, 0o600),
    "fchmod": lambda: os.fchmod(fd, 0o600),
    "chown": lambda: os.chown(file, 1, 1),
    "lchown": lambda: os.lchown("repository/link1", 1, 1),
    "utime": lambda: os.utime(file),
    "futime": lambda: os.utime(fd, ns=(1, 1)),
    "mkdir": lambda: os.mkdir("new"),
    "mknod": lambda: os.mknod("new"),
    "mkfifo": lambda: os.mkfifo("new"),
    "bind": lambda: socket.socket(socket.AF_UNIX).bind("new"),
    "symlink": lambda: os.symlink("x", "new"),
    "link": lambda: os.link(file, "new"),
    "rename": lambda: os.rename(file, "new"),
    "rename over": lambda: os.rename(file, "repository/folder/3"),
    "unlink": lambda: os.unlink(file),
    "rmdir": lambda: os.rmdir("many"),
    "setxattr": lambda: os.setxattr(file, "user.x", b"1"),
    "fsetxattr": lambda: os.setxattr(fd, "user.x", b"1"),
    "set a digest": lambda: os.setxattr(file, "user.msb.digest", b"1"),
    "removexattr": lambda: os.removexattr(file, "user.msb.digest"),
    "set an ACL": lambda: os.setxattr(folder, "system.posix_acl_default", b"\2\0\0\0"),
    "mkdir among the stages": lambda: os.mkdir("../new"),
    "remove a stage": lambda: os.rmdir("../stage"),
    "rename an image": lambda: os.rename("../../images/tools:latest", "../../images/x:y"),
    "create at the top": lambda: os.open("../../new", os.O_CREAT | os.O_WRONLY),
    "remove a tree": lambda: os.rmdir("../../.trees"),
}
for name, attempt in attempts.items():
    try:
        attempt()
        sys.exit(f"{name}: done")
    except OSError as error:
        assert error.errno == errno.EROFS, f"{name}: {error}"
PYTHON
unmount_store
