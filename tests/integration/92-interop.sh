#!/bin/bash
# Others read what msb writes, and msb reads what others write: dockerd, skopeo, umoci, buildah,
# podman.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/registries.sh"

tree_of_everything() { # FOLDER: all that an image can hold; later steps take some of it away
    local long deep

    long=$(printf 'n%.0s' {1..250})
    deep=deep/$(printf 'a%.0s' {1..90})/$(printf 'b%.0s' {1..90})/$(printf 'c%.0s' {1..90})
    mkdir -p "$1/$deep" "$1/linked" "$1/modes/shared" "$1/devices" "$1/empty"
    echo deep >"$1/$deep/file"
    echo long >"$1/$long"
    ln -s "../$long" "$1/deep/symlink"
    ln -s nowhere "$1/dangling"
    echo latin >"$1/"$'caf\xe9'
    echo utf8 >"$1/café ∞"
    echo odd >"$1/"$'line\nbreak \\ tab\t'
    echo linked >"$1/linked/one"
    ln "$1/linked/one" "$1/linked/two"
    ln "$1/linked/one" "$1/modes/three"
    echo attributes >"$1/attributes"
    setfattr -n user.note -v "a value" "$1/attributes"
    setfattr -n user.binary -v 0x00ff3d0a00 "$1/attributes"
    setfattr -n user.folder -v yes "$1/empty"
    setfacl -m u:1234:r,g:4321:rw "$1/attributes"
    setfacl -d -m u:1234:rwx "$1/empty"
    cp /bin/busybox "$1/capable"
    setcap cap_net_raw,cap_net_bind_service+ep "$1/capable"
    echo setuid >"$1/modes/setuid"
    chown 3000000:4000000 "$1/modes/setuid"
    chmod 4755 "$1/modes/setuid"
    chmod 3777 "$1/modes/shared"
    echo secret >"$1/modes/none"
    chmod 0 "$1/modes/none"
    mkfifo -m 640 "$1/devices/fifo"
    mknod -m 660 "$1/devices/character" c 1 3
    mknod "$1/devices/block" b 259 70000
    truncate -s 8M "$1/sparse"
    echo middle | dd of="$1/sparse" bs=1M seek=3 conv=notrunc status=none
    touch -d '1970-01-01 00:00:00.25' "$1/linked/one"
    touch -d '2001-02-03 04:05:06.123456789' "$1/attributes"
    touch -d '2200-01-01' "$1/sparse"
    touch -h -d '2002-02-02 02:02:02.5' "$1/dangling"
    touch -d '2003-03-03 03:03:03.75' "$1/modes" "$1/empty"
}

the_image() {
    mkdir everything
    tree_of_everything everything
    tar -C everything --numeric-owner --xattrs --xattrs-include='*' -S --format=posix \
        -cf everything.tar .
    msb import everything.tar everything >out
    dockerfile <<'END'
FROM everything AS everything
FROM busybox AS build
COPY --from=everything / /all/
RUN echo made >/made && ln /made /twin && mkdir -p /gone/deep /opaque/sub /kept /turns/into /strict/er && \
    chmod 2710 /strict && chown 7:8 /strict /strict/er && echo old >/strict/er/file && touch /gone/deep/file /opaque/old /opaque/sub/old /kept/a /kept/b /turns/into/file /into
FROM build
RUN rm -r /gone /opaque /turns && mkdir /opaque && echo new >/opaque/new && \
    echo file >/turns && rm /into && mkdir /into && echo >>/strict/er/file && rm /kept/a /all/modes/three && ln /made /linked && \
    chown 12:34 /all/capable && mv /all/empty /all/moved
COPY --from=build /made /final/
ENV GREETING="hello there" EMPTY=
LABEL org.example.title="a \"title\"" empty=""
EXPOSE 80 53/udp
VOLUME /data
WORKDIR /kept
STOPSIGNAL SIGUSR1
HEALTHCHECK --interval=7s --timeout=3s --retries=4 CMD true
SHELL ["/bin/sh", "-ec"]
ONBUILD LABEL later=yes
USER 0:0
ENTRYPOINT ["/bin/sh", "-c"]
CMD ["cat /made /opaque/new /turns; echo $GREETING; ls /kept; test ! -e /gone"]
END
    build -t example.test/team/image:v1 -o type=oci,dest=oci.tar -o type=docker,dest=docker.tar
    msb inspect example.test/team/image:v1 | jq '.[0]' >ours.json
    id=$(jq -r .Id ours.json)
}

