#!/bin/bash
# Device nodes: every command makes them, and opens those alone that all containers have.
. "$(dirname "$0")/lib.sh"

import_busybox
disk=$(stat -c '%Hd %Ld' "$(findmnt -nvo SOURCE -T "$work")" 2>/dev/null || echo 7 0)
cat >ctx/Dockerfile <<END
FROM busybox AS usual
RUN mknod /null c 1 3 && echo gone >/null && mknod /zero c 1 5 && head -c 4 /zero | wc -c >/count
RUN mknod /disk b $disk && mknod /kmsg c 1 11 && for file in disk kmsg; do \\
    ! head -c 1 /\$file 2>>/said || exit 1; done
RUN head -c 4 /dev/urandom | wc -c >>/count && head -c 4 /dev/full | wc -c >>/count
FROM busybox AS insecure
RUN --security=insecure mknod /kmsg c 1 11 && dd if=/kmsg of=/dev/null bs=8192 count=1 2>/said
END

it "lets a command make any node, and open the usual ones"
for runtime in crun runc; do
    MSB_RUNTIME=$runtime build --no-cache --target usual -t usual
    msb cp image:usual:/count - | tar -xO >out
    same $'4\n4\n4' "$(cat out)"
done

it "keeps it from the host's devices"
msb cp image:usual:/said - | tar -xO >out
same 2 "$(grep -c 'Operation not permitted' out)"
mount_store
same "block special file" "$(stat -c %F "$mnt/images/usual:latest/disk")"
unmount_store
exits 1 msb debug image:usual -- cat /kmsg
contains err 'Operation not permitted'

it "does not keep a command from them that may do all"
build --allow security.insecure --target insecure
