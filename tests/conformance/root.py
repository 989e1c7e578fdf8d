"""A Debian root with newer builders, as newer.sh makes it, entered without leaving anything behind."""
import subprocess
from pathlib import Path

# The place where run.py works is the same inside: both sides name files alike.
SHARED = "/var/tmp"
ENTER = r"""
mount --bind "$1" "$1"
mount -t proc proc "$1/proc"
mount --rbind /sys "$1/sys"
mount --rbind /dev "$1/dev"
mount -t tmpfs tmpfs "$1/run"
mount --rbind "$2" "$1$2"
exec chroot "$1" /bin/sh -c 'echo entered; exec sleep infinity'
"""


class Root:
    """A process in a mount namespace of its own holds the root open; what is mounted there goes
    with the last process that is in it."""

    def __init__(self, path, work):
        self.work = work
        self.holder = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "bash", "-euc", ENTER, "enter",
             path, SHARED], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        if self.holder.stdout.readline() != b"entered\n":
            raise RuntimeError(f"'{path}' is no root that can be entered: make it with newer.sh")

    def words(self, *command):
        """What calls the command inside."""
        return ["nsenter", "--target", str(self.holder.pid), "--mount", "--root",
                f"--wdns={self.work}", "env", "-i", "PATH=/usr/sbin:/usr/bin", "HOME=/root",
                "LC_ALL=C.UTF-8", "TZ=UTC", *map(str, command)]

    def outside(self, path):
        """Where a path of the inside is found from here."""
        return Path(f"/proc/{self.holder.pid}/root") / str(path).lstrip("/")

    def close(self):
        self.holder.kill()
        self.holder.wait()
