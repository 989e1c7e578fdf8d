#!/bin/bash
# msb debug: a shell, or a command, in a throw-away copy of any step's tree.
. "$(dirname "$0")/lib.sh"

import_busybox
dockerfile <<'END_OF_FILE'
FROM busybox AS build
ARG COLOUR=red
ENV SHAPE="a \"round\" one"
WORKDIR /src
RUN echo one > file
# A comment.
USER app
RUN --network=none echo never > /src/file
END_OF_FILE
exits 1 msb build --build-arg COLOUR=blue ctx

it "runs a command with the step's environment, arguments included, user and directory"
# shellcheck disable=SC2016 # expanded inside
same 'blue|a "round" one|/src|1000|/home/app' \
    "$(msb debug -- sh -c 'echo "$COLOUR|$SHAPE|$(pwd)|$(id -u)|$HOME"' </dev/null)"

it "shows the state after a step, after a line, and before either"
same one "$(msb debug build@5 -- cat file </dev/null)"
same one "$(msb debug Dockerfile:5 -- cat /src/file </dev/null)"
refuses 1 "can't open" msb debug --before Dockerfile:5 -- cat /src/file
refuses 1 "can't open" msb debug build@4 -- cat /src/file
refuses 125 'no step .* line 6' msb debug Dockerfile:6 -- true
same 0 "$(msb debug Dockerfile:5 -- id -u </dev/null)"

it "shows images and bare trees"
same / "$(msb debug image:busybox -- pwd </dev/null)"
refuses 125 'names neither a stage' msb debug absent -- true

it "passes standard input, output and error on as they are"
printf 'a\0b\r\n' >bytes
msb debug -- sh -c 'cat; echo to-err >&2' <bytes >out 2>err
cmp bytes out
same to-err "$(cat err)"
same 3 "$(printf '1\n2\n3\n' | msb debug -- wc -l)"

it "runs a shell that reads its commands when nothing else is said"
same "/src" "$(echo pwd | msb debug)"

it "ends as the command does, and as docker run where there is none"
exits 7 msb debug -- sh -c 'exit 7'
exits 143 msb debug -- sh -c "sh -c 'kill \$\$'; exit \$?"
exits 127 msb debug -- no-such-command
exits 126 msb debug -- /etc/passwd
exits 2 msb debug --network bridge

it "takes another user, and no network where there shall be none"
same 0 "$(msb debug -u root -- id -u </dev/null)"
same 12 "$(msb debug -u 12:13 -- id -u </dev/null)"
same lo "$(msb debug --network none -- ls /sys/class/net </dev/null)"
same lo "$(msb debug -- ls /sys/class/net </dev/null)"
same "$(ls /sys/class/net | wc -l)" "$(msb debug --network host -- ls /sys/class/net </dev/null | wc -l)"

it "keeps nothing of what was done"
msb debug -u root -- sh -c 'echo two > file; rm /etc/passwd; mkdir /new' </dev/null
same one "$(msb debug -- cat file </dev/null)"
same 1000 "$(msb debug -- id -u </dev/null)"
same "" "$(ls "$MSB_ROOT/tmp")"
same "" "$(mounts_below "$work")"
msb diff build build >out
same "" "$(cat out)"

it "lends a shell to a tree that has none"
dockerfile <<'END_OF_FILE'
FROM scratch
COPY Dockerfile /only
END_OF_FILE
build
refuses 125 'no shell.*--with busybox' msb debug
same only "$(echo 'ls /' | msb debug --with busybox | grep -vxE 'dev|etc|proc|sys')"
same "$(cat ctx/Dockerfile)" "$(msb debug --with busybox -- /.msb/busybox cat /only </dev/null)"
same "$(cat ctx/Dockerfile)" "$(msb debug --with busybox -- cat /only </dev/null)"
same 3 "$(printf 'a\nb\nc\n' | msb debug --with busybox -- sh -c 'sort | wc -l')"
same /bin/cat "$(msb debug --with busybox image:busybox -- which cat </dev/null)"

it "shows the tree before for a step that never made one"
dockerfile <<'END_OF_FILE'
FROM busybox
RUN echo made > /made
COPY no-such-file /
END_OF_FILE
exits 1 msb build ctx
contains err 'msb debug'
same made "$(msb debug -- cat /made </dev/null)"

it "has a terminal with the caller's size where the caller has one, and its keys"
cat >terminal.py <<'END_OF_FILE'
"""A person at a terminal who debugs: types when asked, reads what is shown."""
import fcntl, os, pty, select, struct, sys, termios, time

seen = b""


def set_size(rows, columns):
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def expect(text):
    """Waits until text was shown; forgets all up to its end."""
    global seen
    end = time.monotonic() + 20
    while text.encode() not in seen:
        if time.monotonic() > end or not select.select([terminal], [], [], 1)[0]:
            if time.monotonic() > end:
                sys.exit(f"not shown: {text!r}; but: {seen!r}")
            continue
        try:
            seen += os.read(terminal, 4096)
        except OSError:
            sys.exit(f"ended before it showed {text!r}: {seen!r}")
    seen = seen[seen.index(text.encode()) + len(text):]


