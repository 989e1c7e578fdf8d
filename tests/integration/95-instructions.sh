#!/bin/bash
# Every instruction, and what it leaves in the tree and in the image's configuration.
. "$(dirname "$0")/lib.sh"

import_busybox
mkdir -p ctx/dir/sub ctx/packed
echo context >ctx/dir/file
ln -s file ctx/dir/link
echo deep >ctx/dir/sub/deep
chmod 640 ctx/dir/file
chown 1234:1234 ctx/dir/file
echo packed >ctx/packed/inside
tar -C ctx/packed -czf ctx/archive.tar.gz inside
dockerfile <<'END'
# syntax=docker/dockerfile:1
ARG BASE=busybox
FROM $BASE AS parent
MAINTAINER somebody <somebody@example.org>
ONBUILD RUN echo triggered > /triggered
ONBUILD ENV TRIGGERED=yes
ENTRYPOINT ["/inherited"]
CMD ["inherited"]

FROM parent AS main
ARG VERSION=1 OTHER
ARG EMPTY=
ENV A=one B="two words" C=$VERSION
ENV LEGACY three  words
ENV A=changed D=${A}-${UNSET:-fallback}
LABEL first=1 second="two words" \
      third=$VERSION
SHELL ["/bin/sh", "-eu", "-c"]
WORKDIR /work
WORKDIR inner
USER app
WORKDIR /home/app/made
RUN id -u > who; pwd >> who; echo "$A $VERSION [$EMPTY]" >> who
USER 0
RUN ["/bin/sh", "-c", "echo exec-form > /exec"]
RUN <<script
echo line one > /heredoc
echo line two >> /heredoc
script
RUN <<script
#!/bin/sh
echo "own interpreter" > /interpreter
script
COPY dir /copied
COPY --chown=app:app --chmod=0711 dir/file /owned/
COPY dir/f* dir/sub/deep /many/
COPY <<one <<"two" /inline/
version $VERSION
one
version $VERSION
two
ADD archive.tar.gz /unpacked
ADD dir/file /added
VOLUME /data /more
VOLUME ["/one", "/two"]
EXPOSE 80 443/udp 8000-8002
STOPSIGNAL SIGINT
HEALTHCHECK --interval=5s --retries=2 CMD test -e /exec
ENTRYPOINT ["/bin/echo"]
CMD shell form
END
build -t all --build-arg VERSION=9 --label last=one
mount_store
root=$mnt/images/all:latest
msb inspect all >inspect
config() {
    jq -c ".[0].$1" inspect
}

it "expands ENV and ARG by their rules"
same '["A=changed","B=two words","C=9","LEGACY=three  words","D=one-fallback","TRIGGERED=yes"]' \
    "$(jq -c '.[0].Config.Env | map(select(startswith("PATH=") | not))
        | sort_by(startswith("TRIGGERED"))' inspect)"
same true "$(jq '.[0].Config.Env | any(startswith("PATH="))' inspect)"

it "writes the configuration"
same '{"first":"1","last":"one","second":"two words","third":"9"}' \
    "$(jq -cS '.[0].Config.Labels' inspect)"
same '["/bin/echo"]' "$(config Config.Entrypoint)"
same '["/bin/sh","-eu","-c","shell form"]' "$(config Config.Cmd)"
same '["/bin/sh","-eu","-c"]' "$(config Config.Shell)"
same '"/home/app/made"' "$(config Config.WorkingDir)"
same '"0"' "$(config Config.User)"
same '"SIGINT"' "$(config Config.StopSignal)"
same '{"443/udp":{},"80/tcp":{},"8000/tcp":{},"8001/tcp":{},"8002/tcp":{}}' \
    "$(jq -cS '.[0].Config.ExposedPorts' inspect)"
same '{"/data":{},"/more":{},"/one":{},"/two":{}}' "$(jq -cS '.[0].Config.Volumes' inspect)"
same '["CMD-SHELL","test -e /exec"]' "$(config Config.Healthcheck.Test)"
same 5000000000 "$(config Config.Healthcheck.Interval)"
same 2 "$(config Config.Healthcheck.Retries)"
same '"somebody <somebody@example.org>"' "$(config Author)"

it "runs triggers in the child, and does not hand them on"
same triggered "$(cat "$root/triggered")"
absent "$mnt/stages/parent/triggered"
same null "$(jq -c '.[0].Config.OnBuild | if . == [] then null else . end' inspect)"

it "runs commands as USER in WORKDIR with ENV and ARG"
same "$(printf '1000\n/home/app/made\nchanged 9 []')" "$(cat "$root/home/app/made/who")"
same 1000:1000 "$(stat -c %u:%g "$root/home/app/made")"
same "0:0 755" "$(stat -c '%u:%g %a' "$root/work/inner")"
same exec-form "$(cat "$root/exec")"
same "$(printf 'line one\nline two')" "$(cat "$root/heredoc")"
same "own interpreter" "$(cat "$root/interpreter")"

it "copies the contents of directories, as root, with modes and links"
same "file link sub" "$(ls "$root/copied" | xargs)"
same "0:0 640" "$(stat -c '%u:%g %a' "$root/copied/file")"
same file "$(readlink "$root/copied/link")"
same "1000:1000 711" "$(stat -c '%u:%g %a' "$root/owned/file")"
same "deep file" "$(ls "$root/many" | xargs)"
same "$(stat -c %Y ctx/dir/file)" "$(stat -c %Y "$root/copied/file")"

it "writes inline files, expanded unless quoted"
same "version 9" "$(cat "$root/inline/one")"
# shellcheck disable=SC2016 # literal
same 'version $VERSION' "$(cat "$root/inline/two")"
same "0:0 644" "$(stat -c '%u:%g %a' "$root/inline/one")"

it "unpacks what is an archive and copies what is none"
same packed "$(cat "$root/unpacked/inside")"
same context "$(cat "$root/added")"

it "tells the image's history, newest first"
msb history all >out
contains out 'CMD'
contains out 'COPY dir /copied'
msb history --format json all | jq -e . >out

it "builds only what the target needs"
dockerfile <<'END'
FROM busybox AS wanted
RUN echo wanted > /wanted
FROM busybox AS unwanted
RUN exit 1
FROM scratch AS empty
COPY --from=wanted /wanted /
END
build -t target --target wanted
build -t empty
same wanted "$(ls "$mnt/images/empty:latest")"
build -t number --target 0
same_tree "$mnt/images/target:latest" "$mnt/images/number:latest"
unmount_store
