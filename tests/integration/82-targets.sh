#!/bin/bash
# Several targets in one run, and what is said of images: annotations, --iidfile, --metadata-file.
. "$(dirname "$0")/lib.sh"

import_busybox
dockerfile <<'END'
FROM busybox AS base
RUN echo base > /base
FROM base AS test
RUN echo test > /test
FROM base AS prod
RUN echo prod > /prod
FROM scratch AS unused
COPY absent /
END

it "builds what several targets need, once, and reports each"
build --target test --target prod -t prod --iidfile iid --metadata-file metadata --label l=v
same 1 "$(grep -c 'RUN echo base' log)"
lacks log unused
contains log 'test: image sha256:'
contains log 'prod: image sha256:'
same "$(cat iid)" "$(msb inspect prod | jq -r '.[0].Id')"
same "$(cat iid)" "$(jq -r '."containerimage.config.digest"' metadata)"
same docker.io/library/prod:latest "$(jq -r '."image.name"' metadata)"
jq '."containerimage.descriptor"' metadata >descriptor
same "$(jq -r '."containerimage.digest"' metadata)" "$(jq -r .digest descriptor)"
same application/vnd.oci.image.manifest.v1+json "$(jq -r .mediaType descriptor)"
msb build -q --target test --target prod --label l=v -o type=oci,tar=false,dest=described ctx >out
same "$(jq -r .size descriptor)" "$(stat -c %s "described/blobs/sha256/$(jq -r '.digest[7:]' descriptor)")"
test_id=$(sed -n 's/.*test: image //p' log)
same v "$(msb inspect "$test_id" | jq -r '.[0].Config.Labels.l')"
same v "$(msb inspect prod | jq -r '.[0].Config.Labels.l')"
same test "$(msb cp "image:$test_id:/test" - | tar -xO)"

it "gives names and outputs to the last one, a line an image with -q"
msb build -q --target prod --target test --label l=v -t test -o out.d ctx >ids
same "$(printf '%s\n%s' "$(cat iid)" "$test_id")" "$(cat ids)"
same "$test_id" "$(msb inspect test | jq -r '.[0].Id')"
present out.d/test
absent out.d/prod

it "counts a target that is given twice once, and takes numbers"
msb build -q --target base --target 2 --target BASE --target prod ctx >ids
same 2 "$(wc -l <ids)"

it "builds a target that another one stands upon"
msb build -q --target base --target prod ctx >ids
same "$(msb build -q --target base ctx)" "$(head -1 ids)"
same "$(msb build -q --target prod ctx)" "$(tail -1 ids)"

it "refuses an unknown one among them"
refuses 1 "'tset' \(did you mean test" msb build -q --target prod --target tset ctx

it "annotates the manifest, not the image"
before=$(msb build -q --target prod -t plain ctx)
build --target prod --annotation a=b --annotation manifest:c=d=e \
    --annotation 'manifest[linux/amd64]:a=f' --metadata-file metadata -o type=oci,tar=false,dest=layout
same "$before" "$(jq -r '."containerimage.config.digest"' metadata)"
manifest=$(jq -r '."containerimage.digest"' metadata)
same "$manifest" "$(jq -r '.manifests[0].digest' layout/index.json)"
same '{"a":"f","c":"d=e"}' "$(jq -c .annotations "layout/blobs/sha256/${manifest#sha256:}")"

it "refuses annotations that nothing could carry"
refuses 1 'only manifests have annotations' msb build -q --annotation index:a=b ctx
refuses 1 'expected NAME=VALUE' msb build -q --annotation a ctx
