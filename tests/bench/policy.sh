#!/bin/bash
# What a policy in Lua costs on every message, and what policies that misbehave cost everybody else.
# One server after the other with the same load: without the plugin, with a policy, with one that loops,
# hoards memory, matches for ever or raises errors.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)

usage() {
    cat << EOF
Usage: policy.sh [--users N] [--rate N] [--seconds N] [--rounds N] [--build DIR] [--port N] [--only NAME,…]

  --users    who chat (default: 500)
  --rate     messages in a second, all in all (default: 500); 0: as many as they can, which is what to take
             for the cost of a policy, as CPU is counted in steps of 10 ms
  --rounds   how often each is measured (default: 3); medians are shown
  --only     some of: without, idle, each, loop, memory, pattern, errors
EOF
}

users=500 rate=500 seconds=10 rounds=3 build=$root/build/release port=25340
only=without,idle,each,loop,memory,pattern,errors
while [ $# -gt 0 ]; do
    case $1 in
        --users) users=$2; shift 2 ;;
        --rate) rate=$2; shift 2 ;;
        --seconds) seconds=$2; shift 2 ;;
        --rounds) rounds=$2; shift 2 ;;
        --build) build=$2; shift 2 ;;
        --port) port=$2; shift 2 ;;
        --only) only=$2; shift 2 ;;
        --help | -h) usage; exit 0 ;;
        *) usage >&2; exit 2 ;;
    esac
done

open_loop=
[ "$rate" -eq 0 ] || open_loop="--rate $rate"
bin=$(cd "$build/bin" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/nuncio-policy.XXXXXX")
# shellcheck source=servers/all.sh
. "$here/servers/all.sh"

clean_up() {
    stop_all
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

make_certificate
mkdir -p "$work/nuncio"

# configure NAME: a server with that policy, or none.
configure() {
    local scripts=
    case $1 in
        without) NUNCIO_BENCH_TOML= ;;
        *)
            [ "$1" = idle ] || scripts="\"$1\""
            NUNCIO_BENCH_TOML="[plugins.lua]
folder = \"$here/policies\"
scripts = [$scripts]
failures = 1000000
log_lines = 1"
            ;;
    esac
    configure_nuncio "$work/nuncio" "$port"
}

measure() { # NAME ROUND
    configure "$1"
    start nuncio
    # shellcheck disable=SC2086 # two words, or none
    "$bin/nuncio-load" chat --transport plain --port "$port" --users "$users" $open_loop \
        --seconds "$seconds" --warm-up 1 --scram-cache "$work/scram" --pid "${pids[nuncio]}" \
        --json "$work/$1.$2.json" > "$work/load.log" 2>&1 || { cat "$work/load.log" >&2; echo "$1: the load failed" >&2; exit 1; }
    stop nuncio
}

configure without
start nuncio
"$bin/nuncio-load" register --transport plain --port "$port" --users "$users" --seconds 60 > "$work/register.log" ||
    { cat "$work/register.log"; exit 1; }
stop nuncio
for ((round = 1; round <= rounds; round++)); do
    for name in ${only//,/ }; do measure "$name" "$round"; done
done

python3 - "$work" "$rounds" "${only//,/ }" << 'EOF'
import json
import statistics
import sys

folder, rounds, names = sys.argv[1], int(sys.argv[2]), sys.argv[3].split()
print(f"{'policy':10} {'cpu us/message':>15} {'p50 ms':>9} {'p99 ms':>9} {'max ms':>9}")
for name in names:
    runs = [json.load(open(f"{folder}/{name}.{i}.json")) for i in range(1, rounds + 1)]
    def median(pick):
        return statistics.median(pick(run) for run in runs)
    print(f"{name:10} {median(lambda r: r['server_cpu_us']):15.2f} {median(lambda r: r['latency_us']['p50']) / 1000:9.3f} "
          f"{median(lambda r: r['latency_us']['p99']) / 1000:9.3f} {median(lambda r: r['latency_us']['max']) / 1000:9.3f}")
EOF
