#!/usr/bin/env python3
"""Writes one image of three layers in every form that `msb load` takes.

make_archives.py FOLDER           FOLDER/{docker,oci,layout}-{plain,gzip,zstd}, FOLDER/NAME.id (the
                                  image ID), diff_ids, and expected.tar: the tree that all make.
                                  Prints the names.
make_archives.py --broken FOLDER  archives that must be refused.
"""
import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile

TIME = 1_000_000_000
LONG = "long/" + "x" * 120 + "/" + "y" * 200
MEDIA = {
    "plain": "application/vnd.oci.image.layer.v1.tar",
    "gzip": "application/vnd.oci.image.layer.v1.tar+gzip",
    "zstd": "application/vnd.oci.image.layer.v1.tar+zstd",
}


def entry(name, kind=tarfile.REGTYPE, content=b"", **fields):
    info = tarfile.TarInfo(name)
    info.type, info.size, info.mtime = kind, len(content), TIME
    info.mode = 0o755 if kind == tarfile.DIRTYPE else 0o644
    for field, value in fields.items():
        setattr(info, field, value)
    return info, content


def directory(name, **fields):
    return entry(name, tarfile.DIRTYPE, **fields)


def make_tar(entries):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for info, content in entries:
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


def layers():
    """Parents come with every layer that changes what is in them, as builders write them."""
    lowest = [
        directory("./", mtime=TIME - 5),
        directory("a"),
        entry("a/keep", content=b"kept", uid=1000, gid=2000, mode=0o600),
        entry("a/gone", content=b"gone"),
        directory("a/gonedir"),
        entry("a/gonedir/x", content=b"x"),
        directory("b"),
        entry("b/old1", content=b"old"),
        directory("b/olddir"),
        entry("b/olddir/deep", content=b"deep"),
        entry("becomes-dir", content=b"a file first"),
        directory("becomes-file"),
        entry("becomes-file/inner", content=b"inner"),
        entry("one", content=b"shared" * 1000),
        entry("two", tarfile.LNKTYPE, linkname="one"),
        entry("soft", tarfile.SYMTYPE, linkname="/a/keep", mode=0o777),
        entry("setuid", content=b"s", mode=0o4755),
        entry("null", tarfile.CHRTYPE, devmajor=1, devminor=3, mode=0o666),
        entry("pipe", tarfile.FIFOTYPE),
        entry("xattr", content=b"x", pax_headers={"SCHILY.xattr.user.key": "value"}),
        entry("exact", content=b"t", mtime=TIME + 0.25),
        entry("sm\u00f6rg\u00e5s \u2603", content=b"name"),
        directory("long"),
        directory(os.path.dirname(LONG)),
        entry(LONG, content=b"long"),
        entry("big", content=bytes(range(256)) * 8192),
        directory("dropped"),
        entry("dropped/file", content=b"dropped"),
    ]
    middle = [
        directory("a", mode=0o700, mtime=TIME + 1),
        entry("a/.wh.gone"),
        entry("a/.wh.gonedir"),
        directory("b", mtime=TIME + 2),
        # An opaque directory hides what was below it, not what its own layer brings.
        entry("b/new", content=b"new"),
        entry("b/.wh..wh..opq"),
    ]
    upper = [
        directory("./", mtime=TIME + 9),
        entry(".wh.dropped"),
        directory("becomes-dir"),
        entry("becomes-dir/inner", content=b"now a directory"),
        entry("becomes-file", content=b"now a file"),
        entry("one", content=b"replaced", mtime=TIME + 3),
    ]
    return [lowest, middle, upper]


def expected():
    """What must be there in the end: put together by hand, not by an algorithm under test."""
    lowest = {info.name: (info, content) for info, content in layers()[0]}
    middle = {info.name: (info, content) for info, content in layers()[1]}
    upper = {info.name: (info, content) for info, content in layers()[2]}
    gone = {"a/gone", "a/gonedir", "a/gonedir/x", "b/old1", "b/olddir", "b/olddir/deep",
            "dropped", "dropped/file", "becomes-file", "becomes-file/inner", "becomes-dir",
            "./", "a", "b", "one", "two"}
    # "one" was replaced: its other name keeps the content of the lowest layer.
    two, content = lowest["one"][0], lowest["one"][1]
    two.name = "two"
    entries = [upper["./"], middle["a"], middle["b"], middle["b/new"], upper["becomes-dir"],
               upper["becomes-dir/inner"], upper["becomes-file"], upper["one"], (two, content)]
    entries += [pair for name, pair in lowest.items() if name not in gone]
    # In order, so that tar leaves a directory, and sets its time, once.
    return make_tar(sorted(entries, key=lambda pair: pair[0].name.split("/")))


