#!/bin/bash
# Collection and verification: what is kept stays, what is gone gives its room back, nobody reads
# wrong bytes, and kill -9 at any moment leaves a sound store.
. "$(dirname "$0")/lib.sh"

# new_content: another context, so that the next build shares little with those before.
new_content() {
    mkdir -p ctx/many
    head -c 3000000 /dev/urandom >ctx/big
    for number in {1..150}; do
        head -c 5000 /dev/urandom >"ctx/many/$number"
    done
}
digest() {
    msb export "$1" | sha256sum
}
used() {
    du -sk "$MSB_ROOT" | cut -f 1
}

import_busybox
dockerfile <<'END'
FROM busybox AS build
COPY . /src
RUN cp -r /src /copy && echo said && echo one > /one
FROM busybox
COPY --from=build /copy /app
RUN --mount=type=cache,target=/cache head -c 2000000 /dev/urandom > /cache/kept; echo done > /done
END
for round in 1 2 3 4; do
    new_content
    build -t app
done
app=$(digest image:app)
build=$(digest 4/build@3)
busybox=$(digest image:busybox)

it "refuses to guess when there is nobody to ask"
refuses 1 'give -f' msb prune
same 4 "$(msb builds --format '{{.Build}}' | wc -l)"

it "asks on a terminal, and takes no for an answer"
before=$(used)
script -qec "msb prune --keep-builds 1" /dev/null <<<n >out
contains out '3 builds'
contains out '3 images'
contains out 'Cache mounts stay'
contains out 'Are you sure'
lacks out 'Total reclaimed'
same 4 "$(msb builds --format '{{.Build}}' | wc -l)"
((before - $(used) < 1000)) || fail "a question removed something"

it "tells beforehand what a prune gives back, and how much of an image is its own"
msb du >out
contains out '^Images +5 '
contains out '^Builds +4 '
contains out '^Cache Mounts +1 '
msb du --format '{{.Type}} {{.ReclaimableBytes}}' >out
contains out '^Garbage [0-9]+'
msb du -v --format '{{.Repository}} {{.Bytes}} {{.UniqueBytes}}' >out
read -r _ bytes unique < <(grep '^app ' out)
((bytes > 5000000 && unique > 3000000 && unique < bytes)) || fail "app has $bytes, $unique of its own"

it "keeps the newest builds and gives the room of the others back"
refuses 1 "MSB_KEEP_BUILDS: 'few' is no number of builds" env MSB_KEEP_BUILDS=few msb prune -f
MSB_KEEP_BUILDS=1 msb prune -f >out
contains out '^ +3 builds$'
contains out '^ +3 images$'
contains out '^Total reclaimed space: [0-9.]+MB$'
((before - $(used) > 9000)) || fail "only $((before - $(used))) KiB came back"
same 4 "$(msb builds --format '{{.Build}}')"
same "$app" "$(digest image:app)"
same "$build" "$(digest 4/build@3)"
same "$busybox" "$(digest image:busybox)"
contains <(msb log 4/build@3) said
msb fsck
msb prune -f --keep-builds 1 >out
same "Total reclaimed space: 0B" "$(cat out)"

it "keeps the step cache of what it keeps"
build -t app
same 4 "$(grep -c CACHED log)"
same "$app" "$(digest image:app)"

it "saves an image whose builds are gone"
msb prune -f --keep-builds 0 >out
refuses 1 . msb log 4
msb save app >app.tar
same "$app" "$(digest image:app)"
MSB_ROOT=$work/other msb load -i app.tar >out
same "$app" "$(MSB_ROOT=$work/other msb export image:app | sha256sum)"
msb fsck

it "keeps the layers of an image that came from outside as they came"
other() {
    MSB_ROOT=$work/other "$@"
}
other msb save app >before.tar
other msb prune -f >out
other msb fsck
other msb save app | cmp - before.tar
same "$app" "$(other msb export image:app | sha256sum)"

it "removes cache mounts when it is told so"
present "$MSB_ROOT/caches"
msb prune -f --caches >out
contains out '^ +1 cache mount$'
contains out '^Total reclaimed space: [2-9]\.?[0-9]*MB$'
absent "$MSB_ROOT/caches"

