#!/bin/bash
# What makes a step run again, and what does not.
. "$(dirname "$0")/lib.sh"

import_busybox
mkdir ctx/src
echo one >ctx/src/one
echo two >ctx/src/two
echo other >ctx/other
printf 'ignored\n**/*.tmp\n' >ctx/.dockerignore
dockerfile <<'END'
FROM busybox AS build
ARG COLOUR=red
COPY src /src
RUN cat /src/* > /all; date +%s%N > /when
FROM busybox
COPY --from=build /all /all
END

# cached N: how many steps of the last build came from the cache, of those that do work. A step is
# told by its number in front ("#4"), and what becomes of it may stand on a later line.
cached() {
    local got

    got=$(awk '
        match($0, /\[[a-z0-9]+ [0-9]+\/[0-9]+\] (RUN|COPY)/) { works[$1] = 1 }
        /CACHED/ && works[$1] { works[$1] = 0; hits++ }
        END { print hits + 0 }' "$work/log")
    if [[ $got != "$1" ]]; then
        sed 's/^/    | /' "$work/log" >&2
    fi
    same "$1" "$got"
}
image_id() {
    msb inspect "$1" | jq -r '.[0].Id'
}

it "runs everything once"
build -t app
cached 0
first=$(image_id app)

it "runs nothing the second time, and makes the same image"
build -t app
cached 3
same "$first" "$(image_id app)"

it "does not count times, nor files that no step names"
touch -d '2001-01-01' ctx/src/one ctx/src
echo changed >ctx/other
build -t app
cached 3

it "does not count files that .dockerignore keeps out"
sed -i 's/COPY src/COPY . \/context\nCOPY src/' ctx/Dockerfile
build -t app
echo x >ctx/ignored
echo x >ctx/src/x.tmp
build -t app
cached 4
sed -i '/COPY \. /d' ctx/Dockerfile
rm ctx/ignored ctx/src/x.tmp

it "counts content"
echo ONE >ctx/src/one
build -t app
cached 0
same "$(printf 'ONE\ntwo')" "$(msb cp image:app:/all all && cat all)"

it "counts content that changes without size and time"
stamp=$(stat -c %y ctx/src/one)
echo TWO >ctx/src/one
touch -d "$stamp" ctx/src/one
build -t app
cached 0

it "counts modes and names"
chmod 755 ctx/src/one
build -t app
cached 1
chmod 644 ctx/src/one
build -t app
cached 3
mv ctx/src/two ctx/src/tow
build -t app
cached 1
mv ctx/src/tow ctx/src/two

it "takes COPY --from from the cache when what it selects did not change"
build -t app
cached 3
sed -i 's/^RUN .*/RUN cat \/src\/* > \/all; echo new > \/new/' ctx/Dockerfile
build -t app
cached 2

it "counts a declared argument's value, and no undeclared one's"
build -t app --build-arg COLOUR=red
cached 3
build -t app --build-arg UNKNOWN=1
cached 3
build -t app --build-arg COLOUR=blue
cached 2

it "runs everything with --no-cache"
build -t app --no-cache
cached 0

it "shares steps with another Dockerfile"
dockerfile Other <<'END'
FROM busybox AS build
ARG COLOUR=red
COPY src /src
LABEL another=file
END
build -t other -f "$work/ctx/Other"
cached 1

it "explains why a step missed"
echo three >ctx/src/one
build -t app
msb explain build@3 >out
contains out 'src/one|one'
msb explain build@2 >out
