#!/bin/bash
# The tutorial to the letter, with msb for docker; and the image that it makes really runs.
. "$(dirname "$0")/lib.sh"

import_nodes
cp "$here"/tutorial/{Dockerfile,Dockerfile-multi-stage,app.js} ctx/
cd ctx

# One line per step, in the order of stages and numbers: stages build side by side.
steps() {
    grep -oE '\[[a-z0-9_.-]+ [0-9]+/[0-9]+\] [A-Za-z]+' "$1" | awk '{ $3 = toupper($3); print }' |
        sort -u -t ' ' -k 1,1 -k 2.1,2n
}

# The columns of "image ls" with what differs from run to run masked, in the order of tags.
table() {
    sed -E 's/ +[0-9a-f]{12} +/ ID /; s/ID +((About )?an? |[0-9]+ |Less than a )[a-z ]*ago +[0-9.]+ ?[kKMG]?i?B$/ID CREATED SIZE/; s/  +/ /g' |
        { read -r head && echo "$head" && sort; }
}

tutorial() {
    echo '$ msb image build -t nodeapp:no-multi-stage .'
    msb image build -t nodeapp:no-multi-stage . 2>"$work/one.log" >"$work/one.out"
    steps "$work/one.log"
    echo '$ msb image build -t nodeapp:multi-stage --rm -f Dockerfile-multi-stage .'
    msb image build -t nodeapp:multi-stage --rm -f Dockerfile-multi-stage . \
        2>"$work/two.log" >"$work/two.out"
    steps "$work/two.log"
    echo '$ msb image ls'
    msb image ls >"$work/images"
    table <"$work/images"
}

it "says what the tutorial shows"
tutorial >"$work/transcript"
diff -u "$here/tutorial/transcript.expect" "$work/transcript" || {
    cat "$work"/*.log "$work/images" >&2
    fail "the transcript differs"
}

it "makes a multi-stage image much smaller than the other one"
size() {
    msb inspect "$1" | jq '.[0].Size'
}
large=$(size nodeapp:no-multi-stage)
small=$(size nodeapp:multi-stage)
((small * 2 < large)) || fail "$small bytes against $large"

it "keeps what the instructions set"
msb inspect nodeapp:multi-stage >"$work/inspect"
same '["node","app.js"]' "$(jq -c '.[0].Config.Cmd' "$work/inspect")"
same /home/node_user "$(jq -r '.[0].Config.WorkingDir' "$work/inspect")"
same '{"my-label":"v1"}' "$(jq -c '.[0].Config.Labels' "$work/inspect")"
same '{"3000/tcp":{}}' "$(jq -c '.[0].Config.ExposedPorts' "$work/inspect")"
same 'NODE_ENV=development PORT=3000' \
    "$(jq -r '.[0].Config.Env | map(select(startswith("PATH=") | not)) | join(" ")' "$work/inspect")"
same '["nodeapp:multi-stage"]' "$(jq -c '.[0].RepoTags' "$work/inspect")"

it "shows stages by name and by number, and images by tag"
cd "$work"
mount_store
same app.js "$(ls "$mnt/stages/build/home/node_user")"
same app.js "$(ls "$mnt/stages/1/home/node_user")"
same_tree "$mnt/stages/build" "$mnt/stages/0"
same_tree "$mnt/stages/1" "$mnt/images/nodeapp:multi-stage"
cmp ctx/app.js "$mnt/images/nodeapp:multi-stage/home/node_user/app.js"
contains "$mnt/images/nodeapp:no-multi-stage/etc/passwd" '^node_user:.*:/bin/bash$'
same 'node_user:node_user' "$(chroot "$mnt/images/nodeapp:no-multi-stage" stat -c %U:%G /home/node_user)"

it "makes images whose command runs"
# run TAG: the image's command in a copy of its tree, with its environment and directory.
run_image() {
    local tree=$work/run-$1

    msb inspect "nodeapp:$1" >"$work/inspect"
    mapfile -t variables < <(jq -r '.[0].Config.Env[]' "$work/inspect")
    mapfile -t command < <(jq -r '.[0].Config.Cmd[]' "$work/inspect")
    cp -a "$mnt/images/nodeapp:$1" "$tree"
    # shellcheck disable=SC2016 # expanded by the inner shell
    chroot "$tree" /usr/bin/env -i "${variables[@]}" /bin/sh -c 'cd "$1" && shift && exec "$@"' \
        sh "$(jq -r '.[0].Config.WorkingDir' "$work/inspect")" "${command[@]}"
    rm -rf "$tree"
}
same "hello from /home/node_user, port 3000" "$(run_image multi-stage)"
same "hello from /home/node_user, port 3000" "$(run_image no-multi-stage)"

it "builds in any case of letters, and takes a stage by its number"
dockerfile <<'END'
from node:alpine as Tools
run echo built > /made
FROM node:alpine
Copy --from=0 /made /by-number
COPY --from=tools /made /by-name
END
build -t nodeapp:any-case
same built "$(cat "$mnt/images/nodeapp:any-case/by-number")"
same built "$(cat "$mnt/images/nodeapp:any-case/by-name")"
unmount_store
