#!/bin/bash
# COPY --parents and --link: what they do otherwise than a plain COPY.
. "$(dirname "$0")/lib.sh"

import_busybox
mkdir -p ctx/a/b/c ctx/a/x ctx/empty ctx/z
echo 1 >ctx/a/b/c/one.txt
echo 2 >ctx/a/b/two.txt
echo 3 >ctx/a/x/three.md
echo 4 >ctx/z/four.txt
ln -s ../a/b ctx/z/link
chmod 700 ctx/a/b
printf '**/*.md\n' >ctx/.dockerignore

# names OPTIONS… : what COPY OPTIONS puts below /to of an empty image.
names() {
    printf 'FROM scratch\nCOPY %s /to/\n' "$*" >ctx/Dockerfile
    build -t copied
    rm -rf tree
    unpack_tree image:copied tree
    if [[ -d tree/to ]]; then
        (cd tree/to && find . -mindepth 1 | sort | xargs)
    fi
}

it "keeps the directories above a file, with their modes"
same "./a ./a/b ./a/b/two.txt" "$(names --parents a/b/two.txt)"
same 700 "$(stat -c %a tree/to/a/b)"
same 755 "$(stat -c %a tree/to)"
same "./a ./a/b ./a/b/c ./a/b/c/one.txt ./z ./z/four.txt" "$(names --parents a/b/c z/four.txt)"

it "keeps what follows the pivot"
same "./b ./b/two.txt" "$(names --parents ./a/./b/two.txt)"
same "./two.txt" "$(names --parents a/b/./two.txt)"
same "./b ./b/c ./b/c/one.txt ./b/two.txt ./x" "$(names --parents a/./)"

it "matches '*' within a directory and '**' through them"
same "./a ./a/b ./a/b/c ./a/b/c/one.txt ./a/b/two.txt ./z ./z/four.txt" "$(names --parents '**/*.txt')"
same "./a ./a/b ./a/b/two.txt" "$(names --parents 'a/*/*.txt')"
same "./b ./b/c ./b/c/one.txt ./b/two.txt" "$(names --parents 'a/./**/*.txt')"
same "" "$(names --parents 'nothing/**/*.txt')"

it "leaves out what --exclude says, counted from the same place"
same "./a ./a/b ./a/b/two.txt ./z ./z/four.txt" "$(names --parents --exclude=a/b/c '**/*.txt')"

it "copies links as links, and out of stages and images too"
same "./z ./z/link" "$(names --parents z/link)"
same ../a/b "$(readlink tree/to/z/link)"
printf 'FROM busybox AS s\nRUN mkdir -p /q/r && echo 5 > /q/r/f\nFROM scratch\nCOPY --from=s --parents /q/./r/f /etc/passwd /\n' \
    >ctx/Dockerfile
build -t copied
rm -rf tree
unpack_tree image:copied tree
same "./etc ./etc/passwd ./r ./r/f" "$(cd tree && find . -mindepth 1 | sort | xargs)"

it "owns what it makes by --chown"
printf 'FROM busybox\nCOPY --parents --chown=app a/b/two.txt /to\n' >ctx/Dockerfile
build -t copied
rm -rf tree
unpack_tree image:copied tree
same "1000:1000 1000:1000 1000:1000" "$(stat -c %u:%g tree/to tree/to/a tree/to/a/b/two.txt | xargs)"

it "names what is missing"
printf 'FROM scratch\nCOPY --parents a/absent /\n' >ctx/Dockerfile
exits 1 msb build ctx
contains err "Dockerfile:2: .*'a/absent' not found"
printf 'FROM scratch\nCOPY --parents absent/./a /\n' >ctx/Dockerfile
exits 1 msb build ctx
contains err "'/absent' not found"

it "counts names and content above a match, but no time"
printf 'FROM scratch\nCOPY --parents a/b/two.txt /\n' >ctx/Dockerfile
build
touch -d 2001-01-01 ctx/a/b ctx/a/b/two.txt
echo new >ctx/a/new
build
contains log CACHED
chmod 711 ctx/a/b
build
lacks log CACHED

it "links over what is there as a layer does: no link is followed, directories become its own"
dockerfile <<'END'
FROM busybox AS base
RUN mkdir -m 700 /dir && echo kept > /dir/kept && chown app /dir && mkdir /elsewhere && ln -s elsewhere /way
FROM base AS linked
COPY --link a/b/two.txt /dir/
COPY --link a/b/two.txt /way/
FROM base AS plain
COPY a/b/two.txt /dir/
COPY a/b/two.txt /way/
FROM base AS moded
COPY --link --chmod=600 a/b/two.txt /way/
END
build --target linked -t linked
rm -rf tree
unpack_tree image:linked tree
same "kept 2" "$(cat tree/dir/kept tree/dir/two.txt | xargs)"
same "755 0" "$(stat -c '%a %u' tree/dir)"
same directory "$(stat -c %F tree/way)"
absent tree/elsewhere/two.txt
build --target plain -t plain
rm -rf tree
unpack_tree image:plain tree
same "700 1000" "$(stat -c '%a %u' tree/dir)"
present tree/elsewhere/two.txt
build --target moded -t moded
msb cp image:moded:/elsewhere/two.txt got

it "knows no names with --link, as nothing is below"
printf 'FROM busybox\nCOPY --link --chown=app a/b/two.txt /\n' >ctx/Dockerfile
exits 1 msb build ctx
contains err "Dockerfile:2: .*app"
printf 'FROM busybox\nCOPY --link --chown=12:34 a/b/two.txt /new/dir/\n' >ctx/Dockerfile
build -t linked
rm -rf tree
unpack_tree image:linked tree
same "12:34 12:34" "$(stat -c %u:%g tree/new tree/new/dir/two.txt | xargs)"
