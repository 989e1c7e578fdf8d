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
contains err "named:2: .*ssh agent 'mine' was not given \(--ssh mine\)"

printf %s "$secret" >no-socket
exits 1 msb build --no-cache -f ctx/named --ssh mine="$work/no-socket" ctx
contains err "named:2: .*--ssh mine=.*no agent's socket there"

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
contains err "needs:2: .*secret 'word' was not given \(--secret id=word,src=FILE\)"
exits 1 msb build -f ctx/needs --secret id=word,src=/nowhere ctx
contains err "needs:2: .*/nowhere"
exits 1 msb build -f ctx/needs --secret id=word,env=NOT_SET_HERE ctx
contains err "NOT_SET_HERE is not set"
exits 1 msb build -f ctx/needs --secret src=word ctx
contains err 'no id=NAME'
