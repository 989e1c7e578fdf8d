#!/bin/bash
# A mount shows what is built while it stands.
. "$(dirname "$0")/lib.sh"

it "mounts a store in which nothing was built yet"
mount_store
same "builds cache images stages" "$(ls "$mnt" | xargs)"
same "" "$(ls "$mnt/images")"
exits 2 ls "$mnt/images/busybox:latest"

it "shows an image as soon as it is imported"
import_busybox
same busybox "$(ls "$mnt/images/busybox:latest/bin" | grep -x busybox)"
same "busybox:latest" "$(ls "$mnt/images")"

it "shows a new build and its stages"
dockerfile <<'END'
FROM busybox AS first
RUN echo 1 > /version
END
build -t app:1
same 1 "$(cat "$mnt/stages/first/version")"
same 1 "$(cat "$mnt/images/app:1/version")"
first=$(readlink "$mnt/builds/latest")

it "keeps open files readable, and moves the names to the newer build"
exec 5<"$mnt/stages/first/version"
cd "$mnt/stages/first"
dockerfile <<'END'
FROM busybox AS second
RUN echo 2 > /version
END
build -t app:1
same 1 "$(cat <&5)"
same 1 "$(cat version)"
cd "$work"
exec 5<&-
same 2 "$(cat "$mnt/stages/second/version")"
same 2 "$(cat "$mnt/stages/0/version")"
same 2 "$(cat "$mnt/images/app:1/version")"
absent "$mnt/stages/first"
[[ $(readlink "$mnt/builds/latest") != "$first" ]] || fail "builds/latest did not move"
same 1 "$(cat "$mnt/builds/$first/stages/first/rootfs/version")"

it "shows a new tag at once, with its repository's slashes as directories"
exits 2 ls "$mnt/images/example.org/team/app:v2"
msb tag app:1 example.org/team/app:v2
same 2 "$(cat "$mnt/images/example.org/team/app:v2/version")"
msb rmi example.org/team/app:v2 >out
absent "$mnt/images/example.org/team/app:v2"

it "shows each step of a build as soon as it is done, and what it changed"
dockerfile <<'END'
FROM busybox AS slow
RUN echo early > /early
RUN while [ ! -e /late ]; do sleep 0.1; echo x >> /ticks; [ $(wc -l < /ticks) -lt 60 ] || break; done
END
before=$(readlink "$mnt/builds/latest")
spawn msb build -t slow ctx 2>log >out
newest() {
    [[ $(readlink "$mnt/builds/latest") != "$before" && -e $mnt/builds/latest/stages/slow/steps/2/rootfs/early ]]
}
eventually newest
kill -0 "$spawned" || fail "the build ended before its step was looked at"
wait "$spawned"
children=()
step=$mnt/builds/latest/stages/slow/steps
same "1 2 3" "$(ls "$step" | sort -n | xargs)"
same "changes config.json instruction log output rootfs" "$(ls "$step/2" | sort | xargs)"
contains "$step/2/instruction" 'RUN echo early > /early'
contains "$step/2/changes" 'early'
jq -e . "$step/2/config.json" >out
jq -e . "$mnt/builds/latest/info.json" >out
cmp ctx/Dockerfile "$mnt/builds/latest/Dockerfile"
absent "$mnt/builds/latest/failed"
unmount_store
