#!/bin/bash
# ADD of repositories.
. "$(dirname "$0")/lib.sh"

import_busybox
export GIT_CONFIG_GLOBAL=$work/gitconfig
git config --global user.name Tester
git config --global user.email tester@example.org
git config --global init.defaultBranch main
git init -q repositories/lib.git
mkdir repositories/lib.git/src
echo one >repositories/lib.git/src/file
echo '#!/bin/sh' >repositories/lib.git/run
chmod 755 repositories/lib.git/run
ln -s src/file repositories/lib.git/link
git -C repositories/lib.git add -A
git -C repositories/lib.git commit -qm first
first=$(git -C repositories/lib.git rev-parse HEAD)
git -C repositories/lib.git tag -a -m "version one" v1
echo two >repositories/lib.git/src/file
git -C repositories/lib.git commit -qam second
second=$(git -C repositories/lib.git rev-parse HEAD)
port=$((20000 + RANDOM % 20000))
spawn "$(git --exec-path)/git-daemon" --reuseaddr --listen=127.0.0.1 --port="$port" --export-all \
    --base-path="$work/repositories" --log-destination=none
url=git://127.0.0.1:$port/lib.git
eventually git ls-remote -q "$url" >refs

# added FLAGS AND SOURCE: what ADD of it makes, unpacked in ./tree.
added() {
    printf 'FROM busybox\nARG REF=v1\nADD %s /lib/\n' "$*" >ctx/Dockerfile
    build -t added
    rm -rf tree
    unpack_tree image:added tree
}

it "adds the files of a repository, of a ref and of a directory in it"
added "$url"
same "link run src src/file" "$(cd tree/lib && find . -mindepth 1 | sed 's/^..//' | sort | xargs)"
same two "$(cat tree/lib/src/file)"
same "755 0:0" "$(stat -c '%a %u:%g' tree/lib/run)"
same src/file "$(readlink tree/lib/link)"
added "$url#\$REF"
same one "$(cat tree/lib/src/file)"
added "$url#v1:src"
same one "$(cat tree/lib/file)"
absent tree/lib/run

it "takes what did not change from the cache"
added "$url#v1:src"
contains log CACHED
echo three >repositories/lib.git/src/file
git -C repositories/lib.git commit -qam third
added "$url#v1:src"
contains log CACHED
added "$url"
same three "$(cat tree/lib/src/file)"

it "keeps .git when asked to, with its origin"
added --keep-git-dir=true "$url#v1"
same "$url" "$(git -C tree/lib config remote.origin.url)"
same "$first" "$(git -C tree/lib -c safe.directory='*' rev-parse HEAD)"
same "" "$(git -C tree/lib -c safe.directory='*' status --porcelain)"
sleep 1.1 # so that the files of another checkout have other times
added --keep-git-dir=true "$url#v1"
contains log CACHED
added "$url?tag=v1&keep-git-dir=true"
present tree/lib/.git/HEAD

it "obeys owner, mode and exclusion"
added --chown=app --chmod=700 --exclude=run "$url"
same "700 1000:1000" "$(stat -c '%a %u:%g' tree/lib/src/file)"
absent tree/lib/run

it "checks the commit"
added --checksum="$first" "$url#v1"
added --checksum="${second:0:10}" "$url#$second"
printf 'FROM busybox\nADD --checksum=%s %s#v1 /lib/\n' "$second" "$url" >ctx/Dockerfile
exits 1 msb build ctx
contains err "Dockerfile:2: .* is at commit $first, not $second"

it "says what is wrong with a repository"
printf 'FROM busybox\nADD %s#absent /lib/\n' "$url" >ctx/Dockerfile
exits 1 msb build ctx
contains err "Dockerfile:2: .*couldn't find remote ref absent"
