#!/bin/bash
# What RUN is lent for one command: that it arrives as it was asked for, and stays nowhere.
. "$(dirname "$0")/lib.sh"

import_busybox
# ssh-add and what it loads, beside the busybox.
while read -r library; do
    cp --parents -L "$library" busybox
done < <(ldd /usr/bin/ssh-add | grep -o '/[^ ]*')
cp /usr/bin/ssh-add busybox/bin/
tar -C busybox --numeric-owner -c . | msb import - busybox >out

secret=hush-$(od -An -N12 -tx1 /dev/urandom | tr -d ' ')
other=quiet-$(od -An -N12 -tx1 /dev/urandom | tr -d ' ')
marker=told-$(od -An -N12 -tx1 /dev/urandom | tr -d ' ')
printf %s "$secret" >word
export OTHER_WORD=$other

ssh-keygen -q -t ed25519 -N '' -C key-of-the-test -f key
spawn ssh-agent -D -a "$work/agent"
eventually test -S agent
SSH_AUTH_SOCK=$work/agent ssh-add -q key

# layers NAME FOLDER: every blob of an image as it leaves the store, packed and unpacked.
layers() {
    local blob

    mkdir -p "$2/files"
    msb save "$1" | tar -C "$2" -x
    while read -r blob; do
        gzip -dcf "$blob" >"$2/blob"
        mv "$2/blob" "$blob"
        if tar -tf "$blob" >"$2/list" 2>"$2/said"; then
            tar -C "$2/files" -xf "$blob" --exclude 'dev/*'
        fi
    done < <(find "$2" -path "$2/files" -prune -o -type f -size +0 -print)
}

dockerfile <<END
FROM busybox
COPY hidden /context-file
RUN --mount=type=secret,id=word \\
    --mount=type=secret,id=word,target=/etc/word,uid=1000,gid=1000,mode=0440 \\
    --mount=type=secret,id=other,env=WORD \\
    --mount=type=secret,id=other,env=BOTH,target=/deep/er/word \\
    --mount=type=secret,id=absent \\
    --mount=type=ssh \\
    --mount=type=cache,target=/var/cache/some \\
    --mount=type=tmpfs,target=/scratch \\
    --mount=type=bind,target=/mnt/context \\
    test "\$(cat /run/secrets/word | md5sum)" = "$(md5sum <word)" && \\
    test "\$(stat -c '%a %u %g' /run/secrets/word)" = "400 0 0" && \\
    test "\$(stat -c '%a %u %g' /etc/word)" = "440 1000 1000" && \\
    cmp /etc/word /run/secrets/word && \\
    test "\$(echo -n \$WORD | md5sum)" = "$(printf %s "$other" | md5sum)" && \\
    test "\$BOTH" = "\$WORD" && test "\$BOTH" = "\$(cat /deep/er/word)" && \\
    test ! -e /run/secrets/absent && test ! -e /run/secrets/other && \\
    test -S "\$SSH_AUTH_SOCK" && ssh-add -l | grep -q key-of-the-test && \\
    cat /run/secrets/word >/scratch/copy && \\
    cat /mnt/context/hidden /etc/hosts /etc/resolv.conf >/dev/null && \\
    echo $marker >/written
END
echo in-context >ctx/hidden
export SSH_AUTH_SOCK=$work/agent

it "gives secrets as files and variables with their owners and modes, and a living agent"
build -t lent --secret id=word,src="$work/word" --secret id=other,env=OTHER_WORD --ssh default

it "leaves in the image what the command wrote and nothing else"
msb diff busybox lent | grep -v '^[MC] */$' >changes || fail "no changes"
same "A /context-file A /written" "$(awk '{print $1, $2}' changes | sort -k2 | xargs)"
same "A /written" "$(msb diff 0@2 0@3 | awk '$2 != "/" {print $1, $2}')"

it "shows secrets in no blob of the image"
mkdir saved
layers lent saved
grep -rqF "$marker" saved/files || fail "the search finds nothing at all"
for word in "$secret" "$other"; do
    if grep -rlF "$word" saved; then
        fail "a secret is in a layer"
    fi
done
for name in run/secrets etc/word etc/resolv.conf etc/hosts deep scratch mnt var/cache; do
    absent "saved/files/$name"
done

it "shows secrets in no file of the store, nor in what was printed"
grep -rqF "$marker" "$MSB_ROOT/packs" || fail "the search finds nothing at all"
for word in "$secret" "$other"; do
    if grep -rlaF "$word" "$MSB_ROOT" "$work/log"; then
        fail "a secret is in the store"
    fi
done
msb inspect lent >inspected
msb history --no-trunc lent >>inspected
lacks inspected "$secret|$other|SSH_AUTH_SOCK="

it "keeps the failed tree of a command free of them too"
cat >ctx/fails <<'END'
FROM busybox
RUN --mount=type=secret,id=word --mount=type=ssh test -s /run/secrets/word && touch /begun && exit 3
END
exits 1 msb build -f ctx/fails --secret id=word,src="$work/word" --ssh default ctx
same "A /begun" "$(msb diff 0@1 0@2 | awk '$2 != "/" {print $1, $2}')"
if grep -rlaF "$secret" "$MSB_ROOT"; then
    fail "a secret is in the store"
fi