def press(keys):
    os.write(terminal, keys.encode())


pid, terminal = pty.fork()
if pid == 0:
    sys.stdin.readline()  # the parent has set the size
    os.execvp("msb", ["msb", "debug", "-u", "root", "build"])
set_size(33, 77)
press("\n")
expect("# ")
press("stty size; tty\n")
expect("33 77\r\n")
expect("/dev/pts/0\r\n")
set_size(40, 100)
time.sleep(0.5)  # runc hears of it by a signal
press("stty size\n")
expect("40 100\r\n")
press("trap 'echo caught-it' INT; echo re''ady; sleep 100; echo sl''ept\n")
expect("ready\r\n")
time.sleep(0.3)
press("\x03")
expect("caught-it")
press("trap - INT\n")
press("sleep 100\n")
time.sleep(0.5)
press("\x1a")
expect("Stopped")
press("jobs; kill -9 %1; wait; echo do''ne\n")
expect("Stopped")
expect("done")
press("vi /new\n")
expect("~")
press("ityped in vi\x1b")
expect("typed in vi")
time.sleep(0.5)
press(":wq\n")
expect("# ")
press("cat /new\n")
expect("typed in vi")
press("exit 9\n")
while select.select([terminal], [], [], 20)[0]:
    try:
        os.read(terminal, 4096)
    except OSError:
        break
status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
if status != 9:
    sys.exit(f"exit status {status}")
END_OF_FILE
dockerfile <<'END_OF_FILE'
FROM busybox AS build
END_OF_FILE
build
python3 terminal.py
MSB_RUNTIME=runc python3 terminal.py

it "leaves the caller's terminal as it was, and nothing behind when it is ended"
cat >ended.py <<'END_OF_FILE'
import os, pty, signal, sys, termios, time

master, slave = pty.openpty()
before = termios.tcgetattr(slave)
for command, how in ((["true"], None), (["sleep", "1000"], signal.SIGTERM)):
    pid = os.fork()
    if pid == 0:
        for fd in range(3):
            os.dup2(slave, fd)
        os.execvp("msb", ["msb", "debug", "build", "--", *command])
    if how:
        end = time.monotonic() + 20
        while termios.tcgetattr(slave) == before and time.monotonic() < end:
            time.sleep(0.05)
        os.kill(pid, how)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status != (137 if how else 0):
        sys.exit(f"{command} ended with {status}: {os.read(master, 4096)!r}")
    if termios.tcgetattr(slave) != before:
        sys.exit(f"the terminal is not as it was after {command}")
END_OF_FILE
python3 ended.py
same "" "$(ls "$MSB_ROOT/tmp")"

it "has what RUN --mount lent to the step, secrets if they are given again"
mkdir ctx/dir
echo of-context >ctx/dir/file
echo the-word >secret
dockerfile <<'END_OF_FILE'
FROM busybox AS other
RUN echo of-other > /etc/other
FROM busybox AS build
USER app
WORKDIR /src
RUN --mount=type=cache,target=/cache,uid=1000 echo kept > /cache/lines
RUN --mount=type=cache,target=/cache,uid=1000 --mount=type=bind,source=dir,target=/context \
    --mount=from=other,source=/etc,target=/theirs,rw --mount=type=tmpfs,target=/scratch,size=1m \
    --mount=type=secret,id=word,required --mount=type=secret,id=variable,env=VARIABLE \
    cat /cache/lines /context/file /theirs/other /run/secrets/word && exit 5
END_OF_FILE
exits 1 msb build --secret id=word,src=secret --secret id=variable,src=secret ctx
same $'kept\nof-context\nof-other' \
    "$(msb debug -- cat /cache/lines /context/file /theirs/other </dev/null)"
same 1024 "$(msb debug -- df -k /scratch </dev/null | awk 'END { print $2 }')"
exits 1 msb debug -- cat /run/secrets/word
# shellcheck disable=SC2016 # expanded inside
same "the-word the-word 400" "$(msb debug -u 0 --secret id=word,src=secret \
    --secret id=variable,src=secret -- \
    sh -c 'echo $(cat /run/secrets/word) $VARIABLE $(stat -c %a /run/secrets/word)' </dev/null)"
refuses 125 'secret id=word' msb debug --secret id=word,src=absent -- true
msb debug -u 0 -- sh -c 'echo more >> /cache/lines; touch /theirs/x' </dev/null
same $'kept\nmore' "$(msb debug --before -- cat /cache/lines </dev/null)"
msb debug build@3 -- ls / </dev/null >out
lacks out '^(cache|context|theirs|scratch)$'

it "says what a prune has taken, and goes on without"
rm -r ctx/dir
msb prune -f >out
exits 0 msb debug -- sh -c 'cat /cache/lines && ls -A /context'
contains err '^msb: no longer in the store: what was mounted at /context$'

