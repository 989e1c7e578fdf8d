#!/bin/bash
# What users of image builders have asked for and miss: each row of msb-demands(7), by the commands
# that stand there.
. "$(dirname "$0")/lib.sh"

import_busybox
dockerfile <<'END_OF_FILE'
FROM busybox AS tools
RUN mkdir /tools && echo tool > /tools/tool
FROM busybox AS build
ARG VERSION=1
WORKDIR /src
COPY app .
RUN echo compiled $VERSION > compiled
RUN --mount=type=cache,id=modules,target=/modules \
    mkdir -p /reports && cp app /modules/ && echo "1 failed" > /reports/unit && echo broken >&2 && exit 3
FROM busybox
COPY --from=build /src/compiled /compiled
END_OF_FILE
echo app >ctx/app

it "moby/buildkit#1421: test reports come out of a failing RUN, and the build still fails"
exits 1 msb build --output-on-failure reports:/reports ctx
same "1 failed" "$(cat reports/unit)"

it "moby/buildkit#1472: a shell at the failing step, with its files, environment and directory"
# shellcheck disable=SC2016 # expanded inside
same "/src 1 1 failed" "$(msb debug -- sh -c 'echo $(pwd) $VERSION $(cat /reports/unit)' </dev/null)"

it "docker/buildx#1104: breakpoints after the fact: before and after any step, without a session"
msb debug build@4 -- test ! -e compiled </dev/null
msb debug --before build@6 -- test ! -e /reports </dev/null

it "moby/buildkit#5938: the state after a line of the Dockerfile"
same "compiled 1" "$(msb debug Dockerfile:7 -- cat compiled </dev/null)"
msb cp Dockerfile:7:/src/compiled compiled
same "compiled 1" "$(cat compiled)"

it "docker/buildx#628: run something in the last good layer"
same "compiled 1" "$(msb debug build@5 -- cat compiled </dev/null)"

it "docker/buildx#628: list and read any step's files, without running anything"
contains <(msb ls build@5:/src) ' compiled$'
same "compiled 1" "$(msb cat build@5:/src/compiled)"
refuses 1 "'/src/compiled': No such file" msb cat build@4:/src/compiled

