#!/usr/bin/env python3
"""Images whose layers can be read in parts, for the tests of lazy pulls; written after the formats'
descriptions, not after msb.

make_lazy.py STORE NAME FORMAT [DAMAGE] TREE...

Each TREE, a directory, is one layer. FORMAT is estargz or zstd. Puts blobs and a manifest named NAME
into STORE, where registry_server.py looks for them. DAMAGE: "toc" (the table is not the one
announced), "chunk" (a file is not what the table says), "offset" (the table points behind the
layer), "name" (the table holds a name that is no text).
"""

import ctypes
import gzip
import hashlib
import io
import json
import os
import struct
import sys
import tarfile
import zlib

CHUNK = 1 << 20
TYPES = {tarfile.REGTYPE: "reg", tarfile.DIRTYPE: "dir", tarfile.SYMTYPE: "symlink",
         tarfile.LNKTYPE: "hardlink", tarfile.CHRTYPE: "char", tarfile.BLKTYPE: "block",
         tarfile.FIFOTYPE: "fifo"}


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def gzip_member(data):
    return gzip.compress(data, 6, mtime=0)


def zstd_frame(data):
    library = ctypes.CDLL("libzstd.so.1")
    library.ZSTD_compressBound.restype = library.ZSTD_compress.restype = ctypes.c_size_t
    library.ZSTD_compressBound.argtypes = [ctypes.c_size_t]
    library.ZSTD_compress.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p,
                                      ctypes.c_size_t, ctypes.c_int]
    room = ctypes.create_string_buffer(library.ZSTD_compressBound(len(data)))
    size = library.ZSTD_compress(room, len(room), data, len(data), 3)
    return room.raw[:size]


def skippable(data):
    return struct.pack("<II", 0x184D2A50, len(data)) + data


