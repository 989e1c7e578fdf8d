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