it "keeps what was changed as an image, with the configuration of the step"
msb debug --keep mended -u 0 -- sh -c 'echo mended > /src/file; rm /bin/vi; exit 3' \
    </dev/null 2>err && fail "status 0"
contains err '^msb: kept as image sha256:[0-9a-f]{64}$'
# shellcheck disable=SC2016 # expanded inside
same "mended app /src" "$(msb debug image:mended -- sh -c 'echo $(cat file; id -un; pwd)' </dev/null)"
same 2 "$(msb inspect mended | jq '.[0].RootFS.Layers | length')"
msb save mended | tar -x -C "$(mktemp -d -p "$work")"
msb diff image:busybox image:mended >out
contains out 'D +/bin/vi|^- */bin/vi|deleted.*/bin/vi|/bin/vi'
refuses 125 'Not A Name' msb debug --keep 'Not A Name' -- true
msb debug --keep copied image:mended -- true </dev/null 2>err
same 3 "$(msb inspect copied | jq '.[0].RootFS.Layers | length')"
printf 'FROM mended\nRUN test -e file\n' | msb build -q - >out

it "has the failed command in the shell's history"
cat >history.py <<'END_OF_FILE'
"""Somebody at a debugger's prompt presses the arrow up and Enter: what comes? Words on the command
line: the prompt's end, what shall be shown, then the command."""
import os, pty, select, sys, time

prompt, wanted, *command = sys.argv[1:]
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(command[0], command)
shown, pressed, end = b"", False, time.monotonic() + 20
while wanted.encode() not in shown:
    if time.monotonic() > end:
        sys.exit(f"not shown: {wanted!r} but {shown!r}")
    if not pressed and prompt.encode() in shown:
        time.sleep(0.2)
        os.write(terminal, b"\x1b[A\r")
        shown, pressed = b"", True
    if select.select([terminal], [], [], 0.1)[0]:
        shown += os.read(terminal, 4096)
os.write(terminal, b"exit\r")
while select.select([terminal], [], [], 5)[0]:
    try:
        os.read(terminal, 4096)
    except OSError:
        break
END_OF_FILE
dockerfile <<'END_OF_FILE'
FROM busybox AS one
RUN echo "it's"  $((40 + 2)) && exit 3
FROM busybox AS words
RUN ["sh", "-c", "echo \"$0\" and; exit 4", "its own"]
FROM busybox AS lines
RUN <<END
echo first-$((1 + 1))
exit 5
END
FROM busybox AS script
RUN <<END
#!/bin/busybox sh
echo script-$((2 + 1))
exit 6
END
END_OF_FILE
it "has the command in a file too, also beside a command of the caller's"
exits 1 msb build --target one ctx
same "$(sed -n 's/^RUN echo "it/echo "it/p' ctx/Dockerfile)" \
    "$(msb debug -- cat /.msb/command </dev/null)"
exits 3 msb debug -- sh /.msb/command
contains out "^it's 42$"

it "has it so that its exit does not end the shell"
cat >>ctx/Dockerfile <<'END_OF_FILE'
FROM busybox AS ending
RUN echo begun-$((2 + 2)); exit 9 # a comment
FROM busybox AS several
RUN <<END
set -e
echo set-$((4 + 4))
false
END
END_OF_FILE
cat >again.py <<'END_OF_FILE'
"""Somebody enters what the history has, and then asks how it ended."""
import os, pty, select, sys, time

prompt, wanted, status, *command = sys.argv[1:]
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(command[0], command)
shown, end = b"", time.monotonic() + 20
steps = [(prompt, "\x1b[A\r"), (wanted, ""), (prompt, "echo it-ended-with-$?\r"),
         (f"it-ended-with-{status}", "exit 44\r")]
while steps:
    if time.monotonic() > end:
        sys.exit(f"not shown: {steps[0]!r} but {shown!r}")
    place = shown.find(steps[0][0].encode())
    if place >= 0:
        shown = shown[place + len(steps[0][0]):]
        time.sleep(0.2)
        os.write(terminal, steps.pop(0)[1].encode())
    if select.select([terminal], [], [], 0.1)[0]:
        try:
            shown += os.read(terminal, 4096)
        except OSError:
            sys.exit(f"ended before {steps[0]!r}: {shown!r}")
while select.select([terminal], [], [], 5)[0]:
    try:
        os.read(terminal, 4096)
    except OSError:
        break
status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
if status != 44:
    sys.exit(f"exit status {status}")
END_OF_FILE
for stage in ending:begun-4:9 several:set-8:1; do
    IFS=: read -r name wanted status <<<"$stage"
    exits 1 msb build --target "$name" ctx
    python3 again.py '# ' "$wanted" "$status" msb debug --before
done

it "has it at arrow-up, whatever form it has"
for stage in "one:it's 42" 'words:its own and' lines:first-2 script:script-3; do
    exits 1 msb build --target "${stage%%:*}" ctx
    python3 history.py '# ' "${stage#*:}" msb debug --before
    python3 history.py '# ' "${stage#*:}" msb debug --before --with busybox
done
