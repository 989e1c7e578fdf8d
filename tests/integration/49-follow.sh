#!/bin/bash
# msb log --follow, msb builds --follow: a build while it runs.
. "$(dirname "$0")/lib.sh"

import_busybox
# The gate is a cache mount, which is a directory of the store.
dockerfile <<'END_OF_FILE'
FROM busybox AS first
RUN echo quick
FROM first
RUN --mount=type=cache,target=/gate echo one; while [ ! -e /gate/open ]; do sleep 0.1; done; \
    echo two; printf three
RUN echo four >&2; exit 3
END_OF_FILE
open_gate() {
    touch "$(dirname "$MSB_ROOT"/caches/*/0.lock)/0/open"
}

it "shows what a command prints before it has ended, and then the rest, each once"
spawn msb builds --follow >events
spawn msb builds --follow --format json >events.json
sleep 0.3
spawn msb build ctx 2>build.log
builder=$spawned
eventually grep -q 'one$' build.log
spawn msb log --follow >followed
follower=$spawned
spawn msb log --follow --timestamps >timed
timer=$spawned
eventually grep -qx one followed
eventually grep -qE '^ +[0-9.]+ 1> one$' timed
lacks followed '^two$'
contains followed '^\[1 2/3\] RUN .*echo one'
open_gate
wait "$follower"
wait "$timer"
if wait "$builder"; then
    fail "the build did not fail"
fi
msb log >wanted
contains followed '^two$'
contains followed '^three$'
contains followed '^four$'
for word in one two three four quick; do
    same 1 "$(grep -cx $word followed)"
done

it "says when each line came, as of a build that has ended"
msb log --timestamps >ended
same "$(grep '> ' ended | sort)" "$(grep '> ' timed | sort)"
same 1 "$(grep -cE '^ +[0-9]+\.[0-9]{3} 2> four$' timed)"
lacks timed '^three'
msb log -f -t 1@2 >again
contains again '^ +[0-9.]+ 1> three$'

it "tells builds and steps as they begin and end"
eventually grep -q '^1 failed in' events
contains events '^1 running: 1$'
contains events '^1 \[first 2/2\] RUN echo quick: [0-9.]+s$'
contains events '^1 \[1 3/3\] RUN echo four >&2; exit 3: failed$'
eventually grep -q '"State":"failed","Target"' events.json
python3 -c 'import json, sys; [json.loads(line) for line in open(sys.argv[1])]' events.json

it "ends at once where nothing runs, with the log"
msb log -f >again
same "$(tr -d '\n' <wanted)" "$(tr -d '\n' <again)"
msb log -f 1@2 >again
same onetwothree "$(tr -d '\n' <again)"

it "says so when the builder was killed"
msb cache rm /gate
spawn msb build --no-cache ctx 2>build.log
builder=$spawned
eventually grep -q 'one$' build.log
spawn msb log --follow 2>err >followed
follower=$spawned
eventually grep -qx one followed
kill -9 "$builder"
eventually test -s err
contains err 'killed'
msb builds >out
contains out '^2 +killed '
msb stages >out
contains out ' killed '

it "keeps nothing of it"
build --target first
same "" "$(ls "$MSB_ROOT/tmp")"