start_dockerd() {
    local root=$work/dockerd

    mkdir "$root"
    echo "{}" >"$DOCKER_CONFIG/config.json"
    export DOCKER_HOST=unix://$root/socket
    spawn dockerd --iptables=false --bridge=none --data-root "$root/data" \
        --exec-root "$root/exec" --pidfile "$root/pid" -H "$DOCKER_HOST" 2>"$root/log"
}

docker() {
    /usr/bin/docker "$@" # Debian's, which needs no plugin for BuildKit
}

docker_answers() {
    docker version >"$work/version" 2>&1
}

stop_dockerd() {
    kill "$dockerd"
    wait "$dockerd"
}

# docker_shows NAME FOLDER: the image's layers as dockerd keeps them, laid over each other.
docker_shows() {
    local layers

    layers=$(docker inspect "$1" |
        jq -r '.[0].GraphDriver.Data | [.UpperDir, .LowerDir] | map(select(. != null)) | join(":")')
    mkdir -p "$2" none
    mount -t overlay -o "ro,lowerdir=$layers:$work/none" overlay "$2"
}

# dockerd and buildah take nothing of a root directory itself from a layer, and show the table of
# an eStargz layer, which is a file for them.
same_below_root() {
    rsync -aHAXn --checksum --delete --itemize-changes "$1/" "$2/" |
        sed '/^\.d[.a-z]* \.\/$/d; /^\*deleting  *stargz\.index\.json$/d' >differences
    same "" "$(head -20 differences)"
}

# Keys that both know say the same, in Config and beside it; empty ones may be left out.
same_configuration() { # THEIRS.json
    local filter='def known: with_entries(select(.value | (. != null and . != "" and . != false
            and . != {} and . != [])));
        {Id, Created, Architecture, Os, RootFS, Config: (.Config | known)}'

    jq -S "$filter" "$1" >theirs.keys
    jq -S "$filter" ours.json >ours.keys
    diff theirs.keys ours.keys
}

# buildah with a storage of its own, without the host's limits and cgroups.
buildah_here() {
    buildah --root "$work/buildah" --runroot "$work/buildah-run" --storage-driver overlay "$@"
}

# podman likewise; runc, because crun refuses hosts with both versions of cgroups.
podman_here() {
    podman --root "$work/podman" --runroot "$work/podman-run" --storage-driver overlay \
        --runtime runc --cgroup-manager cgroupfs "$@"
}

# diff_ids_fit FOLDER UNPACK…: of an image that skopeo copied there, unpacked by another program.
diff_ids_fit() {
    local folder=$1 layer

    shift
    jq -r '.layers[].digest' "$folder/manifest.json" | while read -r layer; do
        "$@" <"$folder/${layer#sha256:}" | sha256sum | sed 's/^/sha256:/; s/ .*//'
    done >unpacked-ids
    jq -r '.rootfs.diff_ids[]' \
        "$folder/$(jq -r '.config.digest[7:]' "$folder/manifest.json")" >announced-ids
    diff announced-ids unpacked-ids
}

# buildah_shows IMAGE FOLDER; the container is $container.
buildah_shows() {
    container=$(buildah_here from --pull-never --isolation chroot "$1")
    ln -sfn "$(buildah_here mount "$container")" "$2"
}

