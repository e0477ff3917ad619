#!/bin/bash
# Runs the same load against nuncio, Prosody, ejabberd and the bare relay, and prints the ratios.
# See README.md beside this file.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)

usage() {
    cat <<EOF
Usage: compare.sh [--only nuncio,prosody,ejabberd,floor] [--quick] [--rows ROW,…] [--build DIR]
                  [--port N] [--json FILE] [--keep]

  --only LIST   only these servers (default: all that are installed or built)
  --quick       one short round, fewer accounts: under 5 minutes (default: under 25)
  --rows LIST   only these rows: startup, idle, chat, chat-many, window, latency, ping, presence, login
  --build DIR   where bin/nunciod and bin/nuncio-load are (default: build/release)
  --port N      first of 40 ports on loopback (default: 25300)
  --json FILE   where the results go (default: build/compare.json in the build folder)
  --keep        keep the servers' folders (logs, configuration) and say where
EOF
}

only=nuncio,prosody,ejabberd,floor
rows=startup,idle,chat,chat-many,window,latency,ping,presence,login
quick=no keep=no build=$root/build/release port=25300 json=
while [ $# -gt 0 ]; do
    case $1 in
        --only) only=$2; shift 2 ;;
        --rows) rows=$2; shift 2 ;;
        --quick) quick=yes; shift ;;
        --build) build=$2; shift 2 ;;
        --port) port=$2; shift 2 ;;
        --json) json=$2; shift 2 ;;
        --keep) keep=yes; shift ;;
        --help|-h) usage; exit 0 ;;
        *) usage >&2; exit 2 ;;
    esac
done

if [ $quick = yes ]; then
    rounds=1 many=400 warm_up=0.5 seconds=1.5 latency_seconds=4 logins=300 members=60 limit=240 run_limit=60
else
    rounds=3 many=2000 warm_up=1 seconds=4 latency_seconds=10 logins=1000 members=200 limit=1300 run_limit=200
fi
users=200

# shellcheck source=servers/all.sh
. "$here/servers/all.sh"

load=$bin/nuncio-load
json=${json:-$build/compare.json}
results=$work/results.jsonl
: > "$results"

has_row() { is_listed "$1" "$rows"; }

# measure ROW SERVER SCENARIO ARGUMENT…: one run of nuncio-load; a failed one is told and recorded.
measure() {
    local row=$1 server=$2 scenario=$3
    shift 3
    if [ $SECONDS -gt $limit ]; then
        echo "-- $row, $server: no time left, left out"
        return
    fi
    echo "-- $row, $server"
    timeout $run_limit "$load" "$scenario" --label "$row/$server" --json "$results" "$@" \
        || { echo "   $row, $server: FAILED ($?)"; echo "$row/$server" >> "$work/failed"; }
}

# xmpp ROW SERVER SCENARIO TRANSPORT ARGUMENT…: the same with the options that every session needs.
xmpp() {
    local row=$1 server=$2 scenario=$3 transport=$4
    shift 4
    measure "$row" "$server" "$scenario" --transport "$transport" \
        --port "$(port_of "$server" "$transport")" --pid "$(pid_of "$server" "$transport")" \
        --concurrency 16 --scram-cache "$work/$server.scram" "$@"
}

chat_row() { # ROW TRANSPORT ARGUMENT…
    local row=$1 transport=$2 server scenario
    shift 2
    for server in $servers; do
        scenario=chat
        [ "$server" != floor ] || scenario=relay
        xmpp "$row" "$server" $scenario "$transport" --warm-up $warm_up "$@"
    done
}

ping_row() { # ROW TRANSPORT
    local server
    for server in $servers; do
        [ "$server" != floor ] || continue
        xmpp "$1" "$server" ping "$2" --users $users --seconds $seconds --warm-up $warm_up
    done
}

presence_row() {
    local server
    for server in $servers; do
        [ "$server" != floor ] || continue
        xmpp presence "$server" presence plain --prefix p --users $members --seconds $seconds \
            --warm-up $warm_up
    done
}

login_row() {
    local server
    for server in $servers; do
        if [ "$server" = floor ]; then
            measure login floor handshake --transport tls --port "$(port_of floor sink)" \
                --pid "$(pid_of floor sink)" --concurrency 16 --count $((logins * 4)) --seconds 30
        else
            xmpp login "$server" login tls --users $users --count $logins --seconds 30
        fi
    done
}

startup_rows() {
    local server round
    for round in 1 2 3; do
        for server in $servers; do
            [ "$server" != floor ] || continue
            measure startup "$server" startup --port "$(port_of "$server" plain)" --hold 1 -- \
                "$work/$server/start"
        done
    done
}

# Growth over logins in a server that has just started and knows the accounts.
idle_rows() {
    local server transport raw
    for transport in plain tls; do
        for server in $servers; do
            raw=
            [ "$server" != floor ] || raw=--raw
            stop "$server"
            start "$server"
            xmpp "idle-$transport" "$server" idle $transport --users $many --hold 1 $raw
        done
    done
}

make_accounts() {
    local server
    for server in $servers; do
        [ "$server" != floor ] || continue
        xmpp register "$server" register plain --users $many --seconds 120
        xmpp register "$server" register plain --prefix p --users $members --seconds 120
    done
}

round() {
    if has_row chat; then
        chat_row chat-plain plain --users $users --seconds $seconds
        chat_row chat-tls tls --users $users --seconds $seconds
    fi
    if has_row window; then
        chat_row window-tls tls --users $users --seconds $seconds --window 8
    fi
    if has_row latency; then
        chat_row latency-tls tls --users $users --seconds $latency_seconds --rate 500
    fi
    if has_row ping; then
        ping_row ping-plain plain
        ping_row ping-tls tls
    fi
    if has_row presence; then presence_row; fi
    if has_row login; then login_row; fi
}

servers=$(available_of "$only")
echo "servers: $servers; folder: $work"
# shellcheck disable=SC2086
configure $servers

if has_row startup; then startup_rows; fi
for server in $servers; do start "$server"; done
make_accounts
if has_row idle; then idle_rows; fi
for ((number = 1; number <= rounds; number++)); do
    echo "== round $number of $rounds, $SECONDS s so far"
    round
    if [ $number = 1 ] && has_row chat-many; then
        chat_row many-plain plain --users $many --seconds $seconds
        chat_row many-tls tls --users $many --seconds $seconds
    fi
done
stop_all

echo
python3 "$here/table.py" "$results" --json "$json" --many $many
echo "results: $json; $SECONDS s in all"
if [ -s "$work/failed" ]; then
    echo "FAILED runs: $(sort "$work/failed" | uniq -c | tr -s ' ' | tr '\n' ';')"
    exit 1
fi
