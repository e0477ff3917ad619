#!/bin/bash
# 2,000 people log in at once while others chat: what the others notice of it, beside the same chat without.
# See README.md beside this file.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)

usage() {
    cat <<EOF
Usage: storm.sh [--only nuncio,prosody,ejabberd] [--users N] [--rate N] [--logins N] [--concurrency N]
                [--pairs N] [--mechanism NAME] [--build DIR] [--load FILE] [--port N] [--json FILE] [--keep]

  --only LIST      these servers (default: nuncio)
  --users N        who chat (default: 500), and --rate N messages/s of all of them (default: 500)
  --logins N       in one storm, each of somebody else (default: 2000)
  --concurrency N  of them at a time (default: 100)
  --pairs N        of a run without and one with a storm, in turn (default: 5)
  --mechanism NAME of the storm (default: SCRAM-SHA-1)
  --build DIR      where bin/nunciod is (default: build/release)
  --load FILE      nuncio-load (default: build/release/bin/nuncio-load)
  --port N         first of 40 ports on loopback (default: 25300)
  --json FILE      where the results go (default: storm.json in the build folder)
  --keep           keep the servers' folders (logs, configuration) and say where
EOF
}

only=nuncio users=500 rate=500 logins=2000 concurrency=100 pairs=5 mechanism=SCRAM-SHA-1
keep=no build=$root/build/release load=$root/build/release/bin/nuncio-load port=25300 json=
while [ $# -gt 0 ]; do
    case $1 in
        --only) only=$2; shift 2 ;;
        --users) users=$2; shift 2 ;;
        --rate) rate=$2; shift 2 ;;
        --logins) logins=$2; shift 2 ;;
        --concurrency) concurrency=$2; shift 2 ;;
        --pairs) pairs=$2; shift 2 ;;
        --mechanism) mechanism=$2; shift 2 ;;
        --build) build=$2; shift 2 ;;
        --load) load=$2; shift 2 ;;
        --port) port=$2; shift 2 ;;
        --json) json=$2; shift 2 ;;
        --keep) keep=yes; shift ;;
        --help|-h) usage; exit 0 ;;
        *) usage >&2; exit 2 ;;
    esac
done

# shellcheck source=servers/all.sh
. "$here/servers/all.sh"

json=${json:-$build/storm.json}
: > "$json"
# How long the quiet half of a pair measures: as long as the storm before it lasted.
lasted=3

# run_load SCENARIO SERVER TRANSPORT LABEL ARGUMENT…
run_load() {
    local scenario=$1 server=$2 transport=$3 label=$4
    shift 4
    "$load" "$scenario" --label "$label/$server" --json "$json" --transport "$transport" \
        --port "$(port_of "$server" "$transport")" --pid "$(pid_of "$server" "$transport")" \
        --scram-cache "$work/$server.$scenario.scram" "$@"
}

chat() { # SERVER LABEL
    run_load chat "$1" tls "$2" --users "$users" --rate "$rate" --concurrency 16 --seconds 300 --grace 20 --led
}

storm() { # SERVER LABEL
    run_load login "$1" tls "$2" --first "$users" --users "$logins" --count "$logins" --seconds 300 --grace 60 \
        --mechanism "$mechanism" --concurrency "$concurrency"
}

# with_chat SERVER LABEL COMMAND…: the chat is measured for as long as the command runs.
with_chat() {
    local server=$1 label=$2 said status=0 began
    shift 2
    # `wait -n` could not tell it from the servers, which are children, too.
    coproc CHAT { chat "$server" "$label"; }
    local chat_pid=$CHAT_PID from=${CHAT[0]} to=${CHAT[1]}
    exec {hear}<&"$from" {lead}>&"$to" {from}<&- {to}>&-
    read -r said <&"$hear" || true
    if [ "$said" = measuring ]; then
        began=$(date +%s%N)
        "$@" || status=1
        lasted=$(awk "BEGIN { print ($(date +%s%N) - $began) / 1e9 }")
    else
        echo "$said"
        status=1
    fi
    exec {lead}>&-
    cat <&"$hear"
    exec {hear}<&-
    wait "$chat_pid" || status=1
    [ $status = 0 ] || failed=$((failed + 1))
}

servers=$(available_of "$only")
# shellcheck disable=SC2086
configure $servers
passed=0 failed=0
for server in $servers; do
    start "$server"
    run_load register "$server" plain register --users $((users + logins)) --seconds 600 --concurrency 16
    # The storm's clients know their keys afterwards, as clients do, and the server its accounts.
    storm "$server" first > /dev/null || failed=$((failed + 1))
done
for ((pair = 1; pair <= pairs && failed == 0; pair++)); do
    for server in $servers; do
        echo "== pair $pair of $pairs, $server, without a storm"
        with_chat "$server" quiet sleep "$lasted"
        echo "== pair $pair of $pairs, $server, with a storm"
        with_chat "$server" stormy storm "$server" storm
        passed=$((passed + (failed == 0)))
    done
done
stop_all

echo
python3 "$here/storm_table.py" "$json"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