def tar_of(tree):
    """The tar, and per member its TarInfo and where its bytes are."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        tar.add(tree, arcname=".")
    data = out.getvalue()
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return data, [(member, member.offset_data) for member in tar]


def entry_of(member):
    entry = {"name": member.name + ("/" if member.isdir() else ""), "type": TYPES[member.type],
             "mode": member.mode, "uid": member.uid, "gid": member.gid,
             "modtime": "%s" % timestamp(member.mtime)}
    if member.issym() or member.islnk():
        entry["linkName"] = member.linkname
    if member.isreg():
        entry["size"] = member.size
    if member.isdev():
        entry["devMajor"], entry["devMinor"] = member.devmajor, member.devminor
    return entry


def timestamp(seconds):
    import datetime
    when = datetime.datetime.fromtimestamp(int(seconds), datetime.timezone.utc)
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def pack(tar, members, pack_piece):
    """Pieces one by one, and between them what else the tar holds; the entries of the table."""
    blob, entries, done = bytearray(), [], 0
    for member, at in members:
        entry = entry_of(member)
        entries.append(entry)
        if not member.isreg() or not member.size:
            continue
        blob += pack_piece(tar[done:at])
        content = tar[at:at + member.size]
        entry["digest"] = digest(content)
        for first in range(0, member.size, CHUNK):
            piece = content[first:first + CHUNK]
            line = entry if not first else {"name": entry["name"], "type": "chunk",
                                            "chunkOffset": first}
            if first:
                entries.append(line)
            line["offset"] = len(blob)
            if first + CHUNK < member.size:
                line["chunkSize"] = len(piece)
            line["chunkDigest"] = digest(piece)
            blob += pack_piece(piece)
        entry["endOffset"] = len(blob)
        done = at + member.size
    return bytes(blob), entries, tar[done:]


def estargz(tree, spoil):
    tar, members = tar_of(tree)
    blob, entries, rest = pack(tar, members, gzip_member)
    for entry in entries:
        entry.pop("endOffset", None)
    spoil(entries)
    done, rest = len(tar) - len(rest), rest.rstrip(b"\0")
    blob += gzip_member(rest + b"\0" * (-(done + len(rest)) % 512))
    table = json.dumps({"version": 1, "entries": entries}, indent="\t").encode()
    index = io.BytesIO()
    with tarfile.open(fileobj=index, mode="w", format=tarfile.USTAR_FORMAT) as end:
        info = tarfile.TarInfo("stargz.index.json")
        info.size = len(table)
        end.addfile(info, io.BytesIO(table))
    offset = len(blob)
    footer = (b"\x1f\x8b\x08\x04" + b"\0" * 4 + b"\0\xff" + struct.pack("<H", 26) + b"SG" +
              struct.pack("<H", 22) + b"%016xSTARGZ" % offset + b"\x01\0\0\xff\xff" + b"\0" * 8)
    blob += gzip_member(index.getvalue()) + footer
    return blob, {"containerd.io/snapshot/stargz/toc.digest": digest(table)}


def zstd(tree, spoil):
    tar, members = tar_of(tree)
    blob, entries, rest = pack(tar, members, zstd_frame)
    spoil(entries)
    blob += zstd_frame(rest)
    table = json.dumps({"version": 1, "entries": entries}).encode()
    packed = zstd_frame(table)
    offset = len(blob) + 8
    footer = struct.pack("<QQQQQQQ", offset, len(packed), len(table), 1, 0, 0, 0) + b"GNUlInUx"
    blob += skippable(packed) + skippable(footer)
    return blob, {"io.github.containers.zstd-chunked.manifest-checksum": digest(packed),
                  "io.github.containers.zstd-chunked.manifest-position":
                  "%d:%d:%d:1" % (offset, len(packed), len(table))}


def unpacked(blob, form):
    if form == "zstd":
        import subprocess
        return subprocess.run(["zstd", "-dc"], input=blob, stdout=subprocess.PIPE,
                              check=True).stdout
    out, rest = b"", blob
    while rest:
        member = zlib.decompressobj(31)
        out += member.decompress(rest)
        rest = member.unused_data
    return out


def main():
    store, name, form = sys.argv[1:4]
    damage = sys.argv[4] if sys.argv[4] in ("toc", "chunk", "offset", "name") else ""
    trees = sys.argv[5:] if damage else sys.argv[4:]
    layers, diff_ids = [], []

    def put(data):
        os.makedirs(os.path.join(store, "blobs"), exist_ok=True)
        with open(os.path.join(store, "blobs", digest(data).replace(":", "_")), "wb") as file:
            file.write(data)
        return digest(data)

    def spoil(entries):
        files = [entry for entry in entries if entry.get("size")]
        if damage == "chunk":
            files[0]["digest"] = files[0]["chunkDigest"] = digest(b"something else")
        if damage == "offset":
            files[0]["offset"] = 1 << 40
        if damage == "name":
            files[0]["name"] = "broken\ufffd"

    for tree in trees:
        blob, annotations = (zstd if form == "zstd" else estargz)(tree, spoil)
        if damage == "toc":
            annotations = {key: digest(b"another table") if value.startswith("sha256:") else value
                           for key, value in annotations.items()}
        diff_ids.append(digest(unpacked(blob, form)))
        layers.append({"mediaType": "application/vnd.oci.image.layer.v1.tar+" +
                                    ("zstd" if form == "zstd" else "gzip"),
                       "digest": put(blob), "size": len(blob), "annotations": annotations})
    config = json.dumps({"architecture": os.environ.get("ARCH", "amd64"), "os": "linux",
                         "config": {"Cmd": ["/bin/sh"], "Env": ["PATH=/bin:/usr/bin"]},
                         "rootfs": {"type": "layers", "diff_ids": diff_ids},
                         "history": [{"created_by": "make_lazy.py"} for _ in layers]}).encode()
    manifest = json.dumps({"schemaVersion": 2,
                           "mediaType": "application/vnd.oci.image.manifest.v1+json",
                           "config": {"mediaType": "application/vnd.oci.image.config.v1+json",
                                      "digest": put(config), "size": len(config)},
                           "layers": layers}).encode()
    os.makedirs(os.path.join(store, "manifests"), exist_ok=True)
    for file_name in (name, digest(manifest).replace(":", "_")):
        with open(os.path.join(store, "manifests", file_name), "wb") as file:
            file.write(manifest)


main()
