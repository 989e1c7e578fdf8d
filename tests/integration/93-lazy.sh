#!/bin/bash
# Lazy images: eStargz and zstd:chunked, whose files come when they are read.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/registries.sh"

fresh_store() {
    if mountpoint -q "$mnt"; then
        umount "$mnt"
    fi
    rm -rf "$MSB_ROOT"
}

# The trees of two layers, the second with whiteouts and a change.
mkdir -p below/{bin,etc,data,empty/dir,gone} above/{etc,gone}
cp /bin/busybox below/bin/busybox
ln -s busybox below/bin/sh
echo hello >below/etc/hello
ln below/etc/hello below/etc/again
touch below/etc/nothing below/etc/going below/gone/before
printf '%s\n' root:x:0:0:root:/root:/bin/sh >below/etc/passwd
head -c 2500000 /dev/urandom >below/data/large
for i in {1..120}; do
    echo "file $i" >"below/data/small$i"
done
mkfifo below/data/pipe
chown 5:6 below/data/small1
chmod 4711 below/data/small2
touch -d '2001-02-03 04:05:06' below/data/small3
echo world >above/etc/world
touch above/etc/.wh.going above/gone/.wh..wh..opq
echo new >above/gone/after
mkdir srv tree
cp -a below/. tree
rm tree/etc/going tree/gone/before
cp above/etc/world tree/etc
cp above/gone/after tree/gone
touch -r above tree
touch -r above/etc tree/etc
touch -r above/gone tree/gone
touch -r above/etc/world tree/etc/world
touch -r above/gone/after tree/gone/after
find tree below above -exec touch -h -d '2020-01-01 00:00:00' {} +

for form in estargz zstd; do
    "$here/make_lazy.py" srv "$form" "$form" below above
    for damage in toc chunk offset name; do
        "$here/make_lazy.py" srv "$form-$damage" "$form" "$damage" below
    done
done
serve

for form in estargz zstd; do
    fresh_store
    forget
    it "leaves an image of $form where it is, and shows it"
    image=127.0.0.1:$port/good/app:$form
    msb pull --lazy "$image" >out 2>err
    lacks err note
    contains out "^Status: Downloaded newer image for $image\$"
    mount_store
    tree=$mnt/images/127.0.0.1:$port/good/app:$form
    ls -lR "$tree" >listing
    same 4 "$(asked)" # manifest, config, a table a layer
    at_most "$(sent)" 120000
    absent "$tree/etc/going"
    absent "$tree/gone/before"
    absent "$tree/stargz.index.json"
    contains listing 'prw'

    it "fetches a file when it is read, and not a second time"
    same hello "$(cat "$tree/etc/again")"
    cmp below/data/large "$tree/data/large"
    before=$(asked)
    sync
    echo 3 >/proc/sys/vm/drop_caches
    cmp below/data/large "$tree/data/large"
    same "$before" "$(asked)"

    it "brings small files together"
    forget
    cat "$tree"/data/small* >/dev/null
    at_most "$(asked)" 6

    it "has the same tree as the one that was packed"
    rm -rf tree/data/pipe.copy
    same_tree tree "$tree"


    it "says of what is not here that it is none"
    fresh_store
    msb pull -q --lazy "$image" >out
    msb fsck >out
    contains out '^[0-9]+ blobs are still in their registries'
    forget
    msb prune -f --keep-builds 0 >out
    msb du >out
    msb history "$image" >out
    same 0 "$(asked)"
done

it "lets several readers of one file wait for one request a piece"
fresh_store
msb pull -q --lazy "127.0.0.1:$port/good/app:zstd" >out
mount_store
tree=$mnt/images/127.0.0.1:$port/good/app:zstd
forget
pids=()
for i in {1..12}; do
    md5sum <"$tree/data/large" >"sum$i" &
    pids+=($!)
done
wait "${pids[@]}"
same 1 "$(cat sum{1..12} | sort -u | wc -l)"
same 3 "$(grep -c 'blobs/' srv/log)"

it "says EIO when the registry goes away, soon, and goes on when it is back"
sync
kill -9 "$server"
begin=$SECONDS
refuses 1 'Input/output error' cat "$tree/bin/busybox"
at_most $((SECONDS - begin)) 20
begin=$SECONDS
refuses 1 'Input/output error' cat "$tree/etc/hello"
at_most $((SECONDS - begin)) 3
ls -lR "$tree" >listing
PORT=$port serve
sleep 5
cmp below/bin/busybox "$tree/bin/busybox"
same hello "$(cat "$tree/etc/hello")"