def compress(kind, content):
    if kind == "gzip":
        return gzip.compress(content, mtime=0)
    if kind == "zstd":
        return subprocess.run(["zstd", "-q", "-c"], input=content, stdout=subprocess.PIPE,
                              check=True).stdout
    return content


def sha256(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


def config_of(tars, label):
    return json.dumps({
        "architecture": "amd64", "os": "linux", "created": "2001-09-09T01:46:40Z",
        "config": {"Env": ["PATH=/bin", "LOADED=yes"], "Labels": {"form": label}},
        "rootfs": {"type": "layers", "diff_ids": [sha256(tar) for tar in tars]},
        "history": [{"created_by": f"layer {number}"} for number in range(len(tars))],
    }).encode()


def docker_files(name, kind, tars):
    config = config_of(tars, name)
    files = {sha256(config)[7:] + ".json": config}
    names = []
    for tar in tars:
        path = sha256(tar)[7:] + "/layer.tar"
        names.append(path)
        files[path] = compress(kind, tar)
    files["manifest.json"] = json.dumps([{
        "Config": sha256(config)[7:] + ".json", "RepoTags": [f"example/{name}:v1"],
        "Layers": names}]).encode()
    return files, config


def oci_files(name, kind, tars):
    config = config_of(tars, name)
    files = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}'}

    def blob(content, media):
        files["blobs/sha256/" + sha256(content)[7:]] = content
        return {"mediaType": media, "digest": sha256(content), "size": len(content)}

    manifest = json.dumps({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": blob(config, "application/vnd.oci.image.config.v1+json"),
        "layers": [blob(compress(kind, tar), MEDIA[kind]) for tar in tars]}).encode()
    descriptor = blob(manifest, "application/vnd.oci.image.manifest.v1+json")
    descriptor["annotations"] = {
        "io.containerd.image.name": f"docker.io/example/{name}:v1",
        "org.opencontainers.image.ref.name": f"example/{name}:v1"}
    files["index.json"] = json.dumps({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [descriptor]}).encode()
    return files, config


def write_archive(path, files):
    with open(path, "wb") as out:
        out.write(make_tar(entry(name, content=content) for name, content in files.items()))


def write_folder(path, files):
    for name, content in files.items():
        target = os.path.join(path, name)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "wb") as out:
            out.write(content)


def write_all(folder):
    tars = [make_tar(entries) for entries in layers()]
    write_folder(folder, {"expected.tar": expected(),
                          "diff_ids": "".join(sha256(tar) + "\n" for tar in tars).encode()})
    for form in "docker", "oci", "layout":
        for kind in "plain", "gzip", "zstd":
            name = f"{form}-{kind}"
            files, config = (docker_files if form == "docker" else oci_files)(name, kind, tars)
            write = write_folder if form == "layout" else write_archive
            write(os.path.join(folder, name), files)
            write_folder(folder, {name + ".id": sha256(config).encode()})
            print(name)


def write_broken(folder):
    os.makedirs(folder)
    tars = [make_tar(entries) for entries in layers()]

    def broken(name, change):
        files, _ = oci_files(name, "plain", tars)
        change(files)
        write_archive(os.path.join(folder, name), files)

    def wrong_blob(files):
        path = "blobs/sha256/" + sha256(tars[1])[7:]
        files[path] = files[path].replace(b"new", b"NEW")

    broken("wrong-blob", wrong_blob)
    broken("no-manifest", lambda files: files.pop("index.json"))
    broken("missing-layer", lambda files: files.pop("blobs/sha256/" + sha256(tars[2])[7:]))

    # Every digest of a blob is right, but the configuration names another layer.
    files, _ = docker_files("wrong-diff-id", "plain", tars)
    path = sha256(tars[1])[7:] + "/layer.tar"
    files[path] = make_tar([entry("other", content=b"other")])
    write_archive(os.path.join(folder, "wrong-diff-id"), files)


if sys.argv[1] == "--broken":
    write_broken(sys.argv[2])
else:
    write_all(sys.argv[1])