it "moby/buildkit#1053: the digest of each step's files"
msb graph --format json >graph.json
tree=$(python3 -c 'import json; stages = json.load(open("graph.json"))["Stages"]
print([stage for stage in stages if stage["Name"] == "build"][0]["Steps"][4]["TreeDigest"])')

it "nerdctl#940: debug from a snapshot by its digest"
same "compiled 1" "$(msb debug "tree:$tree" -- cat /src/compiled </dev/null)"

it "moby/buildkit#1383: what the failed step had written is kept, its cache mounts too"
msb diff build@5 build@6 >out
contains out '^A /reports/unit'
same modules "$(msb cache ls --format '{{.ID}}')"
mount_store
same app "$(cat "$mnt/cache/modules/app")"
unmount_store

it "docker/buildx#3396: files out of a failed stage, and out of stages that are not the target"
msb cp build:/reports/unit - | tar -x -O >out
same "1 failed" "$(cat out)"
msb cp build@5:/src src
same "compiled 1" "$(cat src/compiled)"

it "docker/roadmap#594: intermediate steps to browse"
mount_store
same "1 failed" "$(cat "$mnt/builds/latest/failed/rootfs/reports/unit")"
same "compiled 1" "$(cat "$mnt/builds/latest/stages/build/steps/5/rootfs/src/compiled")"
contains "$mnt/builds/latest/failed/output" '^broken$'
unmount_store

it "moby/buildkit#2064: what a failed build got done is not done again"
exits 1 msb build ctx
msb explain build >out
contains out '^hit +\[build 5/6\]'

it "moby/buildkit#589: cache mounts, one by one: their files, and away with one"
mount_store
same "$(ls "$mnt/cache/modules")" app
msb cache rm modules
same "" "$(msb cache ls --format '{{.ID}}')"
same "" "$(ls "$mnt/cache")"
unmount_store

it "buildah#6257: intermediate stages are kept, by name"
sed -i 's/ && exit 3//' ctx/Dockerfile
build -t app
msb stages >out
contains out '^1 +build +done +6 '
msb export build | tar -t >out
contains out 'src/compiled$'

it "moby/buildkit#1053: the digest after each instruction of an image's history"
tree=$(msb history --format '{{.TreeDigest}}' app | head -n 1)
same "compiled 1" "$(msb cat "tree:$tree:/compiled")"

it "docker/buildx#2223: which steps missed the cache, and why"
build --build-arg VERSION=2 --explain
contains log "missed the cache: argument VERSION changed from '1' to '2'"
msb explain build@5 >out
contains out "argument VERSION changed from '1' to '2'"

it "moby/moby#38197: several targets in one run"
build --target tools --target build
msb cp tools:/tools/tool tool
same tool "$(cat tool)"
msb cp build:/src/compiled - | tar -x -O >out
same "compiled 1" "$(cat out)"

it "moby/buildkit#1653: COPY --from of a large stage does not wait for it to be read"
dockerfile <<'END_OF_FILE'
FROM busybox AS large
RUN mkdir /large && cd /large && head -c 64000000 /dev/urandom > big && \
    for d in $(seq 100); do mkdir $d; for f in $(seq 100); do echo $d $f > $d/$f; done; done
FROM busybox
COPY --from=large /large /copied
END_OF_FILE
build --target large
before=$(du -s --block-size=1 "$MSB_ROOT" | cut -f 1)
build
msb graph --format json >graph.json
python3 -c 'import json; step = json.load(open("graph.json"))["Stages"][1]["Steps"][1]
assert step["State"] == "done" and step["Added"] == 10102 and step["Seconds"] < 1, step'

it "moby/moby#40890: COPY --from does not store anything twice"
after=$(du -s --block-size=1 "$MSB_ROOT" | cut -f 1)
((after - before < 8000000)) || fail "the store grew by $((after - before)) bytes"
msb du >out
contains out '^Images'

it "moby/buildkit#5297: a COPY --link does not invalidate the next one"
dockerfile <<'END_OF_FILE'
FROM busybox
COPY --link first /first
COPY --link second /second
END_OF_FILE
echo 1 >ctx/first
echo 2 >ctx/second
build
echo 3 >ctx/first
build
msb explain >out
contains out '^miss +\[0 2/3\]'
contains out '^hit +\[0 3/3\]'
msb cp 0:/first - | tar -x -O >got
same 3 "$(cat got)"
msb cp 0:/second - | tar -x -O >got
same 2 "$(cat got)"

it "moby/buildkit#2120: a changed COPY does not invalidate the steps before it"
dockerfile <<'END_OF_FILE'
FROM busybox
RUN echo before > /before
COPY first /first
RUN echo after > /after
END_OF_FILE
build
echo 4 >ctx/first
build
msb explain >out
contains out '^hit +\[0 2/4\]'
contains out '^miss +\[0 3/4\]'
contains out '^ +- /first'

it "moby/buildkit#3245: build now, export later: an image, a stage, or what a layer holds"
msb save app | tar -t >out
contains out '^manifest.json$'
msb export 0 | tar -t >out
contains out 'after$'
same $'/\n/after' "$(msb diff --name-only 0@3 0@4)"
same $'./\nafter' "$(msb export --since 0@3 0@4 | tar -t | sort)"

it "buildah#6609: RUN --mount=from=STAGE depends on the files that it mounts, and on no others"
dockerfile <<'END_OF_FILE'
FROM scratch AS scripts
COPY first second /
FROM busybox
RUN --mount=type=bind,from=scripts,source=/first,target=/run.sh cat /run.sh > /ran
END_OF_FILE
build
echo other >ctx/second
build
msb explain 1@2 >out
contains out '^hit '
echo 5 >ctx/first
build
msb explain 1@2 >out
contains out '^miss '

it "all of them days later, without a network and without a daemon"
same "" "$(pgrep -f "$MSB_ROOT" || :)"
unshare -n msb stages >out
contains out '^0 +scripts '
same 5 "$(unshare -n msb cat 1:/ran)"
same 5 "$(unshare -n msb debug 1 -- cat /ran </dev/null)"
unshare -n msb explain >out
contains out '^miss '
