#!/bin/bash
# Registries: Debian's docker-registry on loopback, plain, with TLS and with passwords, and a
# server that misbehaves.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/registries.sh"

password=pass-word-4711

plain_port=$(free_port)
plain=localhost:$plain_port
registry plain "$plain_port"
import_busybox
dockerfile <<'END'
FROM busybox
RUN mkdir /made && ln /bin/busybox /made/linked && ln -s ../etc /made/link && chown 5:6 /made
COPY file /made/
END
echo content >ctx/file
build -t "$plain/group/app:v1"
mount_store

it "pulls what it pushed"
msb push "$plain/group/app:v1" >out
contains out "^The push refers to repository \[$plain/group/app\]$"
contains out '^[0-9a-f]{12}: Pushed$'
contains out '^v1: digest: sha256:[0-9a-f]{64} size: [0-9]+$'
digest=$(sed -n 's/^v1: digest: \(sha256:[0-9a-f]*\) .*/\1/p' out)
mkdir there
export MSB_ROOT=$work/elsewhere
msb pull "$plain/group/app:v1" >out
contains out '^v1: Pulling from group/app$'
contains out '^[0-9a-f]{12}: Pull complete$'
contains out "^Digest: $digest$"
contains out "^Status: Downloaded newer image for $plain/group/app:v1$"
same "$(MSB_ROOT=$work/store id_of "$plain/group/app:v1")" "$(id_of "$plain/group/app:v1")"
msb mount there
same_tree "$mnt/images/$plain/group/app:v1" "there/images/$plain/group/app:v1"
msb umount there

it "pulls nothing twice"
before=$(requests plain GET blobs)
msb pull "$plain/group/app:v1" >out
contains out '^Status: Image is up to date'
same "$before" "$(requests plain GET blobs)"
same "$plain/group/app:v1" "$(msb pull -q "$plain/group/app:v1")"

it "pulls by digest"
msb pull "$plain/group/app@$digest" >out
same "$(id_of "$plain/group/app:v1")" "$(id_of "$plain/group/app@$digest")"
refuses 1 'does not have it' msb pull "$plain/group/app@sha256:$(printf '0%.0s' {1..64})"

it "sends nothing that is there"
export MSB_ROOT=$work/store
before=$(requests plain '(POST|PUT|PATCH)' '')
msb push "$plain/group/app:v1" >out
contains out 'Layer already exists'
lacks out Pushed
contains out "^v1: digest: $digest "
same "$before" "$(requests plain '(POST|PUT|PATCH)' '')"

it "sends and fetches only the new layer"
cat >>ctx/Dockerfile <<'END'
RUN echo more >/more
END
build -t "$plain/group/app:v2"
before=$(requests plain POST uploads)
msb push "$plain/group/app:v2" >out
same 3 "$(grep -c 'Layer already exists' out)"
same 1 "$(grep -c Pushed out)"
# The layer and the config.
same $((before + 2)) "$(requests plain POST uploads)"
export MSB_ROOT=$work/elsewhere
before=$(requests plain GET blobs)
msb pull "$plain/group/app:v2" >out
same 3 "$(grep -c 'Already exists' out)"
same 1 "$(grep -c 'Pull complete' out)"
same $((before + 2)) "$(requests plain GET blobs)"

it "mounts what a neighbour has"
msb tag "$plain/group/app:v2" "$plain/other:v2"
msb push "$plain/other:v2" >out
same 4 "$(grep -c 'Mounted from group/app' out)"
lacks out Pushed

it "gives an image away as it came"
other_port=$(free_port)
registry other "$other_port"
msb tag "$plain/group/app:v1" "127.0.0.1:$other_port/app:v1"
msb push "127.0.0.1:$other_port/app:v1" >out
contains out "^v1: digest: $digest "

