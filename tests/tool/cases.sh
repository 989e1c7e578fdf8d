#!/bin/bash
# Runs the cases of a folder against a command line: NAME.in is a piece of shell that uses $msb,
# NAME.expect what it prints and how it ends. With `update` in front of the arguments the
# expectations are written anew, to be looked at with `git diff`.
set -u

update=
if [ "$1" = update ]; then
	update=yes
	shift
fi
msb=$(realpath "$1")
cases=$(realpath "$2")

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export TZ=UTC LC_ALL=C.UTF-8 TERM=dumb msb
unset MSB_ROOT MSB_FS ARGP_HELP_FMT COLUMNS

# What differs from run to run: when a line was printed.
settle() {
	sed -E 's/^(#[0-9]+) [0-9]+\.[0-9]{3} /\1 TIME /'
}

run_case() {
	mkdir "$work/here" && cd "$work/here" || exit 1
	timeout 20 bash "$1" >"$work/stdout" 2>"$work/stderr" </dev/null
	echo "status $?" >"$work/status"
	cd / && rm -rf "$work/here"
	cat "$work/status"
	echo "--- stdout"
	cat "$work/stdout"
	echo "--- stderr"
	settle <"$work/stderr"
}

count=0 failed=0
for input in "$cases"/*.in; do
	name=$(basename "$input" .in)
	count=$((count + 1))
	run_case "$input" >"$work/got"
	if [ -n "$update" ]; then
		cp "$work/got" "$cases/$name.expect"
	fi
	if diff -u "$cases/$name.expect" "$work/got" >"$work/diff" 2>&1; then
		echo "ok $count - $name"
	else
		echo "not ok $count - $name"
		sed 's/^/# /' "$work/diff"
		failed=1
	fi
done
echo "1..$count"
exit $failed
