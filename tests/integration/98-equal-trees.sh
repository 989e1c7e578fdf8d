#!/bin/bash
# Trees that differ in their times alone hit the same cache entries: an image's layers must lead to
# its tree all the same.
. "$(dirname "$0")/lib.sh"

import_busybox
another_store=$work/another

# stands NAME: all its layers, in another store, make the tree that it has here.
stands() {
    msb save "$1" >saved.tar
    rm -rf "$another_store" here there
    msb --root "$another_store" load -i saved.tar >loaded
    unpack_tree "image:$1" here
    mkdir there
    msb --root "$another_store" export "image:$1" | tar -C there --numeric-owner -xp
    same_tree here there
}

it "keeps the chain of layers where a step without a layer is answered from an older tree"
for command in 'echo one >/f' 'echo one >/f; true'; do
    dockerfile <<END
FROM busybox
RUN $command
ENV A=b
LABEL c=d
WORKDIR /
RUN echo two >/g
END
    build -t "chain"
    contains log 'CACHED|DONE'
    stands chain
done
contains log '#3 CACHED'

it "keeps it where a stage was made anew"
dockerfile <<'END'
FROM busybox AS low
RUN echo one >/f
RUN true
FROM low AS high
ONBUILD RUN true
ENV A=b
COPY --from=low /f /g
FROM high
USER app
END
build -t chain
stands chain
build -t chain --no-cache-filter low
stands chain
build -t chain --no-cache-filter low,high
stands chain
build -t chain
stands chain