it "speaks to others' tools"
skopeo inspect --tls-verify=false "docker://$plain/group/app:v2" >inspected
same "$(id_of "$plain/group/app:v2" | wc -c)" "$(jq -r .Digest inspected | wc -c)"
same 4 "$(jq '.Layers | length' inspected)"
skopeo copy -q --src-tls-verify=false "docker://$plain/group/app:v2" oci:copied:v2
skopeo copy -q --dest-tls-verify=false --format v2s2 oci:copied:v2 "docker://$plain/docker:v2"
MSB_ROOT=$work/third msb pull "$plain/docker:v2" >out
contains out 'Pull complete'
MSB_ROOT=$work/third msb tag "$plain/docker:v2" "127.0.0.1:$other_port/docker:v2"
MSB_ROOT=$work/third msb push "127.0.0.1:$other_port/docker:v2" >out
same "$(skopeo inspect --tls-verify=false "docker://$plain/docker:v2" | jq -r .Digest)" \
    "$(sed -n 's/^v2: digest: \(sha256:[0-9a-f]*\) .*/\1/p' out)"

it "compresses as it is told"
for how in zstd none gzip; do
    echo "$how" >ctx/file
    MSB_ROOT=$work/store build -t "$plain/compressed:$how"
    MSB_ROOT=$work/store msb push --compression "$how" "$plain/compressed:$how" >out
    skopeo inspect --raw --tls-verify=false "docker://$plain/compressed:$how" >manifest
    [[ $how == none ]] || contains manifest "tar\+$how\""
    [[ $how != none ]] || contains manifest 'layer.v1.tar"'
    MSB_ROOT=$work/fourth msb pull "$plain/compressed:$how" >out
    same "$how" "$(MSB_ROOT=$work/fourth msb export "image:$plain/compressed:$how" | tar -xO ./made/file)"
done
export MSB_ROOT=$work/store
echo level >ctx/file
build -t "$plain/compressed:level" --annotation from=here
refuses 1 'between 1 and 9' msb push --compression-level 12 "$plain/compressed:level"
msb push -q --compression-level 9 "$plain/compressed:level" >out
same here "$(skopeo inspect --raw --tls-verify=false "docker://$plain/compressed:level" |
    jq -r .annotations.from)"

it "sends a large blob in pieces"
head -c 5000000 /dev/urandom >ctx/file
build -t "$plain/pieces:v1"
settings <<<'{"chunk": 1048576}'
before=$(requests plain PATCH uploads)
msb push "$plain/pieces:v1" >out
(($(requests plain PATCH uploads) > before + 4)) || fail "no pieces"
settings <<<'{}'
MSB_ROOT=$work/fifth msb pull -q "$plain/pieces:v1" >out
MSB_ROOT=$work/fifth msb export "image:$plain/pieces:v1" | tar -xO ./made/file | cmp - ctx/file

it "fetches what FROM and COPY --from name"
dockerfile Dockerfile-pull <<END
FROM $plain/group/app:v1
COPY --from=$plain/other:v2 /more /copied
RUN test -e /made/linked
END
export MSB_ROOT=$work/sixth
build -f "$work/ctx/Dockerfile-pull" -t built
contains log "pulling $plain/group/app:v1"
contains log "pulling $plain/other:v2"
same more "$(msb export image:built | tar -xO ./copied)"
build -f "$work/ctx/Dockerfile-pull" -t built
lacks log pulling
build --pull -f "$work/ctx/Dockerfile-pull" -t built
contains log "pulling $plain/group/app:v1"
dockerfile Dockerfile-absent <<END
FROM $plain/absent
END
refuses 1 "Dockerfile-absent:1: image '$plain/absent' is not in the store.*does not have it" \
    msb build -f ctx/Dockerfile-absent ctx
export MSB_ROOT=$work/store

it "says what it cannot find"
refuses 1 "pull $plain/absent:latest: .*does not have it" msb pull -q "$plain/absent"
refuses 1 "push .*no image of this name" msb push -q "$plain/absent"
refuses 1 'by a tag' msb push -q "$plain/group/app@$digest"
refuses 1 'no image name' msb pull -q "$plain/UPPER"
refuses 1 'Connection refused|connect' msb pull -q "localhost:$(free_port)/absent"

it "trusts no certificate that nobody signed for it"
openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=ca -keyout ca.key -out ca.crt -days 2 2>said
openssl req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout server.key \
    -out server.csr 2>said
openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -out server.crt \
    -extfile <(echo subjectAltName=DNS:localhost,IP:127.0.0.1) 2>said
