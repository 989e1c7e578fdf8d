# What the tests of the mount share: comparing two directories, and running sentences as tests.
# shellcheck shell=bash

# Everything find can tell. A directory's size is the file system's own business.
metadata() {
	(cd "$1" && find . -printf '%P\t%y\t%m\t%U\t%G\t%T@\t%n\t%l\t' \
		\( -type d -printf '\n' -o -printf '%s\n' \) | LC_ALL=C sort)
}

links() { # names by the inode they share
	(cd "$1" && find . -type f -links +1 -printf '%i %p\n' | LC_ALL=C sort -k 1,1n -k 2 |
		awk '{ if ($1 != last) printf "\n"; last = $1; printf "%s ", $2 }' | LC_ALL=C sort)
}

same_as() {
	[ -z "$(rsync -aHAXn --checksum --delete -i "$1/" "$2/" | tee /dev/stderr)" ] &&
		diff <(metadata "$1") <(metadata "$2") && diff <(links "$1") <(links "$2") &&
		diff <(cd "$1" && find . -type f -exec sha256sum {} + | sort) \
			<(cd "$2" && find . -type f -exec sha256sum {} + | sort) &&
		diff <(cd "$1" && getfattr -R -h -d -m - -e hex . | LC_ALL=C sort) \
			<(cd "$2" && getfattr -R -h -d -m - -e hex . | LC_ALL=C sort)
}

# Each function of FILE whose name is a sentence of at least three words is a test, in their order.
run_tests() { # FILE
	local tests name number=0
	tests=$(grep -oE '^[a-z0-9]+(_[a-z0-9]+){2,}\(\)' "$1" | tr -d '()')
	# shellcheck disable=SC2086
	echo "1..$(wc -w <<<$tests)"
	for name in $tests; do
		number=$((number + 1))
		if "$name" >output 2>&1; then
			echo "ok $number - ${name//_/ }"
		else
			echo "not ok $number - ${name//_/ }"
			sed 's/^/# /' output | head -n 40
		fi
	done
}
