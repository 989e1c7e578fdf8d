#!/bin/bash
# A store on a disk that is full: one clear error, nothing lost, and a way out.
. "$(dirname "$0")/lib.sh"

mkdir "$MSB_ROOT"
mount -t tmpfs -o size=24m none "$MSB_ROOT"
import_busybox
dockerfile <<'END'
FROM busybox AS build
RUN echo small > /small
RUN for i in $(seq 300); do head -c 20000 /dev/urandom > /$i; done
RUN head -c 4000000 /dev/urandom > /large
END
dockerfile Large <<'END'
FROM busybox
RUN head -c 40000000 /dev/urandom > /too-large
END

fill() {
    cat /dev/zero >"$MSB_ROOT/filling" 2>/dev/null || rm -f out
    absent out
}

it "says that there is no room, once, and what is on record stays right"
build
exits 1 msb build -f ctx/Large ctx
contains err 'No space left on device|exit code: 1'
same small "$(msb cat 1/build@2:/small)"
msb fsck >out

it "shows what there is while nothing can be written"
fill
exits 1 msb build --no-cache ctx
contains err 'no space left|No space left'
same small "$(msb cat 1/build@2:/small)"
msb images >out
contains out '^busybox'

it "takes away what is wanted no more although there is no room to write"
exits 0 msb prune -f --keep-builds 0
contains out 'reclaimed'
rm "$MSB_ROOT/filling"
msb fsck >out
build
same small "$(msb cat build@2:/small)"

it "has its reserve again for the next time"
fill
refuses 1 'no space left|No space left' msb tag busybox other
exits 0 msb prune -f --keep-builds 0
rm "$MSB_ROOT/filling"
msb fsck >out
