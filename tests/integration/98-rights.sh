#!/bin/bash
# What RUN gets only where the command line grants it.
. "$(dirname "$0")/lib.sh"

import_busybox
dockerfile <<'END'
FROM busybox AS careful
RUN --security=sandbox grep CapEff /proc/self/status >/capabilities
FROM busybox AS insecure
RUN --security=insecure grep CapEff /proc/self/status >/capabilities
FROM busybox AS network
RUN --network=host ls /sys/class/net | wc -l >/interfaces
END

it "refuses a command that asks for more than was granted, with its line, before any runs"
for stage in insecure:4:security.insecure network:6:network.host; do
    IFS=: read -r name line right <<<"$stage"
    exits 1 msb build --target careful --target "$name" ctx
    contains err "Dockerfile:$line: $right is not allowed; grant it with --allow $right"
    lacks err 'RUN --security=sandbox'
done
exits 1 msb build --target network --allow security.insecure ctx
exits 1 msb build --target insecure --allow network.host --network host ctx

it "does not look at stages that nobody wants"
build --target careful

it "grants what --allow names, one or several, beside what means nothing here"
build -t insecure --target insecure --allow security.insecure,network.host --allow device
build --target network --allow network.host --allow fs.read=/

it "takes --network host for a grant of that network"
build --target network --network host

it "gives an insecure command what its own caller may do"
same "$(grep CapEff /proc/self/status)" "$(msb cp insecure:/capabilities - | tar -xO)"
