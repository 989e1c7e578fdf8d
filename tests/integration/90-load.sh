#!/bin/bash
# Images from outside: every form of archive, every compression, with what layers take away.
. "$(dirname "$0")/lib.sh"

mount_store
python3 "$here/make_archives.py" "$work/archives" >names
mkdir expected
tar -C expected --numeric-owner --xattrs --xattrs-include='*' -xpf archives/expected.tar

while read -r archive; do
    it "loads $archive"
    msb load -i "archives/$archive" >out
    contains out "example/$archive:v1"
    same_tree expected "$mnt/images/example/$archive:v1"
    msb inspect "example/$archive:v1" >inspect
    same '["PATH=/bin","LOADED=yes"]' "$(jq -c '.[0].Config.Env' inspect)"
    same 3 "$(jq '.[0].RootFS.Layers | length' inspect)"
    same "$(cat archives/diff_ids)" "$(jq -r '.[0].RootFS.Layers[]' inspect)"
    same "$(cat "archives/$archive.id")" "$(jq -r '.[0].Id' inspect)"
done <names
same 9 "$(wc -l <names)"

it "loads from standard input"
msb rmi example/docker-gzip:v1 >out
absent "$mnt/images/example/docker-gzip:v1"
msb load <archives/docker-gzip >out
same_tree expected "$mnt/images/example/docker-gzip:v1"

it "saves what it loads"
msb save -o saved.tar example/docker-gzip:v1
tar -tf saved.tar >list
contains list '^manifest.json$'
msb rmi example/docker-gzip:v1 >out
msb load -i saved.tar >out
same_tree expected "$mnt/images/example/docker-gzip:v1"
same "$(cat archives/docker-gzip.id)" "$(msb inspect example/docker-gzip:v1 | jq -r '.[0].Id')"

it "saves what it builds, layer by layer"
dockerfile <<'END'
FROM example/docker-plain:v1
COPY file /added
WORKDIR /made
END
echo content >ctx/file
build -t built
msb save -o built.tar built
built=$(msb inspect built | jq -r '.[0].Id')
same 5 "$(msb inspect built | jq '.[0].RootFS.Layers | length')"
cp -a "$mnt/images/built:latest" before
msb rmi built >out
MSB_ROOT=$work/elsewhere msb load -i built.tar >out
same "$built" "$(MSB_ROOT=$work/elsewhere msb inspect built | jq -r '.[0].Id')"
mkdir there
MSB_ROOT=$work/elsewhere msb mount there
same_tree before there/images/built:latest
msb umount there

# In a store of its own: a layer that is there already is not read again.
it "refuses an archive whose layer is not what its digest says"
export MSB_ROOT=$work/fresh
python3 "$here/make_archives.py" --broken "$work/broken"
for archive in wrong-blob wrong-diff-id no-manifest missing-layer; do
    refuses 1 "$archive" msb load -i "broken/$archive"
done
export MSB_ROOT=$work/store
unmount_store
