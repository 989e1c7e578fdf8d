#!/bin/bash
# msb cache: what RUN --mount=type=cache keeps, one by one.
. "$(dirname "$0")/lib.sh"

import_busybox
dockerfile <<'END_OF_FILE'
FROM busybox
ARG N=1
RUN --mount=type=cache,target=/cache/one --mount=type=cache,id=named,target=/two \
    echo $N >> /cache/one/list && head -c 100000 /dev/zero > /two/zeros && cat /cache/one/list
END_OF_FILE

it "lists nothing before anything was built"
msb cache ls --format '{{.ID}}' >out
same "" "$(cat out)"

it "lists the caches by ID, with their sizes"
build
msb cache ls --format '{{.ID}} {{.Directories}} {{.InUse}}' >out
same "/cache/one 1 false|named 1 false" "$(paste -sd '|' out)"
(($(msb cache ls --format '{{.Bytes}}' | tail -n 1) >= 100000)) || fail "the size is too small"

it "empties one and leaves the other"
msb cache rm /cache/one
same named "$(msb cache ls --format '{{.ID}}')"
refuses 1 "there is no cache '/cache/one'" msb cache rm /cache/one
build --build-arg N=2
msb log 0@3 >out
same 2 "$(cat out)"
same 2 "$(msb cache ls --format '{{.ID}}' | wc -l)"

it "does not take one away from a step that has it"
dockerfile slow <<'END_OF_FILE'
FROM busybox
RUN --mount=type=cache,target=/cache/one sleep 60
END_OF_FILE
spawn msb build -f ctx/slow ctx 2>slow.log
in_use() {
    [[ $(msb cache ls --format '{{.ID}} {{.InUse}}' | head -n 1) == "/cache/one true" ]]
}
eventually in_use
refuses 1 "'/cache/one': a build is using it" msb cache rm /cache/one
msb cache rm named
kill "$spawned"
wait "$spawned" || :

it "shows them in the mount, as they are now"
mount_store
same "%2Fcache%2Fone" "$(LC_ALL=C ls "$mnt/cache")"
dockerfile <<'END_OF_FILE'
FROM busybox
ARG N=1
RUN --mount=type=cache,id=go~x/100%,target=/c --mount=type=cache,id=..,target=/up \
    mkdir -p /c/a/b && echo $N > /c/a/b/file && ln -f /c/a/b/file /c/hard && \
    ln -sf /etc/passwd /c/out && ln -sfn ../../../../.. /c/up && rm -f /c/pipe && \
    mkfifo /c/pipe && chown 5:6 /c/a && chmod 2750 /c/a && echo up > /up/here && rm -rf /c/old$N
END_OF_FILE
build
same $'%2E%2E\n%2Fcache%2Fone\ngo%7Ex%2F100%25' "$(LC_ALL=C ls "$mnt/cache")"
shown=$mnt/cache/go%7Ex%2F100%25
same 1 "$(cat "$shown/a/b/file")"
same up "$(cat "$mnt/cache/%2E%2E/here")"
same "2750 5:6" "$(stat -c '%a %u:%g' "$shown/a")"
same "$(stat -c '%i %h' "$shown/hard")" "$(stat -c '%i %h' "$shown/a/b/file")"
held=$(realpath "$MSB_ROOT"/caches/*/0/hard)
same_tree "${held%/hard}" "$shown"
build --build-arg N=22
same 22 "$(cat "$shown/a/b/file")"
same $'a\nhard\nout\npipe\nup' "$(ls "$shown")"
echo three >"$held"
same three "$(cat "$shown/hard")"
mkdir "${held%/hard}/new"
same new "$(find "$shown" -mindepth 1 -name new -printf %P)"

it "leads nobody out of a cache, and lets nobody write"
same /etc/passwd "$(readlink "$shown/out")"
same l "$(find "$shown/up" -printf %y)"
refuses 1 'Read-only file system' touch "$shown/a/b/file"
refuses 1 'Read-only file system' rm "$shown/hard"
for name in %2e%2e go~x .. "go%7Ex%2F100%25~1" "%2Fcache%2Fone~0" 0 %00; do
    [[ $name == .. ]] || absent "$mnt/cache/$name"
done
same "$(stat -c %i "$mnt")" "$(stat -c %i "$mnt/cache/..")"

it "shows all directories of a private cache, and an id that no name can hold"
dockerfile <<'END_OF_FILE'
FROM busybox AS one
ARG N=1
RUN --mount=type=cache,id=p,sharing=private,target=/c echo $N > /c/file && sleep 1
FROM busybox AS two
ARG N=1
RUN --mount=type=cache,id=p,sharing=private,target=/c echo $N > /c/file && sleep 1.1
FROM busybox
COPY --from=one / /one
COPY --from=two / /two
END_OF_FILE
build
same $'1\n1' "$(cat "$mnt/cache/p/file" "$mnt/cache/p~1/file")"
long=$(printf 'long/%.0s' $(seq 60))
printf 'FROM busybox\nRUN --mount=type=cache,id=%s,target=/c echo long > /c/file\n' "$long" |
    dockerfile
build
place=$(printf %s "$long" | sha256sum | cut -c 1-32)
same long "$(cat "$mnt/cache/$place/file")"
present "$mnt/cache/$place"
contains <(ls "$mnt/cache") "^$place\$"

it "forgets what is removed"
msb cache rm p
absent "$mnt/cache/p"
absent "$mnt/cache/p~1"
lacks <(ls "$mnt/cache") '^p'
find "$mnt/cache" >out
msb prune --caches --all --force >out
same "" "$(LC_ALL=C ls "$mnt/cache")"
unmount_store
