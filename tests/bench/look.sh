#!/bin/bash
# What looking costs: keeping all steps of 50 rebuilds of a large image, comparing two trees of 30,000
# files, a shell in a step.
#
#   tests/bench/look.sh BUILD_DIRECTORY [WORK_FOLDER] [ROUNDS]
#
# The base: node.tar of tools/make-bases.sh. Times are of the whole command, from start to exit; for
# each the least and the median, beside those of "msb version", which only starts and ends.
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"
begin 50 "$@"
cd "$work"

bytes_of() {
    du -s --block-size=1 "$1" | cut -f 1
}

# --- 50 rebuilds ---------------------------------------------------------------------------------

mkdir -p app/src
for file in $(seq 100); do
    seq "$file" 3000 >"app/src/file$file"
done
cat >app/Dockerfile <<'END'
FROM node AS build
WORKDIR /app
COPY src src
RUN mkdir out && for file in src/*; do gzip -n < "$file" > "out/${file#src/}"; done && \
    cat out/* | sha256sum > out/sum
FROM node
COPY --from=build /app/out /srv
CMD ["cat", "/srv/sum"]
END

msb import "$bases/node.tar" node >out
msb build -q -t app app >out
image=$(msb image ls --format '{{.Size}}' app)
tree=$(msb export app | wc -c)
first=$(bytes_of store)
for rebuild in $(seq 50); do
    echo "rebuild $rebuild" >>"app/src/file$((rebuild % 100 + 1))"
    msb build -q -t app app >out
done
last=$(bytes_of store)
awk -v image="$image" -v tree="$tree" -v grown=$((last - first)) 'BEGIN {
    printf "50 rebuilds of an image of %s: all steps kept for %.1f MB more, %.2f %% of it\n",
        image, grown / 1e6, 100 * grown / tree
}'

# --- Times ---------------------------------------------------------------------------------------

mkdir -p big/tree big/other
for directory in $(seq 300); do
    mkdir "big/tree/$directory"
    for file in $(seq 100); do
        echo "$directory $file" >"big/tree/$directory/$file"
    done
done
for directory in $(seq 30 30 300); do
    mkdir "big/other/$directory"
    echo changed >"big/other/$directory/7"
done
cat >big/Dockerfile <<'END'
FROM scratch AS one
COPY tree /
FROM one AS two
COPY other /
END
msb import "$bases/node-alpine.tar" small >out
printf 'FROM small\nRUN true\n' | msb build -q - >out
msb build -q big >out
same=$(msb diff --name-only one two | grep -c '/7$')
[[ $same == 10 ]]

# timed NAME COMMAND…
timed() {
    python3 - "$rounds" "$@" <<'END'
import subprocess, sys, time
rounds, name, command = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
def run(argv):
    begin = time.perf_counter()
    subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
    return 1000 * (time.perf_counter() - begin)
pairs = [(run(command), run(["msb", "version"])) for _ in range(rounds)]
least, start = (min(times) for times in zip(*pairs))
median, start_median = (sorted(times)[rounds // 2] for times in zip(*pairs))
print(f"{name}: {least:.1f} ms, median {median:.1f} ms (starts: {start:.1f}, {start_median:.1f})")
END
}

timed "diff of two trees of 30,000 files, 10 of them other" msb diff one two
timed "diff --stat" msb diff --stat one two
timed "debug -- true" msb debug image:small -- true
