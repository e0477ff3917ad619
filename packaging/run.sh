#!/bin/bash
# From a fresh machine to a server that clients log in to. Run it again to start it again.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
data=${XDG_DATA_HOME:-${HOME:-/tmp}/.local/share}/nuncio
port=5222
install=yes

usage() {
    cat << EOF
usage: packaging/run.sh [--data DIR] [--port N] [--no-install]

Installs what is missing from the distribution's packages, builds nuncio, makes a data folder with a
self-signed certificate and two demo accounts, starts the server on localhost, and prints what to type
into a client. Ctrl-C ends it. A second run starts in seconds, with the same accounts.

  --data DIR    where all of that is kept (default: $data)
  --port N      the port for clients (default: $port); direct TLS is at the next one
  --no-install  do not touch the system's packages
  --help        this text
EOF
}

fail() {
    echo "run.sh: $*" >&2
    exit 1
}

while [ $# -gt 0 ]; do
    case $1 in
        --data | --port)
            [ $# -gt 1 ] || fail "$1: expected a value after it"
            if [ "$1" = --data ]; then data=$2; else port=$2; fi
            shift 2
            ;;
        --data=*) data=${1#*=} && shift ;;
        --port=*) port=${1#*=} && shift ;;
        --no-install) install=no && shift ;;
        --help | -h) usage && exit 0 ;;
        *) usage >&2 && fail "there is no option $1" ;;
    esac
done
if ! [[ $port =~ ^[0-9]{1,5}$ ]] || [ "$port" -lt 1 ] || [ "$port" -gt 65534 ]; then
    fail "--port: expected a number from 1 to 65534, not $port"
fi
if [[ $data == *[\"\\]* ]]; then
    fail "--data: quotes and backslashes are not possible in the folder's name"
fi

step() { echo "== $*"; }

if [ $install = yes ]; then
    step "packages"
    # shellcheck source=packaging/dependencies.sh
    . "$root/packaging/dependencies.sh"
    install_packages build
fi
for tool in cmake ninja g++ pkg-config openssl; do
    command -v $tool > /dev/null \
        || fail "$tool is missing: leave out --no-install, or install what packaging/dependencies.sh lists"
done

step "building (the first time takes some minutes)"
cd "$root"
if [ ! -f build/release/build.ninja ]; then
    cmake --preset release > /dev/null
fi
cmake --build --preset release --target nunciod nuncioctl nuncio-plugins
bin=$root/build/release/bin

step "data folder $data"
umask 077
mkdir -p "$data/conf.d" "$data/certs"
data=$(cd "$data" && pwd)
cp "$root"/conf.d/*.toml "$data/conf.d/"
cp -r "$root/conf.d/lua.d" "$data/conf.d/"
addresses='"127.0.0.1"'
if grep -q ' lo$' /proc/net/if_inet6 2> /dev/null; then
    addresses='"127.0.0.1", "::1"'
fi
cat > "$data/conf.d/90-local-demo.toml" << EOF
# Written anew by packaging/run.sh. Put your own settings into local.toml, which is read after this.
[log]
target = "file"
file = "$data/nuncio.log"

[[listen]]
addresses = [$addresses]
port = $port

[[listen]]
addresses = [$addresses]
port = $((port + 1))
tls = "direct"

# Clients on this machine may make accounts of their own.
[plugins.register]
enabled = true
open = true
exempt_loopback = true
EOF
if [ ! -s "$data/certs/localhost.crt" ]; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 825 -subj /CN=localhost \
        -addext "subjectAltName=DNS:localhost,DNS:*.localhost" -keyout "$data/certs/localhost.key" \
        -out "$data/certs/localhost.crt" 2> "$data/openssl.log" \
        || fail "no certificate: $(cat "$data/openssl.log")"
    rm -f "$data/openssl.log"
fi
accounts=$data/demo-accounts
if [ ! -s "$accounts" ]; then
    for name in alice bob; do
        echo "$name@localhost $(openssl rand -hex 5)"
    done > "$accounts"
fi

step "starting"
: > "$data/output" # the ready line of an earlier run would be taken for this one's
"$bin/nunciod" --config "$data/conf.d" --data "$data" > "$data/output" 2>&1 &
server=$!
stop() {
    trap - INT TERM
    kill -TERM $server 2> /dev/null || true
    wait $server || true
    echo "stopped"
    exit 0
}
trap stop INT TERM
is_ready() { grep -q '^nuncio is ready' "$data/output"; }
for _ in $(seq 100); do
    is_ready && break
    kill -0 $server 2> /dev/null || break
    sleep 0.1
done
if ! is_ready; then
    kill -TERM $server 2> /dev/null || true
    fail "the server did not start: $(tail -n 20 "$data/output")"
fi

ctl=("$bin/nuncioctl" --data "$data")
while read -r jid password; do
    if ! answer=$("${ctl[@]}" register "$jid" 2>&1 <<< "$password") && [[ $answer != *"exists already"* ]]; then
        kill -TERM $server
        fail "no account $jid: $answer"
    fi
done < "$accounts"
folder=$(printf '%q' "$data") # as a shell takes it
ctl_shown="$(printf '%q' "${ctl[0]}") --data $folder"
first=$(awk 'NR == 1 { print $1 }' "$accounts")

cat << EOF

$(cat "$data/output")

Log in with any XMPP client:

$(awk '{ printf "    address   %s\n    password  %s\n\n", $1, $2 }' "$accounts")

    server    localhost, port $port (STARTTLS) or $((port + 1)) (direct TLS)

The certificate is self-signed: let the client trust it, or give it $data/certs/localhost.crt.
For example, in Profanity:

    /connect $first server localhost port $port tls trust

Look after the server from another terminal:

    $ctl_shown status
    $ctl_shown register carol@localhost
    tail -f $folder/nuncio.log

Ctrl-C stops it.
EOF
wait $server
