#!/bin/bash
# Registries and images that mean no good: one clear error each, nothing left in the store, and no
# secret in what is said or kept. 85-registry.sh has those that merely fail.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/registries.sh"

# An image a tag, as a registry has it: "outside" and "link" have names that lead out of the layer,
# "bomb" unpacks to 400 MB, "huge" announces more layers than there may be.
mkdir -p bad/manifests bad/blobs
python3 - bad "$(uname -m)" <<'END'
import gzip, hashlib, io, json, sys, tarfile
folder, machine = sys.argv[1:]
def blob(data):
    name = hashlib.sha256(data).hexdigest()
    with open("%s/blobs/sha256_%s" % (folder, name), "wb") as file:
        file.write(data)
    return "sha256:" + name
def image(tag, tar, repeat=1):
    layer = gzip.compress(tar, 1)
    kind = "application/vnd.oci.image."
    config = json.dumps({"os": "linux", "config": {},
                         "architecture": {"x86_64": "amd64", "aarch64": "arm64"}[machine],
                         "rootfs": {"type": "layers", "diff_ids":
                                    ["sha256:" + hashlib.sha256(tar).hexdigest()]}}).encode()
    describe = lambda data, type: {"mediaType": kind + type, "digest": blob(data), "size": len(data)}
    manifest = {"schemaVersion": 2, "mediaType": kind + "manifest.v1+json",
                "config": describe(config, "config.v1+json"),
                "layers": [describe(layer, "layer.v1.tar+gzip")] * repeat}
    with open("%s/manifests/%s" % (folder, tag), "w") as file:
        json.dump(manifest, file)
def tar(name, size=0, link=None):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        info = tarfile.TarInfo(name)
        info.size = size
        if link:
            info.type, info.linkname = tarfile.LNKTYPE, link
        archive.addfile(info, io.BytesIO(bytes(size)))
    return out.getvalue()
image("fine", tar("file", 10))
image("outside", tar("a/../../../etc/outside", 10))
image("link", tar("linked", link="../../etc/passwd"))
image("bomb", tar("zeros", 400000000))
image("huge", tar("file", 10), 5000)
END
spawn python3 "$here/registry_server.py" "$work/bad" "$work/bad.port" >bad.said 2>&1
eventually test -e bad.port
bad=127.0.0.1:$(cat bad.port)
export MSB_ROOT=$work/store
password=word-that-nobody-may-see
encoded=$(printf 'somebody:%s' "$password" | base64)

# nothing_left: a failure leaves neither image nor layer nor a file on the way.
nothing_left() {
    same 1 "$(msb images | wc -l)"
    same 0 "$(sqlite3 "$MSB_ROOT/records.db" 'SELECT count(*) FROM layer')"
    same "" "$(find "$MSB_ROOT/tmp" -mindepth 1)"
}

it "refuses what is wrong with one sentence and leaves nothing"
settings <<<'{"retries": 0, "timeout": 2, "unpackLimit": 100000000}'
while read -r name pattern; do
    refuses 1 "$pattern" timeout 60 msb pull -q "$bad/$name"
    cat err >>all-said
    nothing_left
done <<'END'
good/image:outside etc/outside.*leads out of the layer
good/image:link out of the layer
good/image:bomb unpacks to more than
good/image:huge more than 4096 layers
circle/image:fine redirected too often
loop/image:fine redirected too often
drip/image:fine too slow
wrong/image:fine digest|damaged
short/image:fine bytes came
large/image:fine more than 4194304 bytes
busy/image:fine asked too often
broken/image:fine status 500
END

it "refuses the same where a build asks for it"
printf 'FROM %s\n' "$bad/good/image:outside" >ctx/Dockerfile
refuses 1 'Dockerfile:1: .*leads out of the layer' msb build -q ctx
nothing_left

it "says no secret when credentials are refused, and keeps none"
mkdir -p "$DOCKER_CONFIG"
printf '{"auths": {"%s": {"auth": "%s"}}}\n' "$bad" "$encoded" >"$DOCKER_CONFIG/config.json"
for name in echo/image:fine token/image:fine; do
    exits 1 msb pull -q "$bad/$name"
    cat out err >>all-said
    same 1 "$(wc -l <err)"
    nothing_left
    printf 'FROM %s\nRUN true\n' "$bad/$name" >ctx/Dockerfile
    exits 1 msb build --progress plain ctx
    cat out err >>all-said
    exits 1 msb build --progress rawjson --cache-from "$bad/$name" ctx
    cat out err >>all-said
done
printf 'FROM scratch\nCOPY Dockerfile /\n' >ctx/Dockerfile
exits 1 msb build --push -t "$bad/echo/pushed:1" ctx
cat out err >>all-said
msb builds >>all-said
lacks all-said "$password"
lacks all-said "$encoded"
if grep -rqE "$password|$encoded" "$MSB_ROOT"; then
    fail "the store keeps a secret"
fi
contains all-said 'does not accept these credentials|does not allow it'

it "takes what is fine after all of that"
msb pull -q "$bad/good/image:fine" >out
same 10 "$(msb export "image:$bad/good/image:fine" | tar -xO ./file | wc -c)"
