# Words for tests that need a registry: Debian's docker-registry on loopback. Sourced after lib.sh;
# from then on nothing of whoever runs the tests is seen, no credentials and no settings.
# shellcheck shell=bash disable=SC2154 # work is what lib.sh makes

export DOCKER_CONFIG=$work/docker XDG_CONFIG_HOME=$work/config XDG_RUNTIME_DIR=$work/runtime
export HOME=$work/home
unset REGISTRY_AUTH_FILE http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
mkdir -p "$DOCKER_CONFIG" "$XDG_RUNTIME_DIR" "$XDG_CONFIG_HOME/msb" "$HOME"

# settings: their text from standard input.
settings() {
    cat >"$XDG_CONFIG_HOME/msb/registries.json"
}

# answers PORT: somebody listens there.
answers() {
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>"$work/tcp"
}

# free_port: one that nobody listens on.
free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# registry NAME PORT [LINE…]: with further lines of its configuration; one called tls speaks TLS.
registry() {
    local name=$1 port=$2

    shift 2
    {
        printf '%s\n' "version: 0.1" "log: {level: error}" "storage:" \
            "  filesystem: {rootdirectory: $work/$name}" "  delete: {enabled: true}"
        printf '%s\n' "$@"
        printf '%s\n' "http:" "  addr: 127.0.0.1:$port"
        if [[ $name == tls ]]; then
            printf '%s\n' "  tls: {certificate: $work/server.crt, key: $work/server.key}"
        fi
    } >"$work/$name.yml"
    spawn docker-registry serve "$work/$name.yml" >"$work/$name.log" 2>&1
    eventually answers "$port"
}

# requests NAME METHOD PATTERN: how many the registry's log has.
requests() {
    grep -Ec "\"$2 [^\"]*$3" "$work/$1.log" || [[ $? == 1 ]]
}

# fetched NAME: bytes of blobs that the registry gave away.
fetched() {
    sed -nE 's/.*"GET [^"]*\/blobs\/[^"]*" 20[06] ([0-9]+) .*/\1/p' "$work/$1.log" |
        awk '{ sum += $1 } END { print sum + 0 }'
}

id_of() { # IMAGE
    msb inspect "$1" | jq -r '.[0].Id'
}

# steps STATE: how many steps of the newest build are in it, its FROMs not counted.
steps() {
    sqlite3 "$MSB_ROOT/records.db" "SELECT count(*) FROM step
        WHERE build = (SELECT max(id) FROM build) AND state = $1 AND number > 1"
}

# second NAME: a store with nothing but the images in base.tar becomes the one in use.
second() {
    export MSB_ROOT=$work/$1
    msb load -i "$work/base.tar" >out
}

# --- The registry that misbehaves as it is told (registry_server.py), in $work/srv ---

# serve: starts it on a port of its choice, or on $PORT; it is in $port, its pid in $server.
serve() {
    rm -f "$work/port"
    spawn "$here/registry_server.py" "$work/srv" "$work/port"
    # shellcheck disable=SC2034 # for the tests
    server=$spawned
    eventually test -e "$work/port"
    # shellcheck disable=SC2034
    port=$(cat "$work/port")
}

# forget: from here on its requests, and the bytes of its answers, are counted.
forget() {
    : >"$work/srv/log"
    : >"$work/srv/sent"
}

asked() {
    wc -l <"$work/srv/log"
}

sent() {
    awk '{ sum += $1 } END { print sum + 0 }' "$work/srv/sent"
}

at_most() { # NUMBER LIMIT
    (($1 <= $2)) || fail "$1, which is more than $2"
}
