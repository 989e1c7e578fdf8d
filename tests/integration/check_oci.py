#!/usr/bin/env python3
"""Holds images against the rules of OCI image-spec 1.1 and of docker archives.

    check_oci.py LAYOUT [ARCHIVE]       a layout's directory; an archive of the same image
    check_oci.py --archive ARCHIVE
"""
import gzip
import hashlib
import json
import re
import sys
import tarfile
from pathlib import Path

OCI = "application/vnd.oci.image."
LAYERS = {OCI + "layer.v1.tar": lambda data: data, OCI + "layer.v1.tar+gzip": gzip.decompress}
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
# RFC 3339, section 5.6.
TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
REF_NAME = re.compile(r"[A-Za-z0-9]+([-._:@+]|--)?[A-Za-z0-9]+([-._:@+/][A-Za-z0-9]+)*|[A-Za-z0-9]+")
CONFIG_KEYS = {
    "User": str, "ExposedPorts": dict, "Env": list, "Entrypoint": list, "Cmd": list,
    "Volumes": dict, "WorkingDir": str, "Labels": dict, "StopSignal": str, "ArgsEscaped": bool,
    # Docker's own, which image-spec's config.md reserves.
    "Healthcheck": dict, "Shell": list, "OnBuild": list,
}


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def want(holds, what):
    if not holds:
        sys.exit(f"check_oci.py: {what}")


def one_document(data):
    """JSON without a key twice."""

    def once(pairs):
        keys = [key for key, _ in pairs]
        want(len(keys) == len(set(keys)), f"a key stands twice: {keys}")
        return dict(pairs)

    return json.loads(data.decode("utf-8"), object_pairs_hook=once)


def check_config(config, diff_ids):
    want(config["os"] == "linux" and config["architecture"], "no platform")
    want(TIME.fullmatch(config["created"]), f"created is {config['created']}")
    want(config["rootfs"]["type"] == "layers", "rootfs.type")
    want(config["rootfs"]["diff_ids"] == diff_ids, "diff_ids are not the digests of the layers")
    for entry in config["history"]:
        want("created" not in entry or TIME.fullmatch(entry["created"]), f"history: {entry}")
        want(isinstance(entry.get("empty_layer", False), bool), f"empty_layer: {entry}")
    layers = [entry for entry in config["history"] if not entry.get("empty_layer", False)]
    want(len(layers) == len(diff_ids), f"{len(layers)} steps made {len(diff_ids)} layers")
    for key, value in config.get("config", {}).items():
        want(key in CONFIG_KEYS, f"config.{key} is in no specification")
        want(isinstance(value, CONFIG_KEYS[key]), f"config.{key} is {value!r}")
        if isinstance(value, list):
            want(all(isinstance(item, str) for item in value), f"config.{key} is {value!r}")
    want(all("=" in item for item in config["config"].get("Env", [])), "Env without =")


def check_layer(data):
    """Each name once, no name outside, no whiteout beside what it takes away."""
    import io

    names = []
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as tar:
        for member in tar:
            want(not member.name.startswith("/") and ".." not in member.name.split("/"), member.name)
            if member.islnk():
                want(member.linkname in names, f"{member.name}: links to what comes later")
            names.append(member.name)
    want(len(names) == len(set(names)), "a name stands twice in a layer")
    for name in names:
        folder, _, base = name.rpartition("/")
        if base.startswith(".wh.") and base != ".wh..wh..opq":
            hidden = f"{folder}/{base[4:]}" if folder else base[4:]
            want(hidden not in names, f"{name} beside {hidden}")


class Layout:
    def __init__(self, folder):
        self.folder = Path(folder)
        self.named = set()

    def blob(self, descriptor, media_types):
        want(descriptor["mediaType"] in media_types, f"media type {descriptor['mediaType']}")
        want(DIGEST.fullmatch(descriptor["digest"]), f"digest {descriptor['digest']}")
        path = self.folder / "blobs" / descriptor["digest"].replace(":", "/")
        data = path.read_bytes()
        want(isinstance(descriptor["size"], int) and descriptor["size"] == len(data),
             f"size of {descriptor['digest']}")
        want(sha256(data) == descriptor["digest"], f"{path} is another blob")
        self.named.add(path)
        return data

    def check_manifest(self, descriptor):
        manifest = one_document(self.blob(descriptor, {OCI + "manifest.v1+json"}))
        want(manifest["schemaVersion"] == 2, "schemaVersion of the manifest")
        want(manifest.get("mediaType", OCI + "manifest.v1+json") == OCI + "manifest.v1+json",
             "mediaType of the manifest")
        config = one_document(self.blob(manifest["config"], {OCI + "config.v1+json"}))
        tars = [LAYERS[layer["mediaType"]](self.blob(layer, LAYERS)) for layer in manifest["layers"]]
        for tar in tars:
            check_layer(tar)
        check_config(config, [sha256(tar) for tar in tars])
        return manifest["config"]["digest"]

    def check(self):
        want(json.loads((self.folder / "oci-layout").read_text()) ==
             {"imageLayoutVersion": "1.0.0"}, "oci-layout")
        index = one_document((self.folder / "index.json").read_bytes())
        want(index["schemaVersion"] == 2, "schemaVersion of the index")
        want(index.get("mediaType", OCI + "index.v1+json") == OCI + "index.v1+json",
             "mediaType of the index")
        want(index["manifests"], "an empty index")
        for descriptor in index["manifests"]:
            name = descriptor["annotations"]["org.opencontainers.image.ref.name"]
            want(REF_NAME.fullmatch(name), f"ref.name '{name}'")
        configs = {self.check_manifest(descriptor) for descriptor in index["manifests"]}
        stray = {path for path in self.folder.glob("blobs/*/*")} - self.named
        want(not stray, f"blobs that nothing names: {stray}")
        return configs


def check_archive(path):
    """docker save's form: manifest.json, the configuration by digest, layers as plain tars."""
    with tarfile.open(path) as tar:
        read = lambda name: tar.extractfile(name).read()
        for entry in one_document(read("manifest.json")):
            want(set(entry) >= {"Config", "RepoTags", "Layers"}, f"keys {set(entry)}")
            config = read(entry["Config"])
            want(sha256(config)[7:] in entry["Config"], "the configuration's name")
            diff_ids = [sha256(read(name)) for name in entry["Layers"]]
            check_config(one_document(config), diff_ids)


if sys.argv[1] == "--archive":
    check_archive(sys.argv[2])
else:
    Layout(sys.argv[1]).check()
    for archive in sys.argv[2:]:
        check_archive(archive)