it "goes by age"
build -t app
new_content
build -t app
msb prune -f --keep-builds 0 --filter until=1h >out
lacks out 'build'
same 2 "$(msb builds --format '{{.Build}}' | wc -l)"

it "removes named images that nothing uses with -a alone"
msb tag app used
msb import busybox.tar unused >out
printf x >ctx/one
tar -C ctx -cf other.tar one
msb import other.tar other >out
msb image prune -f >out
msb images -q other >out
[[ -s out ]] || fail "an image with a name went without -a"
msb prune -f -a >out
same "" "$(msb images -q other)"
msb export image:app >app.now
msb export image:used | cmp - app.now
same "$busybox" "$(digest image:busybox)"

it "waits for a build that runs, and a build for it"
cp ctx/Dockerfile slow
echo 'RUN sleep 1; echo late > /late' >>slow
spawn msb build -t slow -f slow ctx 2>log
slow=$spawned
eventually grep -q 'sleep 1' log
for round in 1 2 3; do
    msb prune -f >out
done
wait "$slow" || fail "$(cat log)"
children=()
same late "$(msb cp image:slow:/late - | tar -xO)"
msb fsck

it "lets a mount read the right bytes all the while"
build -t app
mount_store
cp -a "$mnt/images/app:latest/app" wanted
(
    for round in {1..8}; do
        head -c 100000 /dev/urandom >"ctx/many/$((round % 10 + 1))"
        head -c 2000000 /dev/urandom >ctx/big
        msb build -q -t scratch ctx
        msb prune -f --keep-builds 1
    done
) >collections 2>&1 &
loop=$!
children=("$loop")
rounds=0
while kill -0 "$loop" 2>/dev/null; do
    echo 3 >/proc/sys/vm/drop_caches
    same_tree wanted "$mnt/images/app:latest/app"
    rounds=$((rounds + 1))
done
wait "$loop" || fail "$(tail collections)"
children=()
same 8 "$(grep -c 'Total reclaimed' collections)"
same_tree wanted "$mnt/images/app:latest/app"
same_tree "$mnt/images/scratch:latest" "$mnt/stages/1"
msb fsck
echo "compared $rounds times"

it "gives what was removed under a mount as an error, or as it was"
cp -a "$mnt/images/scratch:latest/app" last
gone=$(getfattr --only-values -n user.msb.digest "$mnt/images/scratch:latest")
ls -lR "$mnt/.trees/$gone" >out
msb rmi scratch >out
msb prune -f --keep-builds 0 >out
echo 3 >/proc/sys/vm/drop_caches
for file in last/many/*; do
    if cat "$mnt/.trees/$gone/app/many/${file##*/}" >got 2>err; then
        cmp "$file" got
    fi
done
same_tree wanted "$mnt/images/app:latest/app"
unmount_store

it "survives kill -9 at any moment"
RANDOM=${MSB_TEST_SEED:-$$}
echo "seed: $RANDOM"
app=$(digest image:app)
killed=0
for round in {1..30}; do
    head -c 1500000 /dev/urandom >ctx/big
    for number in {1..40}; do
        head -c 3000 /dev/urandom >"ctx/many/$number"
    done
    build -q -t scratch
    spawn msb prune -f --keep-builds 1 2>err >out
    sleep "0.$(printf '%03d' $((RANDOM % 150)))"
    if kill -9 "$spawned" 2>/dev/null; then
        killed=$((killed + 1))
    fi
    wait "$spawned" 2>/dev/null || echo "round $round: ended by $?"
    children=()
    msb fsck
    same "$app" "$(digest image:app)"
done
echo "killed $killed"
build -t app
msb prune -f --keep-builds 1 >out
msb fsck

it "finds damage, tells who has it, and makes it anew"
victim=$(sha256sum <ctx/big | cut -d ' ' -f 1)
file=$MSB_ROOT/large/${victim:0:2}/${victim:2}
chmod u+w "$file"
printf changed | dd of="$file" bs=1 seek=700000 conv=notrunc status=none
exits 0 msb fsck --quick
exits 1 msb fsck
contains out "^sha256:$victim: its file has changed: (image|build) .*: /.*big: 'msb fsck --repair'"
contains err '1 problem in store'
exits 1 msb fsck --repair
exits 1 msb fsck --quick
build -t app
lacks log 'COPY . /src.*CACHED'
exits 0 msb fsck
exits 2 msb fsck operand
