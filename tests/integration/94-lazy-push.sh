#!/bin/bash
# Images that are pushed so that they can be pulled lazily: what a first look costs, and that they are
# what they were. That other tools read them is shown in 92-interop.sh.
. "$(dirname "$0")/lib.sh"

export XDG_CONFIG_HOME=$work/config HOME=$work/home DOCKER_CONFIG=$work/docker
export XDG_RUNTIME_DIR=$work/runtime
mkdir -p "$XDG_CONFIG_HOME" "$HOME" "$DOCKER_CONFIG" "$XDG_RUNTIME_DIR"
echo "{}" >"$DOCKER_CONFIG/config.json"
unset REGISTRY_AUTH_FILE http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat >registry.yml <<END2
version: 0.1
log: {level: info, accesslog: {disabled: true}}
storage:
  filesystem: {rootdirectory: $work/registry}
http:
  addr: 127.0.0.1:$port
END2
spawn docker-registry serve registry.yml >registry.log 2>&1
answers() {
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>tcp
}
eventually answers
registry=127.0.0.1:$port

# What the registry answered since the last call of forget: how often, and how many bytes.
forget() {
    seen=$(wc -l <registry.log)
}
asked() {
    tail -n "+$((seen + 1))" registry.log | grep -c 'msg="response completed' || [[ $? == 1 ]]
}
asked_at_least() { # NUMBER: its log may come later than its answer
    (($(asked) >= $1))
}
sent() {
    tail -n "+$((seen + 1))" registry.log | grep 'msg="response completed' |
        sed -n 's/.*http.response.written=\([0-9]*\).*/\1/p' | awk '{ sum += $1 } END { print sum + 0 }'
}

at_most() { # NUMBER LIMIT
    (($1 <= $2)) || fail "$1, which is more than $2"
}

it "shows an image of 260 MB for fewer than 5 requests and 2 % of its bytes"
msb import "$MSB_BASES/node.tar" "$registry/base/node:1" >out
for form in estargz zstd:chunked; do
    msb push -q --compression "$form" "$registry/base/node:1" >out
    size=$(skopeo inspect --raw --tls-verify=false "docker://$registry/base/node:1" |
        jq '[.layers[].size] | add')
    MSB_ROOT=$work/empty
    forget
    begin=${EPOCHREALTIME/./}
    msb pull -q --lazy "$registry/base/node:1" >out
    mount_store
    ls "$mnt/images/$registry/base/node:1" >listing
    contains listing '^usr$'
    took=$(((${EPOCHREALTIME/./} - begin) / 1000))
    eventually asked_at_least 3
    echo "$form: $(asked) requests, $(sent) of $size bytes, $took ms until the first ls is done"
    same 3 "$(asked)" # the manifest, the config, the table
    at_most "$(sent)" $((size / 50))
    unmount_store
    rm -rf "$work/empty"
    MSB_ROOT=$work/store
done
msb rmi "$registry/base/node:1" >out

it "is the same tree, by way of a table and as a tar"
import_busybox
dockerfile <<'END2'
FROM busybox
RUN mkdir /made && ln /bin/busybox /made/linked && ln -s ../etc /made/link && chown 5:6 /made
RUN rm /etc/group && head -c 9000000 /dev/urandom >/made/large && mkfifo /made/pipe
RUN chmod 4755 /made/linked
COPY Dockerfile /copies/1
COPY Dockerfile /copies/2
COPY Dockerfile /copies/3
COPY Dockerfile /copies/4
COPY Dockerfile /copies/5
COPY Dockerfile /copies/6
CMD ["/bin/cat", "/etc/passwd"]
END2
build -t "$registry/group/app:1"
unpack_tree "image:$registry/group/app:1" want
find want -exec touch -h -d '2020-01-01' {} +
for form in estargz zstd:chunked; do
    msb push -q --compression "$form" "$registry/group/app:1" >out
    MSB_ROOT=$work/second
    forget
    msb pull --lazy "$registry/group/app:1" >out 2>err
    lacks err note
    # The manifest, the config, and a table for each of ten layers.
    eventually asked_at_least 12
    same 12 "$(asked)"
    unpack_tree "image:$registry/group/app:1" got
    find got -exec touch -h -d '2020-01-01' {} +
    same_tree want got
    msb pull "$registry/group/app:1" >out
    contains out 'Downloaded newer image'
    msb fsck >out
    lacks out 'still in their registries'
    rm -rf "$work/second" got
    MSB_ROOT=$work/store
done

it "keeps the digest of what it leaves as it is"
digest=$(skopeo inspect --raw --tls-verify=false "docker://$registry/group/app:1" | sha256sum)
MSB_ROOT=$work/second
msb pull -q --lazy "$registry/group/app:1" >out
forget
msb push -q "$registry/group/app:1" >out
at_most "$(sent)" 10000
msb tag "$registry/group/app:1" "$registry/other/app:1"
msb push -q "$registry/other/app:1" >out
same "$digest" "$(skopeo inspect --raw --tls-verify=false "docker://$registry/other/app:1" | sha256sum)"
