#!/bin/bash
# Contexts that are no directory: a tar or a Dockerfile on standard input, a repository.
. "$(dirname "$0")/lib.sh"

import_busybox
mkdir ctx/sub
echo one >ctx/one
echo two >ctx/sub/two
chmod 640 ctx/one
touch -d 2001-02-03 ctx/one
dockerfile <<'END'
FROM busybox
COPY . /all
RUN --mount=target=/context cp /context/sub/two /mounted
END
sed 's/all/other/' ctx/Dockerfile >ctx/sub/Other

# piped FILE [ARGUMENT…]: msb build with that file as its standard input.
piped() {
    local input=$1

    shift
    msb build "$@" - <"$input" >out 2>log || {
        sed 's/^/    | /' log >&2
        fail "msb build $* - <$input"
    }
}

it "takes a tar from standard input, plain or compressed"
tar -C ctx --owner=1234 --group=1234 -cf ctx.tar .
piped ctx.tar -t from-tar
msb diff --name-only image:busybox image:from-tar >changes
contains changes '^/all/sub/two$'
contains changes '^/mounted$'
unpack_tree image:from-tar tree
same "0:0 640 2001-02-03" "$(stat -c '%u:%g %a %y' tree/all/one | cut -c1-18)"
same two "$(cat tree/mounted)"
gzip -k ctx.tar
piped ctx.tar.gz -t from-tar
same 2 "$(grep -c '^#[23] CACHED' log)"
rm -rf tree

it "finds -f inside of it"
piped ctx.tar -f sub/Other -t other
msb diff --name-only image:busybox image:other >changes
contains changes '^/other/one$'
refuses 1 "'sub/Absent' not found" bash -c 'msb build -q -f sub/Absent - <ctx.tar'

it "takes the same steps from the cache as with the directory"
build -t from-directory
same 2 "$(grep -c '^#[23] CACHED' log)"

it "does not read .dockerignore in a tar"
echo one >ctx/.dockerignore
tar -C ctx -cf ignoring.tar .
piped ignoring.tar -t ignoring
msb cp image:ignoring:/all/one got
rm ctx/.dockerignore

it "takes a Dockerfile from standard input, without any context"
printf 'FROM busybox\nRUN echo x > /x\n' >Only
piped Only -t only
msb cp image:only:/x got
same x "$(cat got)"
printf 'FROM busybox\nCOPY one /\n' >Only
refuses 1 "Dockerfile:2: COPY one /: '/one' not found" bash -c 'msb build -q - <Only 2>&1 | grep "^msb:" >&2; exit 1'

it "takes a Dockerfile from standard input with a directory"
printf 'FROM busybox\nCOPY one /from-stdin\n' | msb build -q -t stdin -f - ctx >out
msb cp image:stdin:/from-stdin got
same one "$(cat got)"
refuses 1 'cannot be both' msb build -q -f - -
refuses 1 'cannot be both' bash -c 'msb build -q -f Other - <Only'

it "refuses a damaged archive and what is no text at all"
head -c 300 ctx.tar.gz >cut.tar.gz
exits 1 bash -c 'msb build - <cut.tar.gz'
contains err 'standard input'
exits 1 bash -c 'msb build - </dev/null'
contains err 'is empty|no instructions'

# --- repositories ---
export GIT_CONFIG_GLOBAL=$work/gitconfig
git config --global user.name Tester
git config --global user.email tester@example.org
git config --global init.defaultBranch main
git init -q repositories/project.git
commit() {
    git -C repositories/project.git add -A
    git -C repositories/project.git commit -qm "$1"
    git -C repositories/project.git rev-parse HEAD
}
cp -a ctx/. repositories/project.git/
first=$(commit first)
git -C repositories/project.git tag v1
echo newer >repositories/project.git/one
second=$(commit second)
git -C repositories/project.git checkout -q -b side "$first"
mkdir repositories/project.git/deep
printf 'FROM busybox\nCOPY . /deep\n' >repositories/project.git/deep/Dockerfile
ln -s ../../../../etc repositories/project.git/out
commit side >out
git -C repositories/project.git checkout -q main
port=$((20000 + RANDOM % 20000))
spawn "$(git --exec-path)/git-daemon" --reuseaddr --listen=127.0.0.1 --port="$port" --export-all \
    --base-path="$work/repositories" --log-destination=none
url=git://127.0.0.1:$port/project.git
eventually git ls-remote -q "$url" >refs

one_of() {
    msb cp "image:$1:/all/one" got
    cat got
}

it "builds from a repository: what its HEAD is, a branch, a tag, a commit"
msb build -q -t git "$url" >out
same newer "$(one_of git)"
msb build -q -t git "$url#v1" >out
same one "$(one_of git)"
msb build -q -t git "$url?tag=v1" >out
same one "$(one_of git)"
msb build -q -t git "$url#$second" >out
same newer "$(one_of git)"
msb build -q -t git "$url#${first:0:12}" >out
same one "$(one_of git)"
msb build -q -t git "$url?branch=side&commit=$(git -C repositories/project.git rev-parse side)" >out
same one "$(one_of git)"
git -C repositories/project.git rev-parse --quiet HEAD >out

it "leaves .git out unless it is asked to stay"
msb diff --name-only image:busybox image:git >changes
lacks changes '/all/\.git/'
msb build -q -t git --build-arg BUILDKIT_CONTEXT_KEEP_GIT_DIR=1 "$url" >out
msb diff --name-only image:busybox image:git >changes
contains changes '/all/\.git/HEAD'

it "builds from a directory of a repository, and from no other"
msb build -q -t deep "$url#side:deep" >out
msb diff --name-only image:busybox image:deep >changes
same "/deep /deep/Dockerfile" "$(sort changes | grep -vx / | xargs)"
refuses 1 "directory 'out' of" msb build -q "$url#side:out"
refuses 1 "directory 'absent' of" msb build -q "$url#:absent"

it "says what is wrong with a repository"
refuses 1 "git fetch .*absent" msb build -q "git://127.0.0.1:$port/absent.git"
refuses 1 "git fetch .*couldn't find remote ref nothing" msb build -q "$url#nothing"
refuses 1 "is at commit $second, not $first" msb build -q "$url?branch=main&checksum=$first"
refuses 1 "is no ref" msb build -q "$url#--upload-pack=touch"
refuses 1 "unknown key 'colour'" msb build -q "$url?colour=red"
