#!/bin/bash
# Rules that no compiler knows, over the whole source tree: a third-party library has one home
# (homes.table), libraries never print, nothing reaches into another room by "../". First each rule must find what is planted in a tree of its own.
#
#   homes.sh SOURCE_ROOT
set -euo pipefail
shopt -s globstar nullglob

here=$(cd "$(dirname "$0")" && pwd)
source_root=$(cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

sources() {
    printf '%s\n' {builder,fs,include,tools,tests}/**/*.[ch]
}

# includes: "file header" of every #include in the current folder's tree.
includes() {
    sources | xargs -r grep -HE '^[[:space:]]*#[[:space:]]*include' |
        sed -nE 's/^([^:]*):[^<"]*[<"]([^>"]*)[>"].*/\1 \2/p'
}

third_parties_at_home() {
    local header home most files file

    while read -r header home most; do
        [[ -n $header && $header != \#* ]] || continue
        files=$(includes | header="^($header)\$" awk '$2 ~ ENVIRON["header"] { print $1 }' | sort -u)
        grep . <<<"$files" | grep -vxE "$home" | while read -r file; do
            echo "$file includes $header, whose home is $home"
        done
        if (($(grep -c . <<<"$files") > most)); then
            echo "$header is included by more than $most files: ${files//$'\n'/ }"
        fi
    done <"$here/homes.table"
}

nothing_crosses_by_dots() {
    includes | grep -F '../' | sed 's/$/: no includes by "..\/"/'
}

# Comments and strings may name streams; code may not.
libraries_never_print() {
    local file

    for file in {builder,fs}/**/*.[ch]; do
        [[ $file != fs/main.c ]] || continue
        gcc -fpreprocessed -dD -E -P -w "$file" | sed 's/"\(\\.\|[^"\\]\)*"/""/g' |
            grep -E '\<(v?printf|puts|putchar|perror|psignal|psiginfo)[[:space:]]*\(|\<(stdout|stderr)\>' |
            sed "s|^[[:space:]]*|$file: a library does not print: |"
    done
}

rules=(third_parties_at_home nothing_crosses_by_dots libraries_never_print)

# judge RULE: what it finds in the current folder's tree.
judge() {
    # grep finds nothing in a tree that keeps the rule, and says so by its status.
    set +e +o pipefail
    "$1"
    set -e -o pipefail
}

# plant RULE FILE TEXT: in a tree that holds FILE alone, RULE must object.
plant() {
    local rule=$1 file=$2 text=$3

    rm -rf "$work/tree"
    mkdir -p "$work/tree/${file%/*}"
    printf '%s\n' "$text" >"$work/tree/$file"
    if [[ -z $(cd "$work/tree" && judge "$rule") ]]; then
        echo "FAILED: $rule does not find '$text' in $file"
        exit 1
    fi
}

plant third_parties_at_home builder/store/x.c '#include <fuse_lowlevel.h>'
plant third_parties_at_home builder/tree/x.c '#include <archive.h>'
plant third_parties_at_home builder/image/x.c '#include <archive_entry.h>'
plant third_parties_at_home fs/x.c '#include <sqlite3.h>'
plant third_parties_at_home builder/store/x.c '#include <openssl/evp.h>'
plant third_parties_at_home builder/tree/x.h '# include <jansson.h>'
plant third_parties_at_home tools/msb/x.c '#include <curl/curl.h>'
plant nothing_crosses_by_dots fs/x.c '#include "../builder/store/store_writer.h"'
plant libraries_never_print builder/tree/x.c 'void f(void) { printf("x"); }'
plant libraries_never_print fs/x.c 'void f(void) { fprintf(stderr, "x"); }'
plant libraries_never_print builder/x.h 'static inline void f(void) { puts("/* x */"); }'

cd "$source_root"
for rule in "${rules[@]}"; do
    judge "$rule"
done >"$work/found"
cat "$work/found"
[[ ! -s $work/found ]]