it "lends the agent by name"
cat >ctx/named <<'END'
FROM busybox
RUN --mount=type=ssh,id=mine,target=/agent,required test $SSH_AUTH_SOCK = /agent && ssh-add -l
END
build -f ctx/named --ssh mine="$work/agent"
contains log 'key-of-the-test'
exits 1 msb build --no-cache -f ctx/named --ssh default ctx
contains err "named:2: .*ssh agent 'mine' was not given; pass --ssh mine"

printf %s "$secret" >no-socket
exits 1 msb build --no-cache -f ctx/named --ssh mine="$work/no-socket" ctx
contains err "--ssh mine=.*no-socket' cannot be used as a key"
exits 1 msb build --no-cache -f ctx/named --ssh mine="$work/nowhere" ctx
contains err "--ssh mine=.*nowhere' is neither a socket nor a key"
exits 1 env -u SSH_AUTH_SOCK msb build --no-cache -f ctx/named --ssh mine ctx
contains err "--ssh mine: no agent's socket there"

it "lends an agent with just the keys that were named, and ends it with the build"
ssh-keygen -q -t ed25519 -N '' -C a-second-key -f second
ssh-keygen -q -t ed25519 -N word -C a-locked-key -f locked
chmod 644 second
build --no-cache -f ctx/named --ssh mine="$work/second"
contains log 'a-second-key'
lacks log 'key-of-the-test'
build --no-cache -f ctx/named --ssh default --ssh mine="$work/second,$work/key"
contains log 'a-second-key'
contains log 'key-of-the-test'
exits 1 msb build --no-cache -f ctx/named --ssh mine="$work/locked" ctx
contains err "locked' cannot be used as a key: .* passphrase"
mkdir without
ln -s /usr/bin/* without/
rm without/ssh-agent
exits 1 env PATH="$(dirname "$(command -v msb)"):$work/without" \
    msb build -f ctx/named --ssh mine="$work/second" ctx
contains err "needs? the program 'ssh-agent', .* install openssh-client"
agents() { # those that serve from this store, by pid
    find /proc/[0-9]*/cwd -maxdepth 0 -lname "$MSB_ROOT/*" 2>/dev/null | cut -d/ -f3
}
same "" "$(agents)"
same "" "$(find "$MSB_ROOT" -type s)"

it "ends such an agent also when the build is killed"
printf 'FROM busybox\nRUN --mount=type=ssh,id=mine,required sleep 60\n' >ctx/long
spawn msb build -f ctx/long --ssh mine="$work/second" ctx
there() { test -n "$(agents)"; }
eventually there
kill -9 "$spawned"
gone() { test -z "$(agents)"; }
eventually gone

it "lends the agent to a user who is not root"
cat >ctx/user <<'END'
FROM busybox
USER app
RUN --mount=type=ssh,uid=1000 test "$(stat -c '%a %u' $SSH_AUTH_SOCK)" = "600 1000" && ssh-add -l
RUN --mount=type=ssh,mode=0666 test "$(stat -c '%a %u' $SSH_AUTH_SOCK)" = "666 0" && ssh-add -l
RUN --mount=type=ssh ! ssh-add -l 2>/dev/null
END
build -f ctx/user --ssh default
same 2 "$(grep -c key-of-the-test log)"

it "refuses to go on without what is required, and files that are not there"
printf 'FROM busybox\nRUN --mount=type=secret,id=word,env=W,required true\n' >ctx/needs
exits 1 msb build -f ctx/needs ctx
contains err "needs:2: .*secret 'word' was not given; pass --secret id=word,src=FILE"
exits 1 msb build -f ctx/needs --secret id=word,src=/nowhere ctx
contains err "^msb: --secret .*/nowhere.*No such file"
exits 1 msb build -f ctx/needs --secret id=NO_SUCH_FILE_OR_VARIABLE ctx
contains err "^msb: --secret id=NO_SUCH_FILE_OR_VARIABLE: .*No such file"
exits 1 msb build -f ctx/needs --secret src=word ctx
contains err 'no id=NAME'

it "lends an empty secret where its variable is not set, and says so"
printf 'FROM busybox\nRUN --mount=type=secret,id=word,required test -f /run/secrets/word -a ! -s /run/secrets/word\n' \
    >ctx/empty
build -f ctx/empty --secret id=word,env=NOT_SET_HERE
contains log "secret 'word' is empty: the variable NOT_SET_HERE is not set"
EMPTY='' build --no-cache -f ctx/empty --secret id=word,env=EMPTY
lacks log 'is empty'

it "tells what is missing with its line, before any step runs, and only of stages that are wanted"
cat >ctx/late <<'END'
FROM busybox AS tools
RUN touch /ran
FROM busybox AS unwanted
RUN --mount=type=secret,id=elsewhere,required true
FROM busybox
COPY --from=tools /ran /ran
RUN --mount=type=secret,id=word,required true
RUN --mount=type=ssh,required true
RUN --mount=from=localhost:1/absent,target=/mnt true
COPY --from=toools /ran /
END
late() { # PATTERN [ARGUMENT…]
    exits 1 msb build --no-cache -f ctx/late "${@:2}" ctx
    contains err "$1"
    lacks err 'RUN touch'
}
late "late:7: secret 'word' was not given; pass --secret id=word,src=FILE"
late "late:8: ssh agent 'default' was not given; pass --ssh default" --secret id=word,src=word
late "late:9: image 'localhost:1/absent' is not" --secret id=word,src=word --ssh default
sed -i 's/localhost:1.absent/busybox/' ctx/late
late "late:10: image 'toools' .*did you mean stage tools" --secret id=word,src=word --ssh default
