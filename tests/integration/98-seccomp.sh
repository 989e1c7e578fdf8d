#!/bin/bash
# Which system calls RUN may make.
. "$(dirname "$0")/lib.sh"

import_busybox
dockerfile <<'END'
FROM busybox AS usual
RUN grep -E '^Seccomp:' /proc/self/status >/mode
RUN chmod 600 /mode && mknod /null c 1 3 && chroot / true
FROM busybox AS insecure
RUN --security=insecure grep -E '^Seccomp:' /proc/self/status >/mode
END
filtered=$'Seccomp:\t2'
free=$'Seccomp:\t0'

mode_of() { # STAGE
    msb cp "$1:/mode" - | tar -xO
}

for runtime in crun runc; do
    it "filters them as the host's packages say, except for an insecure command: $runtime"
    export MSB_RUNTIME=$runtime
    build --no-cache --allow security.insecure --target usual --target insecure
    same "$filtered" "$(mode_of usual)"
    same "$free" "$(mode_of insecure)"

    it "does not where nobody wants it: $runtime"
    build --no-cache --target usual --security-opt seccomp=unconfined --security-opt label=disable
    same "$free" "$(mode_of usual)"
done

it "takes a profile as docker has it"
jq '.syscalls = [{names: ["chmod", "fchmod", "fchmodat", "fchmodat2"],
        action: "SCMP_ACT_ERRNO", errnoRet: 95}] + [.syscalls[] | .names -= ["chmod", "fchmod",
        "fchmodat", "fchmodat2"] | select(.names != [])]' \
    /usr/share/containers/seccomp.json >profile.json
for runtime in crun runc; do
    export MSB_RUNTIME=$runtime
    exits 1 msb build --no-cache --target usual --security-opt seccomp=profile.json ctx
    contains err 'chmod: .*Operation not supported'
done

it "refuses one that is none"
echo '{"defaultAction": "SCMP_ACT_DANCE", "syscalls": []}' >wrong.json
exits 1 msb build --no-cache --target usual --security-opt seccomp=wrong.json ctx
contains err "wrong.json.*'SCMP_ACT_DANCE'"
exits 1 msb build --target usual --security-opt seccomp=absent.json ctx
contains err 'seccomp=absent.json.*No such file'

it "says where the host has its profile"
msb info >out
contains out '^seccomp +ok +/.*seccomp.json'
