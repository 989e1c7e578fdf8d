#!/bin/bash
# msb explain: for each step hit or miss, and exactly what differed.
. "$(dirname "$0")/lib.sh"

import_busybox
mkdir ctx/src
echo a >ctx/src/a
echo b >ctx/src/b
echo ignored >ctx/.dockerignore
echo secret >secret
dockerfile <<'END_OF_FILE'
FROM busybox AS tools
RUN echo one > /one; echo two > /two
FROM busybox AS build
ARG V=1
ENV E=x
COPY src /w
RUN --mount=type=bind,from=tools,source=/one,target=/one --mount=type=secret,id=k cat /one > /o
RUN echo $V > /v
END_OF_FILE
build --secret id=k,src=secret

# reasons STEP [ARGUMENT…]: builds, and says why that step missed the cache; "hit".
reasons() {
    build --secret id=k,src=secret "${@:2}"
    msb explain "build@$1" | sed -E '1s/^(hit) .*/\1/; 1{/^miss/d}; s/^ +- //'
}

it "names an argument with both values, in the steps that see it"
same "argument V changed from '1' to '2'" "$(reasons 6 --build-arg V=2)"
same hit "$(reasons 4 --build-arg V=2)"

it "compares with the most similar earlier step, not with the last"
echo a2 >ctx/src/a
same "the tree before differs since step 4 (COPY src /w)" "$(reasons 6)"

it "names files, and what of them differs"
echo a3 >ctx/src/a
same "/w/a differs: content" "$(reasons 4)"
mv ctx/src/b ctx/src/c
same $'/w/b is gone\n/w/c is new' "$(reasons 4)"
chmod 600 ctx/src/a
same "/w/a differs: mode 0644 -> 0600" "$(reasons 4)"
ln -s a ctx/src/l
reasons 4 >out
ln -sfn c ctx/src/l
same "/w/l differs: target a -> c" "$(reasons 4)"
sed -i 's/^COPY src/COPY --chown=1:2 src/' ctx/Dockerfile
same "--chown is new: '1:2'" "$(reasons 4)"

it "hits whatever times, ignored files and secrets are"
touch -d 2001-02-03 ctx/src/a
echo 2 >ctx/ignored
echo changed >secret
same hit "$(reasons 4)"
same hit "$(reasons 5)"

it "looks at the mounted file alone, and names where it is mounted"
sed -i 's/echo two/echo three/' ctx/Dockerfile
same hit "$(reasons 5)"
sed -i 's/echo one/echo uno/' ctx/Dockerfile
same "mounted /one differs: content" "$(reasons 5)"

it "names the files in what is mounted"
mkdir -p ctx/dir/deep
echo 1 >ctx/dir/deep/file
dockerfile Mounting <<'END_OF_FILE'
FROM busybox AS build
RUN --mount=source=dir,target=/lent cat /lent/deep/file > /o
END_OF_FILE
build -f ctx/Mounting
echo 2 >ctx/dir/deep/file
same "mounted /lent/deep/file differs: content" "$(reasons 2 -f ctx/Mounting)"
mv ctx/dir/deep/file ctx/dir/other
sed -i 's/deep.file/other/' ctx/Mounting
reasons 2 -f ctx/Mounting >out
contains out '^mounted /lent/other is new$'
contains out '^mounted /lent/deep/file is gone$'
build -t other --secret id=k,src=secret

it "shows of long commands where they differ"
long=$(printf ': &&%.0s ' {1..40})
printf 'FROM busybox AS build\nRUN %s cat /etc/passwd > /o\n' "$long" >ctx/Long
build -f ctx/Long
printf 'FROM busybox AS build\nRUN %s cat /etc/group > /o\n' "$long" >ctx/Long
reasons 2 -f ctx/Long >out
contains out "^the command changed from '….*cat /etc/passwd > /o' to '….*cat /etc/group > /o'$"
build -t other --secret id=k,src=secret

it "names variables, commands, directories and the network"
sed -i 's/E=x/E=y/' ctx/Dockerfile
same "variable E changed from 'x' to 'y'" "$(reasons 5)"
sed -i "s/echo [\$]V/echo v\$V/" ctx/Dockerfile
same "the command changed from 'echo \$V > /v' to 'echo v\$V > /v'" "$(reasons 6)"
same "the network changed from 'default' to 'none'" "$(reasons 6 --network none)"

it "says that the cache was not asked"
contains <(reasons 6 --no-cache-filter build) 'the cache was not asked'
contains <(reasons 6 --no-cache) 'the cache was not asked'

it "says that the base is another"
echo new >busybox/etc/new
tar -C busybox --numeric-owner -cf other.tar .
msb import other.tar busybox >out
same "what the stage begins with differs (FROM busybox AS build)" "$(reasons 4)"
contains <(msb explain build) '^base +\[build 1/6\]'
contains <(msb explain build) 'it is another tree than in build'

it "says the same as JSON, with the digests of files"
echo a4 >ctx/src/a
build --secret id=k,src=secret --explain
contains log '\[build 4/6\] missed the cache: /w/a differs: content$'
msb explain --format json build@4 >out
python3 -c 'import json
step = json.load(open("out"))
reason, = step["Reasons"]
assert step["Result"] == "miss" and step["Step"] == 4, step
assert reason["Component"] == "content" and reason["Text"] == "/w/a differs: content", reason
assert reason["Before"] != reason["After"] and reason["After"].startswith("sha256:"), reason'
