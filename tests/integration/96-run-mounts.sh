#!/bin/bash
# What RUN mounts for one command, and that nothing of it stays in the image.
. "$(dirname "$0")/lib.sh"

import_busybox
mkdir ctx/dir
echo context >ctx/dir/file
echo secret-value >secret
dockerfile <<'END'
FROM busybox AS parent
RUN echo of-parent > /etc/parent
FROM busybox
RUN --mount=type=cache,target=/cache echo cached >> /cache/lines; wc -l < /cache/lines > /cache-lines
RUN --mount=type=bind,from=parent,source=/etc,target=/theirs cp /theirs/parent /from-parent
RUN --mount=type=bind,source=dir,target=/context cp /context/file /from-context; ! touch /context/new
RUN --mount=type=secret,id=word cp /run/secrets/word /was-secret; stat -c %a /run/secrets/word > /secret-mode
RUN --mount=type=secret,id=absent test ! -e /run/secrets/absent
RUN --mount=type=tmpfs,target=/scratch echo x > /scratch/x
RUN --network=none ip route > /routes
USER app
RUN --mount=type=bind,source=dir,target=/context cat /context/file > /tmp/by-app
END
build -t mounts --secret id=word,src="$work/secret"
mount_store
root=$mnt/images/mounts:latest

it "gives the command what it asks for"
same 1 "$(tr -d ' ' <"$root/cache-lines")"
same of-parent "$(cat "$root/from-parent")"
same context "$(cat "$root/from-context")"
same secret-value "$(cat "$root/was-secret")"
same 400 "$(cat "$root/secret-mode")"
same "" "$(cat "$root/routes")"
same context "$(cat "$root/tmp/by-app")"

it "leaves neither files nor mount points nor stubs"
for name in run cache theirs context scratch etc/resolv.conf etc/hosts etc/hostname; do
    absent "$root/$name"
done
same "$(ls busybox)" "$(ls "$root" | grep -vxE 'cache-lines|from-parent|from-context|was-secret|secret-mode|routes')"

it "leaves nothing of them in the store's scratch"
same "" "$(ls "$MSB_ROOT/tmp")"

it "keeps a cache mount for the next build"
build -t mounts --no-cache --secret id=word,src="$work/secret"
same 2 "$(tr -d ' ' <"$root/cache-lines")"

it "does not run a command again for another secret"
echo another >secret
build -t mounts --secret id=word,src="$work/secret"
same secret-value "$(cat "$root/was-secret")"

it "refuses to go on without a secret that is required"
dockerfile <<'END'
FROM busybox
RUN --mount=type=secret,id=word,required true
END
exits 1 msb build ctx
contains err 'Dockerfile:2'
contains err 'word'
unmount_store
