#!/bin/bash
# What --output writes outside of the store: files, tars and images as archives.
. "$(dirname "$0")/lib.sh"

import_busybox
echo hello >ctx/file
dockerfile <<'END'
FROM busybox AS build
RUN mkdir /out && echo built > /out/result && chown 1000:1000 /out/result && \
    chmod 4750 /out/result && ln -s result /out/link && ln /out/result /out/hard
FROM scratch AS files
COPY --from=build /out /
COPY file /sub/file
FROM busybox
LABEL end=yes
END

it "writes a stage's files into a directory, as the invoker's own"
build --target files -o out.d
same built "$(cat out.d/result)"
same result "$(readlink out.d/link)"
same hello "$(cat out.d/sub/file)"
same "0:0 4750 2" "$(stat -c '%u:%g %a %h' out.d/result)"
same "$(stat -c %Y ctx/file)" "$(stat -c %Y out.d/sub/file)"

it "names no image that nobody named"
msb images --format '{{.Repository}}' >out
lacks out files
same 1 "$(grep -c '^<none>$' out)"

it "merges with what is there, and follows no link out of it"
mkdir -p merged/sub elsewhere
echo mine >merged/mine
echo old >merged/result
echo outside >elsewhere/file
ln -s ../../elsewhere/file merged/sub/file
chmod 711 merged
build --target files --output type=local,dest=merged
same mine "$(cat merged/mine)"
same built "$(cat merged/result)"
same hello "$(cat merged/sub/file)"
same outside "$(cat elsewhere/file)"
same 711 "$(stat -c %a merged)"

it "does not replace a directory by a file"
mkdir -p clash/result
exits 1 msb build --target files -o clash ctx
contains err "'clash/result' is a directory"
present clash/result

it "writes a tar, to a file and to standard output"
build --target files -o type=tar,dest=files.tar
msb build --target files -o - ctx 2>log >stdout.tar
cmp files.tar stdout.tar
same 1000/1000 "$(tar --numeric-owner -tvf files.tar ./result | awk '{ print $2 }')"
msb build -q --target files -o - ctx >quiet.tar
cmp files.tar quiet.tar
build --target files -o type=tar
cmp files.tar out
msb build --target files -o type=tar,dest=/dev/stdout ctx 2>log | cmp files.tar

it "writes an image as an archive that can be loaded elsewhere"
build -t named:1 -o type=oci,dest=named.oci.tar -o type=docker,dest=named.docker.tar --iidfile iid
same "$(cat iid)" "$(msb inspect named:1 | jq -r '.[0].Id')"
for archive in named.oci.tar named.docker.tar; do
    msb --root "$work/other" load -i "$archive" >out
    same "$(cat iid)" "$(msb --root "$work/other" inspect named:1 | jq -r '.[0].Id')"
    msb --root "$work/other" rmi named:1 >out
done

it "gives an archive the names that it is asked to have, and the store none"
build -o '"name=one:1,two:2",type=oci,dest=names.tar'
msb --root "$work/other" load -i names.tar >out
msb --root "$work/other" images --format '{{.Repository}}:{{.Tag}}' | sort >out
contains out '^one:1$'
contains out '^two:2$'
msb images >out
lacks out '^(one|two) '

it "writes an OCI layout as a directory"
build -t layout:2 -o type=oci,tar=false,dest=layout --iidfile iid
present layout/oci-layout
same application/vnd.oci.image.manifest.v1+json "$(jq -r '.manifests[0].mediaType' layout/index.json)"
for blob in layout/blobs/sha256/*; do
    same "$(basename "$blob")" "$(sha256sum "$blob" | cut -d' ' -f1)"
done
msb --root "$work/other" load -i layout >out
same "$(cat iid)" "$(msb --root "$work/other" inspect layout:2 | jq -r '.[0].Id')"

it "leaves nothing half written"
exits 1 msb build --target files -o type=tar,dest=absent/files.tar ctx
contains err "create 'absent/files.tar'"
same "" "$(find . -maxdepth 1 -name '*.tar.*')"

it "refuses what it cannot do before anything runs"
refuses 1 "unknown type 'zip'" msb build -q -o type=zip,dest=x ctx
refuses 1 "type= is missing" msb build -q -o dest=x ctx
refuses 1 "dest=DIRECTORY is missing" msb build -q -o type=local ctx
refuses 1 "'mode=delete' is not supported" msb build -q -o type=local,dest=x,mode=delete ctx
refuses 1 "several outputs to standard output" msb build -q -o - -o type=oci ctx
refuses 1 "is a directory" msb build -q -o type=tar,dest=ctx ctx
refuses 1 "quotes that do not match" msb build -q -o '"type=tar' ctx
absent x
