#!/bin/bash
# An ordinary user: builds, looks and mounts with nothing but subordinate ids, with FUSE and
# without, and the trees are root's trees.
. "$(dirname "$0")/lib.sh"

import_busybox
dockerfile <<'END'
FROM busybox AS one
RUN id -u > /who && mkdir -p /d/e && chown -R 5:6 /d && chmod 4755 /bin/busybox && rm /etc/group
USER 7:8
WORKDIR /owned
FROM busybox
COPY --from=one / /all
RUN mv /all/d /moved && stat -c '%u:%g' /moved > /owner
END

# as_user FUSE COMMAND…: uid 54321 with subordinate ids, known in a mount namespace of its own
# alone, where /dev/fuse is open to everybody or closed.
as_user() {
    # shellcheck disable=SC2016 # expanded inside
    FUSE_MODE=$1 WORK=$work unshare -m --propagation private bash -euc '
        cd "$WORK/accounts"
        for file in passwd group subuid subgid; do
            mount --bind "$file" "/etc/$file"
        done
        chmod "$FUSE_MODE" fuse && mount --bind fuse /dev/fuse
        cd "$WORK"
        shift
        exec setpriv --reuid 54321 --regid 54321 --clear-groups \
            env PATH="$WORK/bin:$PATH" HOME="$WORK/home" MSB_ROOT="$WORK/home/store" "$@"' bash "$@"
}

mkdir accounts home bin
# Beside the test: the work tree may lie where only root looks.
tools=$(dirname "$(realpath "$(command -v msb)")")
cp "$tools/msb" "$tools/../../fs/msbfs" bin/
cp /etc/passwd /etc/group accounts/
printf 'ordinary:x:54321:54321::/:/bin/sh\n' >>accounts/passwd
printf 'ordinary:x:54321:\n' >>accounts/group
for file in subuid subgid; do
    echo 'ordinary:300000:65536' >"accounts/$file"
done
mknod accounts/fuse c 10 229
chmod 755 "$work"
chmod 644 busybox.tar
chown -R 54321:54321 home ctx
msb build -q -t reference ctx >out

listing() { # STAGE COMMAND…: the tree's listing without its times
    "${@:2}" msb export "$1" | tar --numeric-owner -tv | awk '{ $4 = $5 = ""; print }' | sort
}

for mode in 600 666; do
    it "builds as an ordinary user, /dev/fuse having mode $mode"
    rm -rf home/store
    as_user "$mode" msb import busybox.tar busybox >out
    as_user "$mode" msb build --no-cache -q -t mine ctx >out
    for stage in one 1; do
        listing "$stage" env >wanted
        listing "$stage" as_user "$mode" >got
        cmp wanted got || { diff wanted got | head >&2 || :; fail "stage $stage differs"; }
    done
    as_user "$mode" msb cp image:mine:/owner - | tar -xO >out
    same 5:6 "$(cat out)"
done

it "keeps what a command of an ordinary user's build left when it failed"
printf 'FROM busybox AS broken\nRUN echo half > /half && exit 3\n' >ctx/Broken
exits 1 as_user 666 msb build -f ctx/Broken ctx
contains err 'exit code: 3'
as_user 666 msb cp broken:/half - | tar -xO >out
same half "$(cat out)"

it "debugs that command, with its mounts, keeps what was mended, and ends in order"
printf 'FROM busybox AS broken\nRUN --mount=target=/ctx --mount=type=cache,target=/c \
 --mount=type=secret,id=word cp /ctx/Broken /c && id -u > /half && exit 3\n' >ctx/Broken
chmod 644 ctx/Broken
echo the-word >home/secret
for mode in 600 666; do
    exits 1 as_user "$mode" msb build -f ctx/Broken ctx
    as_user "$mode" msb debug --keep mended --secret id=word,src=home/secret -- sh -c \
        'cat /half /run/secrets/word; cmp /c/Broken /ctx/Broken; echo 5 >/x; chown 5:6 /x; exit 4' \
        </dev/null >out 2>err && fail "status 0"
    same $'0\nthe-word' "$(cat out)"
    contains err 'kept as image'
    same 5:6 "$(as_user "$mode" msb debug image:mended -- stat -c %u:%g /x </dev/null)"
    same "" "$(as_user "$mode" ls home/store/tmp)"
done

it "writes outputs that are the user's own, with the owners of the image in archives"
as_user 666 msb build -q --ulimit nofile=100 -o home/out.d -o type=tar,dest=home/out.tar ctx >out
same "54321:54321" "$(stat -c %u:%g home/out.d home/out.d/owner home/out.tar | sort -u)"
same 5:6 "$(tar --numeric-owner -xOf home/out.tar ./owner)"
as_user 666 msb export 1 | tar --numeric-owner -t | sort >wanted
tar --numeric-owner -tf home/out.tar | sort | cmp - wanted

it "shares the steps of an ordinary user, in a directory that is the user's own"
as_user 666 msb save busybox >base.tar
as_user 666 msb build -t mine --cache-to type=local,dest=home/shared ctx >out 2>log
contains log 'cache-to home/shared: [0-9]+ step'
same 54321:54321 "$(find home/shared -printf '%U:%G\n' | sort -u)"
as_user 666 env MSB_ROOT="$work/home/second" bash -euc 'msb load && msb build -t mine \
    --cache-from type=local,src=home/shared --target 1 ctx' <base.tar >out 2>log
contains log CACHED
as_user 666 env MSB_ROOT="$work/home/second" msb cp image:mine:/owner - | tar -xO >out
same 5:6 "$(cat out)"
as_user 666 env MSB_ROOT="$work/home/second" msb fsck >out

it "builds from standard input and from a repository"
cp -a ctx home/repository
# shellcheck disable=SC2016 # expanded inside
as_user 666 bash -euc 'cd "$HOME/repository"
    git init -q . && git add -A
    git -c user.name=x -c user.email=x@example.org commit -qm all
    "$(git --exec-path)/git-daemon" --reuseaddr --listen=127.0.0.1 --port="$1" --export-all \
        --base-path="$HOME" --log-destination=none &
    for ((i = 0; i < 50; i++)); do
        git ls-remote -q "git://127.0.0.1:$1/repository" >/dev/null 2>&1 && break
        sleep 0.1
    done
    msb build -q -t cloned "git://127.0.0.1:$1/repository" || status=$?
    kill $!
    tar -c . | msb build -q -t piped -
    exit "${status:-0}"' bash "$((20000 + RANDOM % 20000))" >out
as_user 666 msb cp image:cloned:/owner - | tar -xO >out
same 5:6 "$(cat out)"

it "mounts for its user"
# shellcheck disable=SC2016 # expanded inside
as_user 666 bash -euc 'mkdir "$HOME/mnt" && msb mount "$HOME/mnt" &&
    cat "$HOME/mnt/images/mine:latest/owner" && stat -c %U "$HOME/mnt/stages" &&
    msb umount "$HOME/mnt" && ls "$HOME/mnt"' >out
same $'5:6\nordinary' "$(cat out)"
