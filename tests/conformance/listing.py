"""A directory tree as text: path to everything that an image can say about it."""
import hashlib
import os
import stat

KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "dir", stat.S_IFLNK: "link", stat.S_IFCHR: "char",
         stat.S_IFBLK: "block", stat.S_IFIFO: "fifo", stat.S_IFSOCK: "socket"}
# All times that cases set, and those of the base image, lie before this one.
SET_TIMES_END = 1_600_000_000
# What a mount adds (msbfs answers for its digests, overlayfs keeps its own notes).
FOREIGN = ("user.msb.", "trusted.overlay.")


def _digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()[:16]


def _content(path, status):
    mode = status.st_mode
    if stat.S_ISREG(mode):
        return [str(status.st_size), _digest(path)]
    if stat.S_ISLNK(mode):
        return ["-> " + os.fsdecode(os.readlink(path))]
    if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
        return [f"{os.major(status.st_rdev)},{os.minor(status.st_rdev)}"]
    return []


def _xattrs(path):
    for name in sorted(os.listxattr(path, follow_symlinks=False)):
        if not name.startswith(FOREIGN):
            yield f"{name}={os.getxattr(path, name, follow_symlinks=False).hex()}"


def _time(status):
    """A time that no case and no base image sets says no more than that."""
    if status.st_mtime >= SET_TIMES_END:
        return "now"
    seconds, nanoseconds = divmod(status.st_mtime_ns, 10**9)
    return f"{seconds}.{nanoseconds:09d}" if nanoseconds else str(seconds)


def _names(root):
    yield root
    for folder, folders, files in os.walk(root):
        for name in folders + files:
            yield os.path.join(folder, name)


def listing(root):
    """{path: "kind mode owner:group time content... xattrs... =first name of a hard link"}"""
    root = os.fsencode(root)
    entries = {}
    first = {}
    for path in sorted(_names(root)):
        status = os.lstat(path)
        shown = ascii(os.fsdecode(path[len(root):] or b"/"))[1:-1]
        words = [KINDS[stat.S_IFMT(status.st_mode)], f"{stat.S_IMODE(status.st_mode):04o}",
                 f"{status.st_uid}:{status.st_gid}"]
        # dockerd takes the time of "/" from no layer.
        words += [_time(status)] if shown != "/" else []
        words += _content(path, status)
        words += _xattrs(path)
        if not stat.S_ISDIR(status.st_mode) and status.st_nlink > 1:
            other = first.setdefault((status.st_dev, status.st_ino), shown)
            words += ["=" + other] if other != shown else []
        entries[shown] = " ".join(words)
    return entries


def changes(base, tree):
    """What of a tree is not as in its base."""
    changed = {path: text for path, text in tree.items() if base.get(path) != text}
    changed.update({path: "absent" for path in base
                    if path not in tree and os.path.dirname(path) in tree})
    return changed


def difference(left, right, place=""):
    """Lines that tell where two values of JSON differ."""
    if isinstance(left, dict) and isinstance(right, dict):
        lines = []
        for key in sorted(set(left) | set(right)):
            lines += difference(left.get(key), right.get(key), f"{place} {key}".strip())
        return lines
    return [] if left == right else [f"{place}: wanted {left!r}, got {right!r}"]
