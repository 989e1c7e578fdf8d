#!/usr/bin/env python3
"""Makes the tree that is hard to show: hard_tree.py DIR [CROWD]

All that a Linux file system can hold and a tool might trip over; as root. CROWD: the entries of
the fullest directory, 100,000 when nothing is said.
"""
import os
import socket
import stat
import struct
import sys

top = os.path.realpath(sys.argv[1])
crowd = int(sys.argv[2]) if len(sys.argv) > 2 else 100000


def write(path, content=b"", mode=0o644):
    with open(path, "wb") as file:
        file.write(content)
    os.chmod(path, mode)


def make_names():
    os.mkdir("names")
    for byte in range(1, 256):
        if byte == ord("/"):
            continue
        for name in (bytes([byte]), b"a" + bytes([byte]) + b"z"):
            if name != b".":
                write(b"names/" + name, name)
    write("names/" + "n" * 255, b"long")
    write(b"names/" + b"\xff" * 255, b"long, no text")
    write(b"names/" + "ü".encode() * 127, b"long, text")
    for name in ("..a", "...", " ", "-rf", "a\nb", "*", "\\012", ".wh", "~"):
        write("names/" + name)


def make_links():
    os.makedirs("links/deep/er")
    write("links/one", b"one file\n")
    for name in ("two", "deep/three", "deep/er/four"):
        os.link("links/one", "links/" + name)
    write("links/setuid", b"#!/bin/sh\n", 0o6755)
    os.link("links/setuid", "links/deep/setuid")
    os.symlink("nowhere", "links/soft")
    os.link("links/soft", "links/deep/soft", follow_symlinks=False)
    os.mkfifo("links/fifo")
    os.link("links/fifo", "links/deep/fifo")
    for length in (1, 59, 60, 255, 4000, 4095):
        os.symlink("/" * length, f"links/{length}")
    for target in (b".", b"..", b"\xff\xfe", b"a\nb", b"/" + b"x" * 254):
        os.symlink(target, b"links/to-" + target.hex()[:60].encode())


def make_kinds():
    os.mkdir("kinds")
    os.mkfifo("kinds/fifo")
    os.mknod("kinds/null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    os.mknod("kinds/large-numbers", stat.S_IFCHR | 0o600, os.makedev(4095, 1048575))
    os.mknod("kinds/disk", stat.S_IFBLK | 0o660, os.makedev(259, 70000))
    os.chdir("kinds")  # a socket's path is short
    socket.socket(socket.AF_UNIX).bind("socket")
    os.chdir(top)
    write("kinds/empty")
    for size in (1, 4095, 4096, 4097, 131072, 1048575, 1048576, 1048577):
        write(f"kinds/{size}", (b"%d " % size) * (size // len(b"%d " % size) + 1))
        os.truncate(f"kinds/{size}", size)
    os.mkdir("kinds/empty-directory")


def make_rights():
    os.mkdir("rights")
    for mode in (0, 0o111, 0o444, 0o755, 0o1755, 0o2755, 0o4755, 0o6711, 0o7777):
        write(f"rights/{mode:04o}", b"x", mode)
        os.mkdir(f"rights/directory-{mode:04o}")
        os.chmod(f"rights/directory-{mode:04o}", mode)
    for number in (1, 65534, 65536, 2**31, 2**32 - 2):
        write(f"rights/owner-{number}")
        os.chown(f"rights/owner-{number}", number, 2**32 - 1 - number)


def acl(*entries):
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


def make_attributes():
    no_id = 2**32 - 1
    os.makedirs("attributes/directory/below")
    for name in ("plain", "many", "large", "capable", "capable-3", "shared", "trusted"):
        write("attributes/" + name, b"x")
    os.setxattr("attributes/plain", "user.colour", b"blue")
    os.setxattr("attributes/plain", "user.empty", b"")
    os.setxattr("attributes/plain", "user.binary", bytes(range(256)))
    for number in range(40):
        os.setxattr("attributes/many", f"user.number-{number:02}", b"%d" % number)
    os.setxattr("attributes/large", "user." + "n" * 250, b"v" * 3500)
    os.setxattr("attributes/capable", "security.capability",
                struct.pack("<IIIII", 0x02000001, 1 << 13, 0, 0, 0))
    os.setxattr("attributes/capable-3", "security.capability",
                struct.pack("<IIIIII", 0x03000001, 1 << 10, 0, 0, 0, 100000))
    os.setxattr("attributes/trusted", "trusted.secret", b"1")
    os.symlink("plain", "attributes/link")
    os.setxattr("attributes/link", "trusted.of-a-link", b"1", follow_symlinks=False)
    os.setxattr("attributes/shared", "system.posix_acl_access",
                acl((1, 6, no_id), (2, 4, 1000), (2, 7, 65534), (4, 4, no_id), (8, 5, 77),
                    (16, 7, no_id), (32, 0, no_id)))
    os.setxattr("attributes/directory", "system.posix_acl_default",
                acl((1, 7, no_id), (4, 5, no_id), (8, 7, 77), (16, 7, no_id), (32, 5, no_id)))
    os.setxattr("attributes/directory", "user.of-a-directory", b"1")


def make_sparse():
    os.mkdir("sparse")
    for name, size, pieces in (
            ("nothing-small", 300000, []), ("nothing", 4 << 20, []),
            ("begin", 4 << 20, [0]), ("end", 4 << 20, [(4 << 20) - 1]),
            ("some", 16 << 20, [0, 1 << 20, (1 << 20) + 4096, 7654321, 15 << 20]),
            ("large", 24 << 20, [5, 17 << 20])):
        with open("sparse/" + name, "wb") as file:
            for at in pieces:
                file.seek(at)
                file.write(b"data")
            file.truncate(size)


def make_depth():
    os.mkdir("depth")
    os.chdir("depth")
    for depth in range(200):
        os.mkdir(f"{depth}")
        os.chdir(f"{depth}")
    write("bottom", b"deep\n")
    os.chdir(top)


def make_crowd():
    os.mkdir("crowd")
    for number in range(crowd):
        os.mknod(f"crowd/{number}", stat.S_IFREG | 0o644)
    for number in range(0, crowd, 50):
        write(f"crowd/{number}", b"%d\n" % (number % 100))


TIMES = (-1, 0, 1, -2**31, -2**31 + 1, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**33)


def make_times():
    os.mkdir("times")
    for number, seconds in enumerate(TIMES):
        for part in (0, 1, 123456789, 999999999):
            path = f"times/{number}-{part}"
            write(path)
            os.utime(path, ns=(0, seconds * 10**9 + part))
        os.symlink("x", f"times/link-{number}")
        os.utime(f"times/link-{number}", ns=(0, seconds * 10**9 + 5), follow_symlinks=False)
        os.mkdir(f"times/directory-{number}")
        os.utime(f"times/directory-{number}", ns=(0, seconds * 10**9 + 7))


os.makedirs(top, exist_ok=True)
os.chdir(top)
os.umask(0)
make_names()
make_links()
make_kinds()
make_rights()
make_attributes()
make_sparse()
make_depth()
make_crowd()
make_times()
os.utime(".", ns=(0, -86400 * 10**9 + 1))