# msb_reads ARCHIVE FOLDER: loads it as theirs:v1, shows it as its maker shows it, builds on it.
msb_reads() {
    msb load -i "$1" >out
    msb tag "$(sed -n 's/^Loaded image\( ID\)\?: //p' out | tail -1)" theirs:v1
    same_below_root "$2" "$mnt/images/theirs:v1"
    cat >Dockerfile.theirs <<'END'
FROM theirs:v1
RUN cat /etc/motd >/copy && test ! -e /gone && ls / >/list
COPY Dockerfile /mine
END
    build -t upon -f Dockerfile.theirs
    same "$(cat "$2/etc/motd")" "$(cat "$mnt/images/upon:latest/copy")"
    present "$mnt/images/upon:latest/mine"
    msb rmi -f upon theirs:v1 >out
}

start_dockerd
dockerd=$spawned
import_busybox
the_image
mount_store
ours=$mnt/images/example.test/team/image:v1

it "builds an image with everything in it"
same made "$(cat "$ours/linked")"
present "$ours/all/devices/block"
same_tree everything/linked "$ours/all/linked"
absent "$ours/opaque/old"
same made "$(cat "$ours/final/made")"

it "writes OCI layouts and docker archives as the specifications want them"
mkdir oci
tar -C oci -xf oci.tar
python3 "$here/check_oci.py" oci docker.tar
msb save -o saved.tar example.test/team/image:v1
python3 "$here/check_oci.py" --archive saved.tar

it "is inspected and copied by skopeo"
for source in docker-archive:docker.tar oci-archive:oci.tar docker-archive:saved.tar; do
    skopeo inspect --config --raw "$source" >configuration
    same "$id" "sha256:$(sha256sum configuration | cut -d' ' -f1)"
done
skopeo inspect oci-archive:oci.tar >inspected
same "$(jq -c '.Config.Labels' ours.json)" "$(jq -c .Labels inspected)"
skopeo copy -q oci-archive:oci.tar oci:copied:v1
skopeo copy -q docker-archive:docker.tar oci:copied:docker
python3 "$here/check_oci.py" copied

it "is unpacked by umoci"
umoci unpack --image copied:v1 bundle 2>err
same_tree "$ours" bundle/rootfs
umoci unpack --image copied:docker bundle-docker 2>err
same_tree "$ours" bundle-docker/rootfs

it "is loaded, shown and run by dockerd"
eventually docker_answers
docker load -q -i docker.tar >out
contains out 'example.test/team/image:v1'
docker inspect example.test/team/image:v1 | jq '.[0]' >theirs.json
same_configuration theirs.json
docker_shows "$id" shown
same_below_root "$ours" shown
umount shown
docker run --rm --network host "$id" >out
same "made new file hello there b" "$(xargs <out)"

it "comes back from dockerd as it was"
docker save -o back.tar example.test/team/image:v1
msb --root "$work/other" load -i back.tar >out
same "$id" "$(msb --root "$work/other" inspect example.test/team/image:v1 | jq -r '.[0].Id')"
docker rmi "$id" >out
docker load -q -i saved.tar >out
contains out 'example.test/team/image:v1'

it "is loaded and shown by buildah"
for source in docker-archive:docker.tar oci-archive:oci.tar; do
    pulled=$(buildah_here pull -q "$source")
    same "${id#sha256:}" "$pulled"
    buildah_shows "$pulled" shown-by-buildah
    same_below_root "$ours" shown-by-buildah
    buildah_here rm -a >out
    buildah_here rmi -f "$pulled" >out
done

it "is loaded and run by podman"
for archive in docker.tar oci.tar; do
    podman_here load -q -i "$archive" >out 2>err
    podman_here run --rm --network host --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 \
        "$id" >out
    same "made new file hello there b" "$(xargs <out)"
    podman_here rmi -f "$id" >out
done

