#!/bin/bash
# A store on a disk that is full: one clear error, nothing lost, and a way out.
. "$(dirname "$0")/lib.sh"

mkdir "$MSB_ROOT"
mount -t tmpfs -o size=36m none "$MSB_ROOT"
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

it "says that there is more to be had where there is no room to move things"
dockerfile Many <<'END'
FROM busybox
ARG WHICH
RUN for i in $(seq 350); do head -c 20000 /dev/urandom > /$WHICH-$i; done
END
msb prune -f --keep-builds 0 >out
build -f ctx/Many -t stays --build-arg WHICH=1
build -f ctx/Many --build-arg WHICH=2
fill
exits 0 msb prune -f --keep-builds 0
contains out 'make some room elsewhere, and prune again'
rm "$MSB_ROOT/filling"
exits 0 msb prune -f --keep-builds 0
lacks out 'prune again'
contains out 'reclaimed space: [67]\.[0-9]+MB'
msb fsck >out
msb rmi stays >out
build

it "has its reserve again for the next time"
fill
refuses 1 'no space left|No space left' msb tag busybox other
exits 0 msb prune -f --keep-builds 0
rm "$MSB_ROOT/filling"
msb fsck >out
