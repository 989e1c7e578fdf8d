#!/bin/bash
# Many readers of one mount while builds, tags and collections go on: nobody gets a wrong byte or
# an error that is not true, nobody waits for ever, and the daemon does not grow.
#
# MSB_STRAIN_SECONDS and MSB_STRAIN_READERS make more of it: 300 and 64 before a release (and
# MSB_TEST_TIMEOUT=900 for run.sh). What it measured goes to the file MSB_STRAIN_REPORT.
. "$(dirname "$0")/lib.sh"

seconds=${MSB_STRAIN_SECONDS:-8}
readers=${MSB_STRAIN_READERS:-64}

import_busybox
mkdir -p kept/lib kept/many
cp -a /usr/share/common-licenses kept/
cp /bin/bash kept/lib/program
head -c 3000000 /dev/urandom >kept/lib/large
for number in {1..300}; do
    echo "$number" >"kept/many/$number"
done
tar -C kept -cf kept.tar .
msb import kept.tar kept >out
mount_store
daemon=$(pgrep -x -f "[^ ]*msbfs.* $mnt")
shown=$mnt/images/kept:latest

vmrss() {
    awk '/^VmRSS/ { print $2 }' "/proc/$daemon/status"
}
descriptors() {
    find "/proc/$daemon/fd" -type l | wc -l
}

# Four kinds of readers of what stays, and one of what comes and goes: that one may find that a name
# is gone, and must then find that out as the error which says so.
wanted=$(tar -C "$shown" --sort=name -cf - . | sha256sum)
read_as_tar() {
    [[ $(tar -C "$shown" --sort=name -cf - . | sha256sum) == "$wanted" ]]
}
read_and_compare() {
    diff -r --no-dereference kept "$shown"
}
read_as_list() {
    (($(find "$shown" -ls | wc -l) == $(find kept | wc -l)))
}
read_and_search() {
    [[ $(grep -rl 'GNU GENERAL PUBLIC' "$shown/common-licenses" | wc -l) == "$licences" ]]
}
read_what_changes() {
    { ls -lR "$mnt/stages" "$mnt/images" && cat "$mnt"/builds/latest/stages/*/steps/*/rootfs/version; } \
        >"seen.$1" 2>"said.$1" ||
        ! grep -Ev 'No such file|Stale file handle|Input/output error' "said.$1"
    ! grep -v '[/:. ]' "seen.$1" | grep -Evxq '[0-9]*'
}
licences=$(grep -rl 'GNU GENERAL PUBLIC' kept/common-licenses | wc -l)

# reader NUMBER: until the time is over.
reader() {
    local rounds=0 kinds=(read_as_tar read_and_compare read_as_list read_and_search read_what_changes)

    while ((SECONDS < seconds)); do
        "${kinds[rounds++ % 5]}" "$1" || {
            echo "reader $1, round $rounds: ${kinds[(rounds - 1) % 5]} failed"
            return 1
        }
    done
    echo "$rounds" >"rounds.$1"
}

it "reads with $readers readers for $seconds s while the store changes"
dockerfile <<'DOCKERFILE'
FROM busybox AS first
ARG NUMBER
RUN echo $NUMBER > /version && head -c 2000000 /dev/urandom > /noise
FROM busybox
COPY --from=first /version /noise /
DOCKERFILE
read_as_tar
before=$(vmrss) open_before=$(descriptors)
SECONDS=0
for ((number = 1; number <= readers; number++)); do
    spawn reader "$number"
done
builds=0
while ((SECONDS < seconds)); do
    builds=$((builds + 1))
    build --build-arg NUMBER="$builds" -t "app:$builds"
    msb tag "app:$builds" "app:newest" >out
    ((builds < 3)) || msb rmi "app:$((builds - 2))" >out
    ((builds % 3)) || msb prune -f --keep-builds 1 >out
done
for pid in "${children[@]}"; do
    wait "$pid"
done
children=()

it "has grown by no more than its caches, and given back what it opened"
rounds=$(cat rounds.* | paste -sd + | bc)
report="$readers readers, $seconds s: $rounds rounds, $builds builds; daemon $before KiB before, \
$(vmrss) after; $open_before descriptors before, $(descriptors) after"
echo "$report" | tee -a "${MSB_STRAIN_REPORT:-/dev/null}"
(($(cat rounds.* | wc -l) == readers)) || fail "some readers did not come back"
(($(vmrss) < before + 100000 * ${MSB_STRAIN_FACTOR:-1})) || fail "$report"
(($(descriptors) < open_before + 40)) || fail "$report"
same "$(tar -C "$shown" --sort=name -cf - . | sha256sum)" "$wanted"

it "leaves a store that is whole"
unmount_store
msb fsck >out
