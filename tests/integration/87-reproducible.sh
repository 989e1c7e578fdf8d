#!/bin/bash
# SOURCE_DATE_EPOCH and --timestamp: the same image in every store, whenever it is built.
. "$(dirname "$0")/lib.sh"

import_busybox
msb save -o base.tar busybox
cp busybox.tar ctx/
mkdir ctx/dir
echo content >ctx/dir/file
echo old >ctx/old
touch -d 2001-02-03T04:05:06.789Z ctx/old
dockerfile <<'END'
FROM busybox AS build
WORKDIR /new/work
COPY dir /copied/dir
COPY old /old
RUN echo made > made && ln made linked && mkdir sub && ln -s made link && rm -r /home
COPY <<FILE /heredoc
text
FILE
FROM scratch AS final
ARG SOURCE_DATE_EPOCH
ADD busybox.tar /
COPY --from=build /new /copied /
RUN touch /late; echo "$SOURCE_DATE_EPOCH" > /epoch
LABEL a=b
FROM build AS inherits
RUN touch /usr/bin/more && rm linked
END
epoch=1500000000

# made_in STORE ARGUMENT…: what identifies the image that a store of its own makes.
made_in() {
    local root=$work/$1

    shift
    [[ -d $root ]] || msb --root "$root" load -i base.tar >out
    msb --root "$root" build --metadata-file metadata "$@" ctx >out 2>log
    jq -r '."containerimage.config.digest", ."containerimage.digest"' metadata
}

for target in build final inherits; do
    it "makes the same image in two stores: $target"
    first=$(SOURCE_DATE_EPOCH=$epoch made_in a --target "$target" -t "$target")
    sleep 1.1
    find ctx -newermt 2020-01-01 -exec touch {} +
    second=$(made_in b --target "$target" --timestamp "$epoch")
    same "$first" "$second"
    same "$first" "$(made_in b --target "$target" --build-arg SOURCE_DATE_EPOCH="$epoch" --no-cache)"
done

it "makes everything of its own then, and leaves what is older"
export MSB_ROOT=$work/a
unpack_tree image:build tree
same "$epoch" "$(stat -c %Y tree/new/work/made)"
same "$epoch" "$(stat -c %Y tree/new)"
same "$epoch" "$(stat -c %Y tree)"
same "$epoch" "$(stat -c %Y tree/copied/dir/file)"
same 2 "$(stat -c %h tree/new/work/made)"
same "$(date -d 2001-02-03T04:05:06Z +%s)" "$(stat -c %Y tree/old)"
same 2017-07-14T02:40:00 "$(msb inspect build | jq -r '.[0].Created' | cut -c1-19)"
same '2017-07-14 02:40:00' "$(msb history --format json build | jq -r .CreatedAt | head -5 | cut -c1-19 | sort -u)"

it "leaves the files of the base image alone"
msb diff --name-only image:busybox image:build >changes
lacks changes '^/bin/'
same 1 "$(msb inspect build busybox | jq -r '.[].RootFS.Layers[0]' | sort -u | wc -l)"

it "shows the value to an ARG"
msb cp image:final:/epoch got
same "$epoch" "$(cat got)"

it "shares its steps with builds without it"
msb build --target build -t now ctx 2>log
same 5 "$(grep -c CACHED log)"
unpack_tree image:now now
[[ $(stat -c %Y now/new) != "$epoch" ]] || fail "the epoch went into the step"

it "gives outputs those times, and archives the same bytes"
SOURCE_DATE_EPOCH=$epoch made_in a --target final -o type=tar,dest=a.tar -o type=oci,dest=a.oci >out
made_in b --target final --timestamp "$epoch" -o type=tar,dest=b.tar -o type=oci,dest=b.oci >out
cmp a.tar b.tar
cmp a.oci b.oci

it "refuses what is no time"
refuses 1 "SOURCE_DATE_EPOCH: 'today' is no number" msb build -q --build-arg SOURCE_DATE_EPOCH=today ctx
refuses 1 "timestamp: '-1' is no number" msb build -q --timestamp -1 ctx
SOURCE_DATE_EPOCH='' msb build -q --target build ctx >out

# says WORD…: the epoch that a build with these words finds, and that its image has.
says() {
    build_quietly "$@"
    msb cp image:dated:/epoch - | tar -xO
    date -d "$(msb inspect dated | jq -r '.[0].Created')" +%s
}
build_quietly() {
    msb build -q -t dated --build-arg SOURCE_DATE_EPOCH=context "$@" >out 2>log
}

it "takes the time from the context, where it is told to: its youngest file's, or its commit's"
mkdir -p dated/sub
cat >dated/Dockerfile <<'DATED'
FROM busybox
ARG SOURCE_DATE_EPOCH
RUN echo "$SOURCE_DATE_EPOCH" >/epoch
DATED
echo late >dated/late
touch -d @1600000000 dated/late
touch -d @1500000000 dated/sub/early dated/Dockerfile
same "1600000000 1600000000" "$(says dated | xargs)"
echo late >dated/.dockerignore
touch -d @1400000000 dated/.dockerignore
same "1500000000 1500000000" "$(says dated | xargs)"
rm dated/.dockerignore
same "1600000000 1600000000" "$(tar -C dated -c . | says - | xargs)"
git -c init.defaultBranch=main init -q dated
git -C dated add -A
GIT_COMMITTER_DATE=@1550000000 git -C dated -c user.name=a -c user.email=b@c commit -qm one
git clone -q --bare dated dated.git
port=$((20000 + RANDOM % 20000))
spawn "$(git --exec-path)/git-daemon" --reuseaddr --listen=127.0.0.1 --port="$port" --export-all \
    --base-path="$work" --log-destination=none
eventually git ls-remote -q "git://127.0.0.1:$port/dated.git"
same "1550000000 1550000000" "$(says "git://127.0.0.1:$port/dated.git" | xargs)"
refuses 1 "SOURCE_DATE_EPOCH=context: the context has no files" \
    msb build -q -f dated/Dockerfile --build-arg SOURCE_DATE_EPOCH=context "$(mktemp -d -p "$work")"
