#!/bin/bash
# -o autopull: what asks a registry and what does not, and one that does not answer.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/registries.sh"

# asks NUMBER COMMAND…: it succeeds, and the registry is asked that often.
asks() {
    local number=$1

    shift
    forget
    "$@" >"$work/out" 2>"$work/err" || fail "$*"
    same "$number $*" "$(asked) $*"
}

# Eight readers of one name and eight of names of their own stay until the registry is given up; as
# many are sent a signal soon, one a little after the other, and those with names of their own go at
# once (the kernel does not let go who stands in line for a name). Meanwhile all else is served.
# Prints how long the slowest answer to others took, the last of those to go, and all of it.
crowd() { # DIRECTORY OTHERS
    timeout 60 python3 - "$@" <<'END'
import os, signal, sys, time

silent, others = sys.argv[1:]
begin = time.monotonic()


def reader(number):
    os.dup2(os.open("/dev/null", os.O_WRONLY), 2)
    if number >= 16:
        signal.setitimer(signal.ITIMER_REAL, 0.02 * (number - 15))
    try:
        os.stat("%s/%s:1" % (silent, "same" if number % 2 else "name%d" % number))
    except OSError as error:
        os._exit(error.errno)
    os._exit(0)


pids = {}
for number in range(32):
    pid = os.fork()
    if pid == 0:
        reader(number)
    pids[pid] = number
slowest = gone = 0
while pids:
    before = time.monotonic()
    for directory, _, names in os.walk(others):
        for name in names:
            os.lstat(os.path.join(directory, name))
    os.listdir(os.path.dirname(others))
    os.stat(os.path.join(os.path.dirname(others), "another"))
    with open(os.path.join(others, "bin/busybox"), "rb") as file:
        file.read(100)
    slowest = max(slowest, time.monotonic() - before)
    for pid in list(pids):
        if os.waitpid(pid, os.WNOHANG)[0]:
            number = pids.pop(pid)
            if number >= 16 and number % 2 == 0:
                gone = max(gone, time.monotonic() - begin)
    time.sleep(0.02)
print("others %d ms, killed %d ms, all %d ms" % tuple(
    1000 * seconds for seconds in (slowest, gone, time.monotonic() - begin)))
sys.exit(slowest > 1 or gone > 1.5 or not 1.5 < time.monotonic() - begin < 8)
END
}

import_busybox
mkdir -p below/etc
echo hello >below/etc/hello
for i in {1..300}; do
    echo "$i" >"below/file$i"
done
mkdir srv
"$here/make_lazy.py" srv latest zstd below
"$here/make_lazy.py" srv 1 estargz below
serve
settings <<<'{"lazyTimeout": 1}'
images=$mnt/images

it "asks nobody for what is listed, completed, entered or stepped over"
msb mount -o autopull "$mnt"
asks 0 ls -lR "$images"
asks 0 find "$images" -maxdepth 2
asks 0 stat "$images/127.0.0.1:$port/good" "$images/127.0.0.1:$port" "$images/docker.io/library"
asks 0 test -d "$images/127.0.0.1:$port/good/"
asks 0 bash -c "cd $images/127.0.0.1:$port/good"
asks 0 bash -ic "compgen -f $images/bus; compgen -f $images/127.0.0.1:$port/go || :; cd $images"
asks 0 bash -c "! stat $images/.git $images/127.0.0.1:$port/.git $images/Makefile"

it "asks for an image with a tag alone"
asks 3 ls "$images/127.0.0.1:$port/good/app:1"
asks 0 ls -lR "$images/127.0.0.1:$port/good/app:1"
asks 0 ls "$images/127.0.0.1:$port/good" "$images/127.0.0.1:$port"

it "asks for an image without a tag once somebody looks into it, who may have gone there before"
cd "$images/127.0.0.1:$port/good/other"
asks 3 ls
contains "$work/out" '^file300$'
same hello "$(cat etc/hello)"
cd etc
same "$images/127.0.0.1:$port/good/other/etc" "$(/bin/pwd)"
same 1 "$(cat ../file1)"
asks 0 ls -l "$images/127.0.0.1:$port/good/other" "$images/127.0.0.1:$port/good/other:latest"
same_tree "$images/127.0.0.1:$port/good/other" "$images/127.0.0.1:$port/good/other:latest"
cd "$work"
unset OLDPWD # shells that are started look whether it is there

it "asks again for what is not there only after a while"
mv srv/manifests/latest kept
asks 1 find "$images/127.0.0.1:$port/good/nothing"
asks 0 find "$images/127.0.0.1:$port/good/nothing"
asks 0 ls -a "$images/127.0.0.1:$port/good/nothing"
mv kept srv/manifests/latest

it "lets a collection take an image that was looked at by a name without a tag"
umount "$mnt"
msb mount -o autopull "$mnt"
find "$images/127.0.0.1:$port/good/other" >out
msb rmi "127.0.0.1:$port/good/other" "127.0.0.1:$port/good/app:1" >out
msb prune -f >out
msb fsck >out
lacks out 'still in their registries'
umount "$mnt"

for transport in ro noring; do
    it "serves all else while 32 wait for a silent registry, and lets go who gives up: $transport"
    msb mount -o "autopull,$transport" "$mnt"
    kill -STOP "$server"
    crowd "$images/127.0.0.1:$port/silent" "$images/busybox:latest"

    it "does not let the next one wait for what is known"
    SECONDS=0
    refuses 2 'Input/output error' ls "$images/127.0.0.1:$port/silent/another:1"
    at_most "$SECONDS" 1
    kill -CONT "$server"
    umount "$mnt"
done

it "does not let a collection, and whoever comes after it, wait for who waits"
settings <<<'{"lazyTimeout": 1, "mirrors": {"docker.io": ["http://127.0.0.1:'"$port"'"]}}'
msb tag busybox second
msb import --change "ENV A=1" busybox.tar third >out
msb mount -o autopull "$mnt"
ls "$images/third:latest/bin" "$images/busybox:latest/bin" >out
kill -STOP "$server"
stat "$images/silent:none" >out 2>&1 &
waiter=$!
sleep 0.5
begin=${EPOCHREALTIME/./}
msb rmi third >out
msb prune -f >out &
sleep 0.3
ls "$images" "$images/second:latest/bin" "$images/busybox:latest" >listing
took=$(((${EPOCHREALTIME/./} - begin) / 1000))
kill -0 "$waiter"
at_most "$took" 1500
kill -CONT "$server"
exits 1 wait "$waiter"
wait $!
umount "$mnt"