htpasswd -Bbn somebody "$password" >htpasswd 2>said
tls_port=$(free_port)
tls=localhost:$tls_port
registry tls "$tls_port" "auth:" "  htpasswd: {realm: test, path: $work/htpasswd}"
msb tag "$plain/group/app:v1" "$tls/app:v1"
refuses 1 'certificate' msb push -q "$tls/app:v1"
settings <<<"{\"ca\": {\"$tls\": \"$work/ca.crt\"}}"

it "wants to know who asks, and keeps it"
refuses 1 "use 'msb login $tls'" msb push -q "$tls/app:v1"
exits 1 msb login -u somebody --password-stdin "$tls" <<<wrong
exits 1 msb login -u somebody -p "wrong-$password" "$tls"
contains err 'does not accept these credentials'
lacks err "$password"
absent "$DOCKER_CONFIG/config.json"
echo '{"keep": {"this": 1}}' >"$DOCKER_CONFIG/config.json"
msb login -u somebody --password-stdin "$tls" <<<"$password" >out 2>&1
contains out 'Login Succeeded'
same 600 "$(stat -c %a "$DOCKER_CONFIG/config.json")"
same 1 "$(jq .keep.this "$DOCKER_CONFIG/config.json")"
same "somebody:$password" "$(jq -r ".auths[\"$tls\"].auth" "$DOCKER_CONFIG/config.json" | base64 -d)"
msb push "$tls/app:v1" >out 2>&1
contains out "^v1: digest: $digest "
MSB_ROOT=$work/seventh msb pull "$tls/app:v1" >>out 2>&1
contains out 'Pull complete'
lacks out "$password"
mkdir certs
cp ca.crt certs/
same "$digest" "$(skopeo inspect --cert-dir "$work/certs" --creds "somebody:$password" \
    "docker://$tls/app:v1" | jq -r .Digest)"

it "finds what other tools keep"
mkdir -p runtime/containers bin
mv "$DOCKER_CONFIG/config.json" runtime/containers/auth.json
MSB_ROOT=$work/eighth msb pull -q "$tls/app:v1" >out
mv runtime/containers/auth.json elsewhere.json
REGISTRY_AUTH_FILE=$work/elsewhere.json MSB_ROOT=$work/ninth msb pull -q "$tls/app:v1" >out
refuses 1 'msb login' env MSB_ROOT="$work/tenth" msb pull -q "$tls/app:v1"
cat >bin/docker-credential-test <<END
#!/bin/bash
case \$1 in
get) read -r server; echo "\$server" >>$work/asked; cat $work/secret ;;
store) cat >$work/secret ;;
erase) rm $work/secret ;;
esac
END
chmod +x bin/docker-credential-test
export PATH=$work/bin:$PATH
echo "{\"credHelpers\": {\"$tls\": \"test\"}}" >"$DOCKER_CONFIG/config.json"
msb login -u somebody --password-stdin "$tls" <<<"$password" >out
same "$password" "$(jq -r .Secret secret)"
lacks "$DOCKER_CONFIG/config.json" auth\"
MSB_ROOT=$work/tenth msb pull -q "$tls/app:v1" >out
same "$tls" "$(sort -u asked)"
msb logout "$tls" >out
contains out "Removing login credentials for $tls"
absent secret
rm "$DOCKER_CONFIG/config.json"
msb logout "$tls" >out
contains out 'Not logged in'

# What the server that misbehaves serves: the image as a registry has it, with gzip layers.
it "gets over what passes"
mkdir -p bad/manifests bad/blobs
skopeo copy -q --src-tls-verify=false "docker://$plain/pieces:v1" oci:bad-source:v1
for blob in bad-source/blobs/sha256/*; do
    cp "$blob" "bad/blobs/sha256_${blob##*/}"
done
manifest=$(jq -r '.manifests[0].digest' bad-source/index.json)
cp "bad-source/blobs/sha256/${manifest#sha256:}" bad/manifests/latest
spawn python3 "$here/registry_server.py" "$work/bad" "$work/bad.port" >bad.said 2>&1
eventually test -e bad.port
bad=127.0.0.1:$(cat bad.port)
settings <<<'{"retries": 3, "timeout": 2}'
wanted=$(id_of "$plain/pieces:v1")
for kind in good flaky cut stubborn; do
    export MSB_ROOT=$work/bad-$kind
    timeout 60 msb pull -q "$bad/$kind/image" >out
    same "$wanted" "$(id_of "$bad/$kind/image")"
