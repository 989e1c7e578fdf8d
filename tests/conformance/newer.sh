#!/bin/bash
# Makes the root with the newer builders, in which run.py --root asks the other witnesses: Debian's next
# release, whose buildah knows --parents and --exclude, and whose dockerd is years newer. Prints where.
#
#   tests/conformance/run.py --record --root "$(tests/conformance/newer.sh)" CASE…
#
# MSB_NEWER   where the root is kept (default: msb-newer in the user's cache)
set -euo pipefail

home=${HOME:-$(getent passwd "$EUID" | cut -d: -f6)}
keep=${MSB_NEWER:-${XDG_CACHE_HOME:-$home/.cache}/msb-newer}
# netavark is asked by buildah whether it is there, the packers by dockerd for what ADD unpacks.
"$(dirname "$0")/../../tools/debian-root.sh" "$keep" forky buildah netavark runc docker.io docker-cli \
    docker-buildx git ca-certificates xz-utils bzip2 zstd >&2
echo "$keep/root"
