#!/bin/bash
# RUN --mount=type=cache in two builds at once: shared, private, one after the other.
. "$(dirname "$0")/lib.sh"

import_busybox
# Says which directory it has, and how many have it while it does.
for sharing in shared private locked; do
    dockerfile "$sharing" <<END
FROM busybox
ARG who
RUN --mount=type=cache,id=$sharing,sharing=$sharing,target=/c stat -c %i /c && \\
    touch /c/\$who && sleep 2 && ls /c | wc -l && rm /c/\$who
END
done

# both SHARING: the first lines of the two, then the second lines.
both() {
    local who

    for who in one two; do
        spawn msb build --progress rawjson --build-arg "who=$who" -f "ctx/$1" ctx 2>"said.$who"
    done
    wait "${children[@]}" || fail "a build with $1 failed"
    children=()
    for who in one two; do
        jq -r '.logs[]? | .data | @base64d' "said.$who" | tr -s '\n' >"lines.$who"
    done
    directories=$(cat lines.* | awk 'length($0) > 2' | sort -u | wc -l)
    most=$(cat lines.* | awk 'length($0) <= 2 && $0 > most { most = $0 } END { print most }')
}

it "gives both builds one directory at a time when it is shared"
both shared
same "1 2" "$directories $most"

it "gives each a directory of its own when it is private"
both private
same "2 1" "$directories $most"

it "lets the second wait when it is locked"
both locked
same "1 1" "$directories $most"
