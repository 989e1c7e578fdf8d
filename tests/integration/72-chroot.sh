#!/bin/bash
# In a root of its own that is a plain directory, as rescue systems, debootstrap and CI have them.
. "$(dirname "$0")/lib.sh"

import_busybox
root=$work/root
mkdir -p "$root"/{proc,sys,dev,tmp,root/ctx,usr/share/containers}
cp "$(dirname "$(command -v msb)")/../../fs/msbfs" "$work/msbfs"
cp /usr/share/containers/seccomp.json "$root/usr/share/containers/"
for program in "$(command -v msb)" "$work/msbfs" "$(command -v crun)" /bin/busybox; do
    install -D "$program" "$root/bin/${program##*/}"
    ldd "$program" 2>/dev/null | grep -o '/[^ ]*' >>libraries || [[ $program == /bin/busybox ]]
done
ldconfig -p | grep -oE '/.*/lib(seccomp|sanitizer)\.so[^ ]*' >>libraries
sort -u libraries | while read -r library; do
    install -D "$library" "$root$library"
done
chroot "$root" /bin/busybox --install -s /bin
mount -t proc proc "$root/proc"
for place in sys dev; do
    mount --rbind "/$place" "$root/$place"
    mount --make-rslave "$root/$place"
done
mv "$MSB_ROOT" "$root/store"
cat >"$root/root/ctx/Dockerfile" <<'END'
FROM busybox AS build
WORKDIR /src
COPY Dockerfile .
RUN grep -c RUN Dockerfile > count && ls /proc/self > /dev/null
FROM busybox
COPY --from=build /src/count /
END
# Relative names too: the working directory stays where it is.
inside() {
    chroot "$root" /bin/env MSB_ROOT=/store PATH=/bin /bin/sh -c "cd /root && $1"
}

it "builds there, and shows what it built"
before=$(mounts_below "$root" | sort)
inside 'msb build -t app ctx' >out 2>log || fail "$(cat log)"
same 1 "$(inside 'msb cat app:/count')"
same 1 "$(inside 'msb debug build -- cat count')"
inside 'mkdir mnt && msb mount mnt && cat mnt/images/app:latest/count && msb umount mnt' >out
same 1 "$(cat out)"

it "leaves no mount behind, neither there nor outside"
same "$before" "$(mounts_below "$root" | sort)"
same "" "$(ls "$root/store/tmp")"
