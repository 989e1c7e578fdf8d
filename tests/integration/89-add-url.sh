#!/bin/bash
# ADD of files of the web, and contexts that are some.
. "$(dirname "$0")/lib.sh"

# Nothing of whoever runs the tests.
export XDG_CONFIG_HOME=$work/config
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
mkdir -p "$XDG_CONFIG_HOME/msb"
import_busybox

mkdir -p web/sub
echo content >web/file
echo other >web/sub/other.txt
echo spaced >"web/a b"
: >web/empty
head -c 3000000 /dev/urandom >web/large
mkdir packed
echo inside >packed/inside
chmod 640 packed/inside
tar -C packed --owner=7 --group=8 -czf web/packed.tar.gz inside
touch -d '2001-02-03 04:05:06' web/*
spawn python3 "$here/web_server.py" "$work/web" "$work/port"
eventually test -s port
url=http://127.0.0.1:$(cat port)

# settings: their text from standard input.
settings() {
    cat >"$XDG_CONFIG_HOME/msb/registries.json"
}

# add WORDS: a Dockerfile with that ADD alone.
add() {
    printf 'FROM busybox\nARG NAME=file\nADD %s\n' "$*" >ctx/Dockerfile
}

# added WORDS: what it makes, unpacked in ./tree.
added() {
    add "$@"
    build -t added
    rm -rf tree
    unpack_tree image:added tree
}

seen() { # FILE: mode, owner and time
    stat -c '%a %u:%g %y' "$1" | cut -d. -f1
}

# requests PATTERN: how many the server has seen.
requests() {
    grep -Ec "$1" "$work/web.log" || [[ $? == 1 ]]
}

it "gives what it fetches the mode, the owner and the time that docker gives it"
added "$url/file" /got
same content "$(cat tree/got)"
same "600 0:0 2001-02-03 04:05:06" "$(seen tree/got)"
added "$url/ageless/file" /ageless
same "600 0:0 1970-01-01 00:00:00" "$(seen tree/ageless)"
added "$url/odd/file" /odd
same "600 0:0 1970-01-01 00:00:00" "$(seen tree/odd)"

it "takes large and empty files as they are"
added "$url/large" "$url/empty" /got/
cmp web/large tree/got/large
cmp web/empty tree/got/empty

it "obeys --chown, --chmod and --link"
added --chown=app:app --chmod=755 "$url/file" /got
same "755 1000:1000 2001-02-03 04:05:06" "$(seen tree/got)"
added --link "$url/file" /linked/
same "600 0:0 2001-02-03 04:05:06" "$(seen tree/linked/file)"

it "names the file as the URL does, where the destination is a directory"
added "$url/sub/other.txt?key=a/b#part" "$url/\$NAME" "$url/a%20b" /dir/
same "a b file other.txt" "$(find tree/dir -type f -printf '%f\n' | sort | xargs)"
same spaced "$(cat "tree/dir/a b")"
added "$url/file" /etc
same content "$(cat tree/etc/file)"
add "$url/x%00y" /dir/
exits 1 msb build -q ctx
contains err 'Dockerfile:3: .*no name for a file'

it "mixes it with files of the context and of the Dockerfile"
cp web/packed.tar.gz ctx/local.tar.gz
cat >ctx/Dockerfile <<END
FROM busybox
ADD <<inline $url/packed.tar.gz local.tar.gz $url/file /mixed/
said here
inline
END
build -t mixed
rm -rf tree
unpack_tree image:mixed tree
same "file inline inside packed.tar.gz" "$(find tree/mixed -type f -printf '%f\n' | sort | xargs)"
same "said here" "$(cat tree/mixed/inline)"
cmp web/packed.tar.gz tree/mixed/packed.tar.gz

it "unpacks archives only when it is told to"
added "$url/packed.tar.gz" /whole/
cmp web/packed.tar.gz tree/whole/packed.tar.gz
added --unpack=true "$url/packed.tar.gz" /unpacked/
same "640 7:8" "$(stat -c '%a %u:%g' tree/unpacked/inside)"
absent tree/unpacked/packed.tar.gz
added --unpack "$url/file" /plain/
same content "$(cat tree/plain/file)"

it "takes what did not change from the cache, times never count"
added "$url/file" /got
contains log '^#3 CACHED'
touch -d 2011-01-01 web/file
added "$url/file" /got
contains log '^#3 CACHED'
echo changed >web/file
added "$url/file" /got
lacks log '^#3 CACHED'
same changed "$(cat tree/got)"
echo content >web/file
touch -d '2001-02-03 04:05:06' web/file

# answers PATTERN: how many of the server's answers match, "STATUS PATH AUTHORIZATION".
answers() {
    grep -Ec "$1" "$work/web.answers" || [[ $? == 1 ]]
}

it "asks whether a file has changed, by tag or by time, and fetches it anew only then"
added "$url/tagged/file" /got
added "$url/tagged/file" /got
contains log '^#3 CACHED'
same "1 1" "$(answers '^200 /tagged/file') $(answers '^304 /tagged/file')"
echo changed >web/file
touch -d '2001-02-03 04:05:06' web/file
added "$url/tagged/file" /got
same "2 changed" "$(answers '^200 /tagged/file') $(cat tree/got)"
echo content >web/file
touch -d '2001-02-03 04:05:06' web/file
added "$url/file?again" /first
added "$url/file?again" /second
same "1 1 content" "$(answers '^200 /file.again') $(answers '^304 /file.again') $(cat tree/second)"
same "600 0:0 2001-02-03 04:05:06" "$(seen tree/second)"
added "$url/ageless/file" /got
added "$url/ageless/file" /got
same 0 "$(answers '^304 /ageless')"

it "does not even ask where the content that is wanted is known"
before=$(answers /file)
added "--checksum=sha256:$(sha256sum web/file | cut -d' ' -f1)" "$url/file?again" /known
same "$before content" "$(answers /file) $(cat tree/known)"

it "says who asks, by the secrets of that host, to that host alone"
echo "Bearer open-sesame" >web.word
echo open-sesame >token
add "$url/private/file" /got
exits 1 msb build -q ctx
contains err "server answers 401 \(not allowed\)"
msb build -q -t private --secret id=HTTP_AUTH_TOKEN_127.0.0.1,src=token ctx
same content "$(msb cp private:/got - | tar -xO)"
add "$url/private/sub/other.txt" /got
msb build -q -t private --secret "id=HTTP_AUTH_TOKEN_127.0.0.1:$(cat port),src=token" ctx
msb build -q -t private --no-cache --secret id=HTTP_AUTH_HEADER_127.0.0.1,src=web.word ctx
same other "$(msb cp private:/got - | tar -xO)"
add "$url/other/private/file" /got
exits 1 msb build -q --secret id=HTTP_AUTH_TOKEN_127.0.0.1,src=token ctx
same "1 1" "$(answers '^302 /other/private/file Bearer') $(answers '^401 /private/file -$' | sed 's/2/1/')"
printf 'two\nlines\n' >lines
exits 1 msb build -q --secret id=HTTP_AUTH_TOKEN_127.0.0.1,src=lines ctx
contains err "'HTTP_AUTH_TOKEN_127.0.0.1' is no header's value"

it "says who asks for a repository"
git -c init.defaultBranch=main init -q made
echo committed >made/file
git -C made add file
git -C made -c user.name=a -c user.email=b@c commit -qm one
git clone -q --bare made web/made.git
git -C web/made.git update-server-info
add "$url/private/made.git" /lib/
exits 1 msb build -q ctx
printf 'Basic %s\n' "$(printf x-access-token:open-sesame | base64)" >web.word
msb build -q -t private --secret id=GIT_AUTH_TOKEN,src=token ctx
same committed "$(msb cp private:/lib/file - | tar -xO)"
msb build -q -t private --no-cache --secret id=GIT_AUTH_TOKEN.127.0.0.1,src=token ctx
msb build -q -t private --no-cache --secret id=GIT_AUTH_HEADER,src=web.word ctx
exits 1 msb build -q --no-cache --secret id=GIT_AUTH_TOKEN.example.com,src=token ctx
printf 'FROM busybox\nCOPY file /from-context\n' >made/Dockerfile
git -C made add Dockerfile
git -C made -c user.name=a -c user.email=b@c commit -qm two
git -C made push -q ../web/made.git main
git -C web/made.git update-server-info
msb build -q -t private --secret id=GIT_AUTH_TOKEN,src=token "$url/private/made.git"
same committed "$(msb cp private:/from-context - | tar -xO)"
if grep -rqa open-sesame "$MSB_ROOT"; then
    fail "a token is in the store"
fi

it "follows redirects, whose own time does not count, but not for ever nor anywhere"
added "$url/to/sub/other.txt" /dir/
same other "$(cat tree/dir/other.txt)"
added "$url/to/to/to/sub/other.txt" /got
same other "$(cat tree/got)"
added "$url/to/ageless/file" /redirected
same "600 0:0 1970-01-01 00:00:00" "$(seen tree/redirected)"
add "$url/loop/x" /got
exits 1 msb build -q ctx
contains err "Dockerfile:3: .*redirected too often"
add "$url/away/x" /got
exits 1 msb build -q ctx
contains err "Dockerfile:3: .*redirected too often, or to where it must not lead"

it "checks the content before it is placed anywhere"
right=sha256:$(sha256sum web/file | cut -d' ' -f1)
wrong=sha256:$(sha256sum web/large | cut -d' ' -f1)
added "--checksum=$right" "$url/file" /checked
same content "$(cat tree/checked)"
add "--checksum=$wrong" "$url/file" /unchecked
exits 1 msb build -t unchecked ctx
contains err "Dockerfile:3: .*its content is $right, not $wrong"
refuses 1 "unchecked" msb inspect unchecked
# What was refused is nowhere in the store.
head -c 3000000 /dev/urandom >web/refused
add "--checksum=$wrong" "$url/refused" /refused
exits 1 msb build -q ctx
contains err 'its content is sha256'
content=$(sha256sum <web/refused | cut -c 1-64)
same 0 "$(sqlite3 "$MSB_ROOT/records.db" "SELECT count(*) FROM blob WHERE hex(digest) = upper('$content')")"
same "" "$(find "$MSB_ROOT/large" -name "*${content:8}*")"
add "--checksum=$right" file /checked
refuses 1 "--checksum is for URLs and git repositories, not for 'file'" msb build -q ctx

it "says what the server says, without what may be secret"
add "$url/absent?token=4711" /got
exits 1 msb build -q ctx
contains err "Dockerfile:3: .*'$url/absent': the server answers 404 \(not found\)"
add "${url/127/user:pass@127}/forbidden/file" /got
exits 1 msb build -q ctx
contains err "'$url/forbidden/file': the server answers 403 \(not allowed\)"
same 1 "$(requests /absent)"

it "tries again what fails for a while, and no longer than the settings say"
added "$url/busy/file" /got
same content "$(cat tree/got)"
same 2 "$(requests /busy/file)"
added "$url/cut/large" /got
cmp web/large tree/got
same 2 "$(requests /cut/large)"
settings <<<'{"retries": 1}'
add "$url/broken/large" /got
exits 1 msb build -t broken ctx
contains err "Dockerfile:3: .*http://127.0.0.1"
same 2 "$(requests /broken/large)"
refuses 1 "broken" msb inspect broken
settings <<<'{"retries": 0}'
add http://127.0.0.1:1/x /got
exits 1 msb build -q ctx
contains err "Dockerfile:3: .*127.0.0.1.*(refused|connect)"

it "gives up what is too slow or too large"
settings <<<'{"retries": 0, "timeout": 2}'
add "$url/slow/sub/other.txt" /got
exits 1 msb build -q ctx
contains err "Dockerfile:3: .*too slow"
settings <<<'{"unpackLimit": 1000000}'
add "$url/large?anew" /got
exits 1 msb build -q ctx
contains err "Dockerfile:3: .*more than 1000000 bytes"
rm "$XDG_CONFIG_HOME/msb/registries.json"

it "verifies certificates, and leaves TLS for no redirect"
openssl req -x509 -newkey rsa:2048 -nodes -keyout server.key -out server.crt -days 2 \
    -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 2>openssl.log
spawn python3 "$here/web_server.py" "$work/web" "$work/tls-port" server.crt server.key
eventually test -s tls-port
host=127.0.0.1:$(cat tls-port)
cp port web.plain
add "https://$host/file" /got
exits 1 msb build -q ctx
contains err "Dockerfile:3: .*certificate"
printf '{"ca": {"%s": "%s"}}\n' "$host" "$work/server.crt" | settings
added "https://$host/file" /got
same content "$(cat tree/got)"
add "https://$host/plain/file" /got
exits 1 msb build -q ctx
contains err "Dockerfile:3: .*where it must not lead"
added "$url/plain/file" /got
rm "$XDG_CONFIG_HOME/msb/registries.json"

it "leaves COPY without URLs"
printf 'FROM busybox\nCOPY %s/file /x\n' "$url" >ctx/Dockerfile
refuses 1 "COPY cannot fetch .*write ADD for a URL" msb build -q ctx

it "takes a tar of the web as the context, plain or compressed"
mkdir context
printf 'FROM busybox\nCOPY one /all/\n' >context/Dockerfile
sed 's/all/other/' context/Dockerfile >context/Other
echo one >context/one
tar -C context -cf web/context.tar .
gzip -k web/context.tar
zstd -q web/context.tar
for name in context.tar context.tar.gz to/context.tar.zst; do
    msb build -q -t "from-web" "$url/$name" >out
    msb cp image:from-web:/all/one got
    same one "$(cat got)"
done
msb build -q -f Other -t other "$url/context.tar" >out
msb cp image:other:/other/one got
printf 'FROM busybox\nCOPY one /piped\n' | msb build -q -t piped -f - "$url/context.tar" >out
msb cp image:piped:/piped got
refuses 1 "'Absent' not found" msb build -q -f Absent "$url/context.tar"

it "takes anything else for the Dockerfile, without a context"
printf 'FROM busybox\nRUN echo x >/x\n' >web/Only
msb build -q -t only "http://localhost:$(cat port)/Only" >out
msb cp image:only:/x got
same x "$(cat got)"
refuses 1 'leave -f out' msb build -q -f Other "$url/Only"
printf 'FROM busybox\nCOPY one /\n' >web/Only
exits 1 msb build -q "$url/Only"
contains err "Dockerfile:2: .*'/one' not found"

it "says what is wrong with a context of the web"
refuses 1 "build context: '$url/absent': the server answers 404" msb build -q "$url/absent"
head -c 200 web/context.tar.gz >web/damaged.tar.gz
exits 1 msb build -q "$url/damaged.tar.gz"
contains err "build context from '$url/damaged.tar.gz'"

it "takes a tar of the web as a named context"
printf 'FROM busybox\nCOPY --from=more one /named\n' >ctx/Dockerfile
build --build-context "more=$url/context.tar.gz" -t named
msb cp image:named:/named got
same one "$(cat got)"
refuses 1 'is no tar' msb build -q --build-context "more=$url/file" ctx