it "is pulled and run by others when it was pushed to be pulled lazily"
port=$(free_port)
registry lazy "$port"
while read -r form unpack; do
    remote=127.0.0.1:$port/team/image:${form%:*}
    msb tag example.test/team/image:v1 "$remote"
    msb push -q --compression "$form" "$remote" >out
    msb rmi "$remote" >out
    skopeo copy -q --src-tls-verify=false "docker://$remote" "dir:lazy-${form%:*}"
    diff_ids_fit "lazy-${form%:*}" "$unpack" -dc
    pulled=$(buildah_here pull -q --tls-verify=false "$remote")
    buildah_shows "$pulled" shown-by-buildah
    same_below_root "$ours" shown-by-buildah/
    buildah_here run --isolation chroot "$container" -- sh -c 'cat /made /opaque/new' >out
    same "made new" "$(xargs <out)"
    buildah_here rm -a >out
    buildah_here rmi -f "$pulled" >out
done <<'END'
estargz gzip
zstd:chunked zstd
END
docker pull -q "127.0.0.1:$port/team/image:estargz" >out
docker_shows "127.0.0.1:$port/team/image:estargz" shown
same_below_root "$ours" shown
umount shown
docker run --rm --network host "127.0.0.1:$port/team/image:estargz" >out
same "made new file hello there b" "$(xargs <out)"
docker rmi "127.0.0.1:$port/team/image:estargz" >out

rm -rf ctx/*
dockerfile <<'END'
FROM scratch
ADD busybox.tar /
RUN mkdir -p /gone/sub /opaque/sub /kept && touch /gone/sub/file /opaque/old /kept/a /kept/b && \
    echo motd >/etc/motd && ln /etc/motd /motd && mkfifo /fifo && chmod 2710 /kept
COPY attributes /with/attributes
RUN rm -r /gone /opaque /kept/a && mkdir /opaque && echo new >/opaque/new && chown 5:6 /motd
ENV A=b
WORKDIR /kept
CMD ["sh"]
END
cp busybox.tar ctx/
cp everything/capable ctx/attributes

it "loads what dockerd built, with and without BuildKit, shows it and builds upon it"
for buildkit in 0 1; do
    DOCKER_BUILDKIT=$buildkit docker build -q --network host -t theirs:v1 ctx >out
    docker save -o by-docker.tar theirs:v1
    docker_shows theirs:v1 shown
    msb_reads by-docker.tar shown
    umount shown
done

it "loads what buildah built, shows it and builds upon it"
buildah_here bud -q --layers --isolation chroot -t theirs:v1 ctx >out 2>err
buildah_shows theirs:v1 built-by-buildah
for kind in docker-archive oci-archive; do
    buildah_here push -q theirs:v1 "$kind:by-buildah.$kind:theirs:v1" >out
    msb_reads "by-buildah.$kind" built-by-buildah/
done
buildah_here rm -a >out

it "loads what umoci packed, shows it and builds upon it"
umoci init --layout packed
umoci new --image packed:v1
umoci unpack --image packed:v1 work-one 2>err
tar -C work-one/rootfs -xpf busybox.tar
tree_of_everything work-one/rootfs
mkdir -p work-one/rootfs/gone/sub work-one/rootfs/opaque/sub
echo motd >work-one/rootfs/etc/motd
touch work-one/rootfs/opaque/sub/old work-one/rootfs/gone/file
umoci repack --refresh-bundle --image packed:v1 work-one 2>err
rm -r work-one/rootfs/gone work-one/rootfs/opaque work-one/rootfs/linked
mkdir work-one/rootfs/opaque
echo new >work-one/rootfs/opaque/new
umoci repack --image packed:v1 work-one 2>err
umoci config --image packed:v1 --config.env PATH=/bin --config.cmd sh
umoci unpack --image packed:v1 unpacked 2>err
msb_reads packed unpacked/rootfs
tar -C packed -cf packed.tar .
msb_reads packed.tar unpacked/rootfs

it "leaves nothing running"
stop_dockerd
buildah_here umount -a >out
msb umount "$mnt"
