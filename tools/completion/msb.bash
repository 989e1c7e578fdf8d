# Completion of msb's command line for bash. Commands and options are what msb's own help says; REFs
# are the stages of the newest build and the images of the store.
# shellcheck shell=bash

# The store that the line names, if it does.
_msb_run() {
    local i

    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        --root) set -- --root "${COMP_WORDS[i + 1]}" "$@" ;;
        --root=*) set -- "${COMP_WORDS[i]}" "$@" ;;
        esac
    done
    msb "$@" 2>/dev/null
}

# The words of a help text: commands stand two blanks in, options anywhere in front.
_msb_commands() {
    msb "$@" --help 2>/dev/null | sed -nE 's/^  ([a-z]+( [a-z]+)?)  +[A-Z].*/\1/p'
}

_msb_options() {
    msb "$@" --help 2>/dev/null | grep -oE '^ +(-[a-zA-Z?], +)?--[a-z-]+' | grep -oE '\-\-[a-z-]+'
}

_msb_stages() {
    _msb_run stages --format '{{.Stage}}'
    _msb_run stages --format '{{.Name}}'
}

_msb_images() {
    _msb_run images --format '{{.Repository}}:{{.Tag}}'
}

# What the last word may be, one a line, when it is no option.
_msb_operands() {
    case $1 in
    "") _msb_commands ;;
    image | cache) _msb_commands "$1" ;;
    ls | cat | cp | debug | export | diff) _msb_stages; _msb_images ;;
    explain | log) _msb_stages; _msb_run builds --format '{{.Build}}' ;;
    stages | graph) _msb_run builds --format '{{.Build}}' ;;
    inspect | history | tag | rmi | push | save | image\ *) _msb_images ;;
    cache\ rm) _msb_run cache ls --format '{{.ID}}' ;;
    help) _msb_commands ;;
    esac
}

_msb() {
    local word=${COMP_WORDS[COMP_CWORD]} command="" i known

    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        --root) ((i++)) ;;
        -*) ;;
        *)
            command=${COMP_WORDS[i]}
            if [[ $command == image || $command == cache ]] && ((i + 1 < COMP_CWORD)); then
                command="$command ${COMP_WORDS[i + 1]}"
            fi
            break
            ;;
        esac
    done
    if [[ $word == -* ]]; then
        # shellcheck disable=SC2086 # "image ls" is two words
        known=$(_msb_options $command)
    else
        known=$(_msb_operands "$command")
    fi
    # bash takes a colon for the end of a word: what stands before it is not to be said again.
    if [[ $word == : || ${COMP_WORDS[COMP_CWORD - 1]} == : ]] && ((COMP_CWORD > 1)); then
        local before=${COMP_LINE:0:COMP_POINT}

        before=${before##* }
        known=$(grep -F -- "${before%"${before##*:}"}" <<<"$known" | sed 's/.*://')
        word=${before##*:}
    fi
    mapfile -t COMPREPLY < <(IFS=$'\n' compgen -W "$known" -- "$word")
}

complete -o bashdefault -o default -F _msb msb
