#!/bin/bash
# What commands may use, and progress for machines.
. "$(dirname "$0")/lib.sh"

import_busybox
dockerfile <<'END'
FROM busybox
RUN ulimit -Sn > /soft; ulimit -Hn > /hard; ulimit -Sc > /core; df -m /dev/shm | awk 'END { print $2 }' > /shm
RUN echo to-out; echo to-errors >&2
END

# value NAME: of what the last build wrote into /NAME.
value() {
    msb cp "image:limited:/$1" value
    cat value
}

it "gives commands the caller's own limits and 64 megabytes of shared memory"
build -t limited
same "$(ulimit -Sn)" "$(value soft)"
same "$(ulimit -Hn)" "$(value hard)"
same 64 "$(value shm)"

it "gives them what is asked for"
build -t limited --ulimit nofile=100:200 --ulimit core=0 --shm-size 128m
same "100 200 0 128" "$(value soft) $(value hard) $(value core) $(value shm)"
build -t limited --ulimit nofile=300 --ulimit nofile=150 --shm-size=2097152
same "150 150 2" "$(value soft) $(value hard) $(value shm)"

it "counts them in the key"
build -t limited --ulimit nofile=150 --shm-size=2MiB
same 2 "$(grep -c CACHED log)"
build -t limited --ulimit nofile=151 --shm-size=2MiB
lacks log CACHED

it "never asks for more than the caller has, and says so"
(
    ulimit -n 500
    refuses 1 "nofile=501: this process itself may not have more than 500" msb build -q --ulimit nofile=501 ctx
    refuses 1 "may not have more than 500" msb build -q --ulimit nofile=10:-1 ctx
    msb build -q --ulimit nofile=500 ctx
)
refuses 1 "unknown limit 'nofiles'" msb build -q --ulimit nofiles=1 ctx
refuses 1 "expected NAME=SOFT" msb build -q --ulimit nofile ctx
refuses 1 "expected NAME=SOFT" msb build -q --ulimit nofile=1x ctx
refuses 1 "above the hard one" msb build -q --ulimit nofile=2:1 ctx
refuses 1 "'much' is no size" msb build -q --shm-size much ctx
refuses 1 "'99999999999t' is no size" msb build -q --shm-size 99999999999t ctx

it "gives them the hosts that were added, and refuses what is none before anything runs"
cat >ctx/hosts <<'HOSTS'
FROM busybox
RUN cat /etc/hosts >/hosts; hostname >/name; ping -c 1 $(hostname) >/dev/null
HOSTS
build -t limited -f ctx/hosts --add-host db:10.0.0.7 --add-host 'v6=[2001:DB8::1]' \
    --add-host host.docker.internal:host-gateway --build-arg BUILDKIT_SANDBOX_HOSTNAME=here
same "here" "$(value name)"
value hosts >hosts
same "127.0.0.1 localhost here" "$(sed -n 1p hosts | tr '\t' ' ')"
same "10.0.0.7 db 2001:db8::1 v6 127.0.0.1 host.docker.internal" "$(tail -n +3 hosts | xargs)"
for word in db db:x :1.2.3.4 'd b:1.2.3.4' db:1.2.3 db:; do
    refuses 1 "--add-host $word: expected HOST:ADDRESS" msb build -q --add-host "$word" ctx
done

it "tells progress as an object a line"
msb build --no-cache --progress=rawjson ctx >out 2>lines
same "" "$(cat out)"
jq -c . lines >parsed
same "$(wc -l <lines)" "$(wc -l <parsed)"
same "[0 3/3] RUN echo to-out; echo to-errors >&2" "$(jq -r '.vertexes[]?.name' lines | tail -1)"
same "to-out" "$(jq -r '.logs[]? | select(.stream == 1) | .data' lines | base64 -d)"
same "to-errors" "$(jq -r '.logs[]? | select(.stream == 2) | .data' lines | base64 -d)"
same 3 "$(jq -r '.vertexes[]? | select(.completed) | .digest' lines | sort -u | wc -l)"
same "$(jq -r '.vertexes[]?.digest' lines | tail -1)" "$(jq -r '.logs[]?.vertex' lines | sort -u)"
msb build --progress=rawjson ctx 2>lines
same 2 "$(jq -c '.vertexes[]? | select(.cached)' lines | wc -l)"

it "tells a failure so, too"
printf 'FROM busybox\nRUN false\n' >ctx/Dockerfile
exits 1 msb build --progress=rawjson ctx
grep '^{' err | jq -r '.vertexes[]?.error // empty' >errors
contains errors 'exit code: 1'
same 1 "$(grep -vc '^{' err)"
contains err '^msb: Dockerfile:2: '

it "keeps directories nested deeper than descriptors or a stack last"
cat >ctx/Dockerfile <<'DEEP'
FROM busybox AS deep
ARG DEPTH=1500
RUN i=0; while [ $i -lt $DEPTH ]; do mkdir d; cd d; i=$((i + 1)); done; echo bottom > f
FROM scratch
COPY --from=deep --chown=1:2 /d /e
DEEP
(
    ulimit -n 512
    msb build -q -t deep ctx
    same "" "$(ls "$MSB_ROOT/tmp")"
    msb export image:deep >deep.tar
    same "3003 1/2" "$(tar tvf deep.tar --numeric-owner | awk '/f$/ { print length($NF), $2 }')"
    exits 1 msb build -q --build-arg DEPTH=2100 ctx
    contains err 'keep what the command changed: .* more than 2048 levels'
    same "" "$(ls "$MSB_ROOT/tmp")"
)

it "says that what would limit commands is left to msb's own cgroup"
printf 'FROM busybox\nRUN true\n' >ctx/Dockerfile
for limit in "--memory=1g" "-m 1g" "--cpu-quota=5" "-c 5" "--cpuset-cpus=0" "--cgroup-parent=/x"; do
    # shellcheck disable=SC2086 # one word or two
    msb build $limit ctx 2>err
    contains err '^msb: --memory, --cpu-\* and --cgroup-parent have no effect; .*systemd-run'
done
msb build --rm --compress ctx 2>err
lacks err 'no effect'
