#!/bin/bash
# --build-context: names that stand for something else than the Dockerfile says.
. "$(dirname "$0")/lib.sh"

import_busybox
mkdir -p other/deep
echo other >other/file
echo deep >other/deep/file
echo ignored >other/ignored
echo ignored >other/.dockerignore
chown -R 1000:1000 other
dockerfile <<'END'
FROM busybox AS parent
RUN echo stage > /file; mkdir /deep; echo stage > /deep/file
FROM busybox
COPY --from=parent /deep /deep
RUN --mount=from=parent,target=/parent cp /parent/file /mounted
COPY --from=elsewhere file /elsewhere
END

it "takes a directory for an image and for a stage, with its own .dockerignore"
build -t plain --build-context elsewhere=other
msb cp image:plain:/elsewhere got
same other "$(cat got)"
build -t replaced --build-context elsewhere=other --build-context PARENT=other
unpack_tree image:replaced tree
same "deep other" "$(cat tree/deep/file tree/mounted | xargs)"
same 0:0 "$(stat -c %u:%g tree/deep/file)"
lacks log 'RUN echo stage'
rm -rf tree
refuses 1 "'/ignored' not found" bash -c 'printf "FROM scratch\nCOPY --from=c ignored /\n" |
    msb build --build-context c=other -f - ctx 2>&1 | grep "^msb:" >&2; exit 1'

it "hashes a directory's files once, and takes steps from the cache"
build -t replaced --build-context elsewhere=other --build-context parent=other
same 3 "$(grep -c 'CACHED' log)"
echo changed >other/deep/file
build -t replaced --build-context elsewhere=other --build-context parent=other
lacks log CACHED
msb cp image:replaced:/deep/file got
same changed "$(cat got)"

it "starts a stage from a directory"
printf 'FROM base\nCOPY one /one\nENV A=b\n' >ctx/Based
echo one >ctx/one
build -t based -f ctx/Based --build-context base=other
unpack_tree image:based tree
same "changed one" "$(cat tree/deep/file tree/one | xargs)"
absent tree/ignored
msb save -o based.tar based
msb --root "$work/second" load -i based.tar >out
msb --root "$work/second" cp image:based:/deep/file got
same changed "$(cat got)"
same 2 "$(msb inspect based | jq '.[0].RootFS.Layers | length')"

it "takes another image for an image, however its name is written"
printf 'FROM scratch\nCOPY one /marker\n' >ctx/Marker
build -t marker -f ctx/Marker
printf 'FROM docker.io/library/python:3.12\nCOPY one /two\n' >ctx/Python
for value in docker-image://marker image:marker; do
    build -t python -f ctx/Python --build-context python:3.12="$value" --no-cache
    msb cp image:python:/marker got
done
printf 'FROM alpine\n' >ctx/Alpine
build -t alpine -f ctx/Alpine --build-context docker.io/library/alpine:latest=docker-image://marker
refuses 1 'absent' msb build -q -f ctx/Alpine --build-context alpine=docker-image://absent ctx

it "takes an image out of an OCI layout, and names it nowhere"
printf 'FROM scratch\nCOPY one /from-layout\nENV FROM=layout\n' >ctx/Layout
build -t inside:7 -f ctx/Layout -o type=oci,tar=false,dest=layout
msb rmi inside:7 >out
build -t alpine -f ctx/Alpine --build-context alpine=oci-layout://layout
msb cp image:alpine:/from-layout got
build -t alpine -f ctx/Alpine --build-context alpine="oci-layout://$work/layout:7"
same FROM=layout "$(msb inspect alpine | jq -r '.[0].Config.Env[]' | grep FROM)"
digest=$(jq -r '.manifests[0].digest' layout/index.json)
build -t alpine -f ctx/Alpine --build-context alpine="oci-layout://layout:wrong@$digest"
msb images >out
lacks out inside
refuses 1 'it has no image 8' msb build -q -f ctx/Alpine --build-context alpine=oci-layout://layout:8 ctx
refuses 1 'not an OCI layout' msb build -q -f ctx/Alpine --build-context alpine=oci-layout://other ctx

it "lets a later one win, and numbers and 'scratch' alone"
build -t replaced --build-context elsewhere=ctx --build-context elsewhere=other --build-context 0=ctx
msb cp image:replaced:/elsewhere got
same other "$(cat got)"
refuses 1 "reserved" msb build -q --build-context scratch=other ctx
for name in data::linux/amd64 data:: 'a b' -x; do
    refuses 1 "'$name' is no name that a FROM or --from could have" msb build -q --build-context "$name=other" ctx
done
refuses 1 "expected NAME=VALUE" msb build -q --build-context other ctx
refuses 1 "No such file" msb build -q --build-context a=absent ctx
refuses 1 "is no directory" msb build -q --build-context a=ctx/one ctx