it "does not let others wait for who waits"
umount "$mnt"
fresh_store
msb pull -q --lazy "127.0.0.1:$port/good/app:estargz" >out
mount_store
tree=$mnt/images/127.0.0.1:$port/good/app:estargz
same hello "$(cat "$tree/etc/hello")"
kill -STOP "$server"
pids=()
for file in bin/busybox data/large data/small{1..12}; do
    timeout 30 cat "$tree/$file" >/dev/null 2>&1 &
    pids+=($!)
done
sleep 0.5
begin=$SECONDS
timeout 5 ls -lR "$tree" >listing
timeout 5 cat "$tree/etc/hello" >got
at_most $((SECONDS - begin)) 3
kill "${pids[0]}"
exits 143 wait "${pids[0]}"
kill -CONT "$server"
wait "${pids[@]:1}"

it "refuses what is not what was announced"
fresh_store
for form in estargz zstd; do
    refuses 1 'table of contents' msb pull --lazy "127.0.0.1:$port/good/app:$form-toc"
    refuses 1 "wrong 'offset'" msb pull --lazy "127.0.0.1:$port/good/app:$form-offset"
    msb pull -q --lazy "127.0.0.1:$port/good/app:$form-chunk" >out
    refuses 1 'what came is not what' msb cp "127.0.0.1:$port/good/app:$form-chunk:/bin/busybox" got
    absent got
done
same 2 "$(msb images -q | wc -l)"

it "fetches whole what has no table to go by, and says so"
for form in estargz zstd; do
    fresh_store
    msb pull --lazy "127.0.0.1:$port/good/app:$form-name" >out 2>err
    contains err '^msb: note: 1 of 1 layers had to be fetched whole'
    msb fsck >out
    lacks out 'still in their registries'
done

it "completes what was left when it is pulled as usual"
fresh_store
image=127.0.0.1:$port/good/app:estargz
msb pull -q --lazy "$image" >out
msb pull "$image" >out
contains out '^Status: Downloaded newer image'
msb fsck >out
lacks out 'still in their registries'
msb pull "$image" >out
contains out '^Status: Image is up to date'

it "gives what was left to others as it came"
fresh_store
msb pull -q --lazy "$image" >out
msb save -o image.tar "$image"
digest=$(msb inspect "$image" | jq -r '.[0].Id')
skopeo inspect --raw docker-archive:image.tar >manifest
tar -xOf image.tar index.json >index
same "sha256:$(sha256sum <srv/manifests/estargz | cut -d' ' -f1)" "$(jq -r '.manifests[0].digest' index)"
MSB_ROOT=$work/second msb load -i image.tar >out
same "$digest" "$(MSB_ROOT=$work/second msb inspect "$image" | jq -r '.[0].Id')"
rm -rf second

it "builds upon it: a command fetches what it reads, COPY --from nothing"
fresh_store
settings <<<'{"lazy": true}'
dockerfile <<END2
FROM 127.0.0.1:$port/good/app:zstd AS base
FROM scratch AS middle
COPY --from=base /data /data
COPY --from=base /bin /bin
FROM scratch
COPY --from=middle /data/small1 /
END2
forget
build -t copied
same 6 "$(asked)"
at_most "$(sent)" 400000
cmp below/data/large <(msb export middle | tar -xO ./data/large)
dockerfile <<END2
FROM 127.0.0.1:$port/good/app:zstd
RUN cat /etc/hello /etc/world >/both && rm /data/small7
END2
forget
build -t run
at_most "$(asked)" 6
at_most "$(sent)" 1500000
same "hello
world" "$(msb export run | tar -xO ./both)"
rm "$XDG_CONFIG_HOME/msb/registries.json"

it "pulls an image that is entered, where the mount was made so"
fresh_store
msb mount "$mnt"
absent "$mnt/images/127.0.0.1:$port/good/app:zstd"
umount "$mnt"
msb mount -o autopull "$mnt"
forget
same "bin data etc" "$(cd "$mnt/images/127.0.0.1:$port/good/app:zstd" && echo b* d* et*)"
contains srv/log 'manifests/zstd'
same hello "$(cat "$mnt/images/127.0.0.1:$port/good/app:zstd/etc/hello")"
forget
absent "$mnt/images/127.0.0.1:$port/good/app:missing"
absent "$mnt/images/Not A Name"
absent "$mnt/images/127.0.0.1:$port/good/.hidden"
asked=$(asked)
absent "$mnt/images/127.0.0.1:$port/good/app:missing"
same "$asked" "$(asked)"

it "lets go who gives up before the registry has answered"
kill -STOP "$server"
begin=$SECONDS
exits 137 timeout -s KILL 1 stat "$mnt/images/127.0.0.1:$port/slow:1"
at_most $((SECONDS - begin)) 5
kill -CONT "$server"
umount "$mnt"
