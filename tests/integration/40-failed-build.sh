#!/bin/bash
# A build whose command fails: what is said, and what can be looked at afterwards.
. "$(dirname "$0")/lib.sh"

import_busybox
mount_store
dockerfile <<'END'
FROM busybox AS build
ENV COLOUR=blue
WORKDIR /src
RUN echo half > half && echo said-this && touch /tmp/mark && exit 3
RUN echo never
END

it "exits 1 and names step, status, place and where to look"
exits 1 msb build -t broken ctx
contains err '\[build 4/5\]'
contains err 'said-this'
contains err 'Dockerfile:4'
contains err '(exit|status)[a-z ]* 3\b'
contains err 'msb debug'
lacks err '\[build 5/5\]'

it "marks the line in an excerpt of the Dockerfile"
contains err '^ *3 \| +WORKDIR /src$'
contains err '^ *(>+ +4|4 +>+|> *4|4) \| *(>+ )?RUN echo half'
same 1 "$(grep -cE '>.*RUN echo half' err)"

it "says nothing on standard output"
same "" "$(cat out)"

it "shows the stage as the failing command left it"
same half "$(cat "$mnt/stages/build/src/half")"
present "$mnt/stages/build/tmp/mark"
same half "$(cat "$mnt/builds/latest/stages/build/rootfs/src/half")"

it "leads to the failed step by a link"
same stages/build/steps/4 "$(readlink "$mnt/builds/latest/failed")"
same half "$(cat "$mnt/builds/latest/failed/rootfs/src/half")"
contains "$mnt/builds/latest/failed/log" '^ +[0-9]+\.[0-9]{3} 1> said-this$'
contains "$mnt/builds/latest/failed/output" '^said-this$'
contains "$mnt/builds/latest/failed/instruction" 'exit 3'
absent "$mnt/builds/latest/stages/build/steps/3/rootfs/src/half"

it "tags nothing"
absent "$mnt/images/broken:latest"
refuses 1 broken msb inspect broken

it "shows the same without a mount"
unpack_tree build exported
same half "$(cat exported/src/half)"
msb cp build@4:/src/half copied
same half "$(cat copied)"
msb diff build@3 build@4 >out
contains out '/src/half'
msb log build@4 >out
contains out '^said-this$'

it "opens the failed step with its environment and directory, and keeps it as it was"
# shellcheck disable=SC2016 # expanded inside
same "blue /src half" "$(msb debug -- sh -c 'echo $COLOUR $(pwd) $(cat half); rm half' </dev/null)"
same half "$(cat "$mnt/stages/build/src/half")"
exits 7 msb debug -- sh -c 'exit 7'

it "builds once the command is repaired, with the steps before it from the cache"
sed -i 's/ && exit 3//' ctx/Dockerfile
build -t broken
contains log 'CACHED'
absent "$mnt/builds/latest/failed"
present "$mnt/images/broken:latest/tmp/mark"

it "exits 1 for a command that does not exist and for one that is killed"
dockerfile <<'END'
FROM busybox
RUN ["/no/such/command"]
END
exits 1 msb build ctx
contains err 'Dockerfile:2'
contains err '/no/such/command'
dockerfile <<'END'
FROM busybox
RUN sh -c 'kill -9 $$'; exit $?
END
exits 1 msb build ctx
contains err '137|signal|[Kk]illed'
unmount_store

it "writes the failed stage's files where somebody asks for them, and still exits 1"
dockerfile <<'END'
FROM busybox
RUN mkdir -p /reports/deep && echo report > /reports/deep/one && echo log > /var/log.txt && exit 3
END
mkdir reports
echo mine >reports/mine
exits 1 msb build --output-on-failure reports:/reports --output-on-failure reports:/var/log.txt \
    --output-on-failure all --output-on-failure none:/absent ctx
contains err 'exit code: 3'
contains err 'output-on-failure: .*absent'
same report "$(cat reports/deep/one)"
same log "$(cat reports/log.txt)"
same mine "$(cat reports/mine)"
same report "$(cat all/reports/deep/one)"
present all/bin/busybox
same "$EUID" "$(stat -c %u all/bin)"
absent none

it "writes none where nothing failed, and what was there before for a step that made nothing"
sed -i 's/ && exit 3//' ctx/Dockerfile
build --output-on-failure no-failure
absent no-failure
echo 'COPY no-such-file /' >>ctx/Dockerfile
exits 1 msb build -q --output-on-failure before:/reports ctx
same report "$(cat before/deep/one)"
