#!/bin/bash
# Builds that push what they make, all tags of a repository, and what images are called afterwards.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/registries.sh"

port=$(free_port)
registry plain "$port"
plain=localhost:$port
import_busybox
dockerfile <<'END'
FROM busybox
COPY file /made/
RUN echo made >/made/more
END

# raw IMAGE: its manifest as the registry has it.
raw() {
    skopeo inspect --raw --tls-verify=false "docker://$1"
}

# types IMAGE: the media types in it.
types() {
    raw "$1" | jq -r '.mediaType, .config.mediaType, .layers[].mediaType' | sort -u |
        tr '\n' ' '
}

# sent IMAGE: the digest of what the registry has.
sent() {
    echo "sha256:$(raw "$1" | sha256sum | cut -d ' ' -f 1)"
}

# pulled IMAGE: its ID in a store that has nothing else.
pulled() {
    rm -rf "$work/pulled"
    MSB_ROOT=$work/pulled msb pull -q "$1" >"$work/out"
    MSB_ROOT=$work/pulled id_of "$1"
}

it "pushes what it built under all of its names"
echo one >ctx/file
build --push -t "$plain/app:v1" -t "$plain/group/app:v1" --metadata-file meta.json
contains log "pushing $plain/app:v1"
contains log "pushing $plain/group/app:v1"
same "$(sent "$plain/app:v1")" "$(sent "$plain/group/app:v1")"
same "$(sent "$plain/app:v1")" "$(jq -r '."containerimage.digest"' meta.json)"
same "$(id_of "$plain/app:v1")" "$(raw "$plain/app:v1" | jq -r .config.digest)"

it "tells by what digests registries know an image"
digest=$(sent "$plain/app:v1")
msb inspect "$plain/app:v1" | jq -r '.[0].RepoDigests[]' | sort >digests
same "$plain/app@$digest $plain/group/app@$digest" "$(paste -sd ' ' digests)"
msb images --digests "$plain/app" >out
contains out "$digest"
msb images --digests busybox >out
contains out '^busybox +latest +<none> '
msb tag "$plain/app:v1" elsewhere:v1
msb images --digests elsewhere >out
contains out '^elsewhere +v1 +<none> '
export MSB_ROOT=$work/second
msb pull -q "$plain/app@$digest" >out
same "$plain/app@$digest" "$(msb inspect "$plain/app@$digest" | jq -r '.[0].RepoDigests[0]')"
export MSB_ROOT=$work/store

it "names and pushes by --output"
echo two >ctx/file
build -o "type=image,name=$plain/named:v2,push=true" -t local:v2
same "$(id_of local:v2)" "$(id_of "$plain/named:v2")"
same "$(id_of local:v2)" "$(raw "$plain/named:v2" | jq -r .config.digest)"
exits 1 skopeo inspect --tls-verify=false "docker://$plain/local:v2"
build -o "type=image,\"name=$plain/a:1,$plain/b:1\"" -t local:v2
same "$(id_of local:v2)" "$(id_of "$plain/b:1")"
exits 1 skopeo inspect --tls-verify=false "docker://$plain/a:1"
build -o type=registry -t "$plain/short:v2"
same "$(id_of local:v2)" "$(raw "$plain/short:v2" | jq -r .config.digest)"
refuses 1 'has no name: give it one with -t' msb build -q --push ctx
build -o type=image,push=false -t local:v2

it "compresses and words it as it is told"
oci=application/vnd.oci.image
docker=application/vnd.docker
while read -r number attributes wanted; do
    echo "$number" >ctx/file
    build -o "type=image,name=$plain/how:$number,push=true,$attributes"
    same "$wanted " "$(types "$plain/how:$number")"
    same "$(id_of "$plain/how:$number")" "$(pulled "$plain/how:$number")"
done <<END
1 compression=gzip,compression-level=9 $oci.config.v1+json $oci.layer.v1.tar+gzip $oci.manifest.v1+json
2 compression=zstd,force-compression=true,compression-level=3 $oci.config.v1+json $oci.layer.v1.tar+zstd $oci.manifest.v1+json
3 compression=uncompressed,force-compression=true $oci.config.v1+json $oci.layer.v1.tar $oci.manifest.v1+json
4 oci-mediatypes=false,force-compression $docker.container.image.v1+json $docker.distribution.manifest.v2+json $docker.image.rootfs.diff.tar.gzip
END
msb push -q --compression zstd --force-compression "$plain/how:1" >out
same "$oci.config.v1+json $oci.layer.v1.tar+zstd $oci.manifest.v1+json " "$(types "$plain/how:1")"
while read -r attributes pattern; do
    refuses 1 "$pattern" msb build -q -o "type=image,name=$plain/how:5,$attributes" ctx
done <<'END'
push=maybe push is true or false
compression=lzma compression is gzip, zstd or uncompressed
compression-level=x compression-level is a number
push=true,compression=zstd,oci-mediatypes=false know no zstd
unpack=true not supported
END
refuses 1 "'push=true' is not supported" msb build -q -o type=oci,dest=x.tar,push=true ctx

it "says what it could not push, and keeps the image"
settings <<<'{"retries": 0}'
refuses 1 'push localhost:1/app:v1: .*onnect' msb build -q --push -t localhost:1/app:v1 ctx
msb inspect localhost:1/app:v1 >out

it "pushes and pulls all tags"
for tag in v1 v2 v3; do
    echo "tag $tag" >ctx/file
    build -t "$plain/many:$tag"
done
msb push -a "$plain/many" >out
same 1 "$(grep -c "^The push refers to repository \[$plain/many\]" out)"
same 3 "$(grep -c '^v[123]: digest: sha256:' out)"
refuses 2 'a name alone' msb push -a "$plain/many:v1"
refuses 1 'no image in the store has this name' msb push -a "$plain/none"
export MSB_ROOT=$work/third
msb pull -a "$plain/many" >out
same 3 "$(grep -c '^Digest: ' out)"
contains out "^Status: Downloaded newer image for $plain/many$"
same 3 "$(msb images -q "$plain/many" | wc -l)"
same "$(MSB_ROOT=$work/store id_of "$plain/many:v2")" "$(id_of "$plain/many:v2")"
refuses 1 'does not have it' msb pull -aq "$plain/none"

it "repaints a layer's line on a terminal and prints lines elsewhere"
export TERM=xterm
rm -rf "$MSB_ROOT"
script -qec "stty cols 120 rows 40; msb pull $plain/many:v1" typescript >out </dev/null
contains typescript $'\033\\[[0-9]+A\r\033\\[K[0-9a-f]{12}: Pull complete'
rm -rf "$MSB_ROOT"
msb pull "$plain/many:v1" >out
lacks out $'\033'
same 3 "$(grep -c 'Pull complete' out)"
export MSB_ROOT=$work/store
echo new >ctx/file
build -t "$plain/many:v4"
script -qec "stty cols 120 rows 40; msb push $plain/many:v4" typescript >out </dev/null
contains typescript $'\033\\[[0-9]+A\r\033\\[K[0-9a-f]{12}: Pushed'
