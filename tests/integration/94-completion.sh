#!/bin/bash
# The first minute: what the shell completes, and what msb says to the usual mistakes.
. "$(dirname "$0")/lib.sh"
# shellcheck source=../../tools/completion/msb.bash
. "$here/../../tools/completion/msb.bash"

import_busybox
dockerfile <<'END'
FROM busybox AS tools
RUN echo tool > /tool
FROM busybox AS build
COPY --from=tools /tool /tool
RUN --mount=type=cache,id=modules,target=/m true
END
build -t team/app:1

# completes LINE: what the last word may become, in one line.
completes() {
    COMP_LINE=$1
    COMP_POINT=${#COMP_LINE}
    # As bash has it: a colon is a word.
    mapfile -t COMP_WORDS < <(sed -E 's/ +/\n/g; s/:/\n:\n/g' <<<"$1" | sed '/^$/{$!d}')
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    _msb
    echo "${COMPREPLY[*]}"
}

it "completes commands, and those of a family"
same "build builds" "$(completes "msb buil" | tr ' ' '\n' | sort | xargs)"
same "ls" "$(completes "msb image l" | tr ' ' '\n' | grep -x ls)"
same "rm" "$(completes "msb cache r")"

it "completes options"
same "--no-cache --no-cache-filter" "$(completes "msb build --no-c")"
same "--keep-builds" "$(completes "msb prune --k")"

it "completes stages, images, builds and caches"
same "build" "$(completes "msb debug bui")"
same "tools" "$(completes "msb ls to")"
same "team/app:1" "$(completes "msb inspect te")"
same "1" "$(completes "msb inspect team/app:")"
same "1" "$(completes "msb stages ")"
same "modules" "$(completes "msb cache rm mo")"
same "tools" "$(completes "msb --root $MSB_ROOT export to")"

it "says what may have been meant"
refuses 1 'did you mean build\?' msb ls biuld
refuses 1 'did you mean build@3\?' msb log biuld@3
refuses 1 'did you mean team/app\?' msb export team/ap
refuses 1 "has no step 9: msb stages 1" msb ls build@9
refuses 1 "build: '/absent'" msb cat build:/absent
refuses 1 'msb ls lists it' msb cat build:/bin

it "lists directories and shows files without a mount"
contains <(msb ls tools) '^-rw-r--r-- +0:0 +5B .* tool$'
contains <(msb ls tools@1:/bin) '^lrwxrwxrwx .* sh -> '
same tool "$(msb cat build:/tool)"
msb cat tools:/bin/busybox | cmp - busybox/bin/busybox
same "$(msb ls --format '{{.Name}}' tools:/bin | sort)" "$(ls -A busybox/bin | sort)"