done
contains bad/log '/cut/.* bytes=[0-9]+- -$'

# nothing_left: a failure leaves neither image nor layer.
nothing_left() {
    same 1 "$(msb images | wc -l)"
    same 0 "$(sqlite3 "$MSB_ROOT/records.db" 'SELECT count(*) FROM layer')"
    same "" "$(find "$MSB_ROOT/tmp" -mindepth 1)"
}

it "gives up what does not pass"
export MSB_ROOT=$work/bad-store
settings <<<'{"retries": 1, "timeout": 2}'
while read -r name pattern; do
    refuses 1 "$pattern" timeout 60 msb pull -q "$bad/$name"
    nothing_left
done <<'END'
busy/image asked too often
broken/image status 500
short/image bytes came
wrong/image digest|damaged|checksum
loop/image redirected too often
slow/image too slow
large/image more than 4194304 bytes
good/image:absent does not have it
END

it "bounds what a layer unpacks to"
settings <<<'{"unpackLimit": 100000}'
refuses 1 'unpacks to more than 100000 bytes' msb pull -q "$bad/good/image"
nothing_left

it "refuses an image for another machine"
refuses 1 'not for linux/s390x' msb pull -q --platform linux/s390x "$bad/good/image"
refuses 1 'is no platform' msb pull -q --platform linux "$bad/good/image"
nothing_left

it "gets tokens, and asks mirrors first"
settings <<<"{\"retries\": 1, \"mirrors\": {\"docker.io\": [\"http://127.0.0.1:1\", \"http://$bad/good\"]}}"
msb pull image >out
contains out '^Status: Downloaded newer image for image:latest'
refuses 1 'msb login' msb pull -q "$bad/token/image"
msb login -u user --password-stdin "$bad" <<<secret >out
MSB_ROOT=$work/token msb pull -q "$bad/token/image" >out
same "$wanted" "$(MSB_ROOT=$work/token id_of "$bad/token/image")"
contains bad/log 'GET /token\?service=test&scope=repository%3Atoken%2Fimage%3Apull'

it "finds this machine's image among several"
cp bad/manifests/latest "bad/manifests/${manifest/:/_}"
jq -c --arg digest "$manifest" --argjson size "$(stat -c %s bad/manifests/latest)" \
    --arg machine "$(msb inspect image | jq -r '.[0].Architecture')" -n '
    {schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json", manifests: [
        {mediaType: "application/vnd.oci.image.manifest.v1+json", size: 1,
            digest: ("sha256:" + ("0" * 64)), platform: {os: "linux", architecture: "other"}},
        {mediaType: "application/vnd.oci.image.manifest.v1+json", size: $size,
            digest: $digest, platform: {os: "linux", architecture: $machine}}]}' |
    tr -d '\n' >bad/manifests/multi
MSB_ROOT=$work/multi msb pull "$bad/good/image:multi" >out
contains out "^Digest: sha256:$(sha256sum <bad/manifests/multi | cut -d ' ' -f 1)$"
same "$wanted" "$(MSB_ROOT=$work/multi id_of "$bad/good/image:multi")"
refuses 1 'not for linux/s390x' msb pull -q --platform linux/s390x "$bad/good/image:multi"

it "takes no proof to another host"
MSB_ROOT=$work/away msb pull -q "$bad/away/image" >out
contains bad/log 'GET /v2/away/image/blobs/.* proof$'
contains bad/log 'GET /v2/good/away/blobs/.* -$'
lacks bad/log 'GET /v2/good/away/blobs/.* proof$'

it "never says what is secret"
refuses 1 'does not allow it' msb pull -q "$bad/echo/image"
lacks err secret
lacks err "$(printf user:secret | base64)"
refuses 1 'credentials belong' env XDG_CONFIG_HOME="$work/wrong" bash -c 'mkdir -p wrong/msb
    echo "{\"mirrors\": {\"docker.io\": [\"http://user:secret@mirror\"]}}" >wrong/msb/registries.json
    msb pull -q image'
lacks err secret
export MSB_ROOT=$work/store
unmount_store
