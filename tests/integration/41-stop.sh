#!/bin/bash
# Builds that come to an end before their time: one stage fails while others run, or somebody
# presses Ctrl-C.
. "$(dirname "$0")/lib.sh"

import_busybox

# The pattern comes from a file, or grep would find itself.
nobody_runs_here() {
    ! grep -qF -f <(echo "$work/store") /proc/[0-9]*/cmdline 2>/dev/null
}

nothing_is_left() {
    same "" "$(ls "$MSB_ROOT/tmp")"
    same "" "$(mounts_below "$work")"
    nobody_runs_here || fail "something still runs"
}

cat >ctx/Dockerfile <<'END'
FROM busybox AS slow
RUN echo one > /one
RUN --mount=type=cache,target=/cache sleep 100; touch /cache/went-on
FROM busybox AS polite
RUN --mount=type=cache,target=/cache trap 'touch /cache/asked; exit 5' TERM; \
    while :; do sleep 0.1; done
FROM busybox AS failing
RUN sleep 1; exit 7
FROM busybox
COPY --from=slow /one /
COPY --from=failing /etc /x
COPY --from=polite /etc /y
END

it "ends the commands of other stages when one fails, and blames that one alone"
SECONDS=0
exits 1 msb build --progress plain --jobs 3 ctx
((SECONDS < 10)) || fail "it took $SECONDS s"
contains err '^#[0-9]+ ERROR: Dockerfile:8: .*exit code: 7'
same 2 "$(grep -c '^#[0-9]* CANCELED' err)"
same 1 "$(grep -c ERROR err)"
contains err '^msb: Dockerfile:8: .*exit code: 7'

nothing_is_left

it "lets a command tidy up that wants to, and no other go on"
caches=$(echo "$MSB_ROOT"/caches/*/0)
present "$caches/asked"
absent "$caches/went-on"

it "has no record of the steps that were ended, and builds them once nothing fails"
mount_store
present "$mnt/builds/latest/stages/slow/steps/2"
absent "$mnt/builds/latest/stages/slow/steps/3"
same stages/failing/steps/2 "$(readlink "$mnt/builds/latest/failed")"
unmount_store

cat >person.py <<'END'
"""Somebody at a terminal who presses Ctrl-C once the build says what it waits for, and then again;
or sends a signal. Prints what was shown. Fails unless the build is gone within a second or two."""
import os, pty, select, signal, sys, time

wanted, how, *command = sys.argv[1:]
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(command[0], command)
shown, pressed = b"", 0
end = time.monotonic() + 20
while True:
    if time.monotonic() > end:
        os.kill(pid, signal.SIGKILL)
        sys.exit(f"not in time: {shown!r}")
    if not pressed and wanted.encode() in shown:
        time.sleep(0.3)
        if how == "keys":
            os.write(terminal, b"\x03")
            os.write(terminal, b"\x03")
        else:
            os.kill(pid, getattr(signal, how))
        pressed = time.monotonic()
        end = pressed + 2
    try:
        if select.select([terminal], [], [], 0.02)[0]:
            shown += os.read(terminal, 4096)
    except OSError:
        break
status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
print(f"{time.monotonic() - pressed:.2f} s", file=sys.stderr)
print(shown.decode())
sys.exit(128 - status if status < 0 else status)
END

dockerfile <<'END'
FROM busybox AS a
RUN echo a-waits; (trap '' TERM INT; sleep 100) & trap '' TERM INT; sleep 100; sleep 100
FROM busybox AS b
RUN --mount=type=cache,sharing=locked,target=/c echo b-waits; sleep 100
FROM busybox AS c
RUN --mount=type=cache,sharing=locked,target=/c sleep 100
FROM busybox
COPY --from=a /etc /a
COPY --from=b /etc /b
COPY --from=c /etc /c
END

for how in keys SIGTERM SIGHUP; do
    it "ends a build and all of its commands at once: $how"
    case $how in keys) status=130 ;; SIGTERM) status=143 ;; *) status=129 ;; esac
    exits "$status" python3 person.py -waits "$how" msb build --jobs 3 ctx
    contains out 'the build was stopped'
    nothing_is_left
    msb builds >out
    contains out '^[0-9]+ +failed'
done

it "ends a build that waits for the world"
python3 -c 'import socket, time
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
time.sleep(1000)' >port &
children+=($!)
eventually test -s port
dockerfile <<END
FROM busybox
ADD http://127.0.0.1:$(cat port)/never /
END
exits 130 python3 person.py 'ADD http' keys msb build ctx
nothing_is_left
msb fsck >out

it "ends with its parent that was killed"
dockerfile <<'END'
FROM busybox
RUN sleep 1000
END
spawn msb build ctx 2>log
eventually grep -qE 'RUN sleep' log
kill -9 "$spawned"
eventually nobody_runs_here

it "passes a status and the end of the reader on"
exits 2 msb build --no-such-option ctx
dockerfile <<'END'
FROM busybox
RUN exit 9
END
exits 1 msb build ctx
