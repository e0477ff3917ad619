#!/bin/bash
# What one chat message costs a server: instructions, heap allocations, system calls, mailbox hops.
# Two loads of different length are run and subtracted, so that logins and start cancel.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)

usage() {
    cat <<EOF
Usage: cost.sh [--server nuncio|prosody|floor] [--transport plain|tls] [--scenario chat|ping|login|handshake]
               [--only allocations,syscalls,instructions,hops] [--users N] [--build DIR] [--port N]
               [--json FILE] [--keep]

  --scenario   chat: per delivered message; ping: per ping and answer; login, handshake: per session that comes and goes
  --users      of them, half write at a time (default: 20)
  --json FILE  where the figures go (default: cost.json in the build folder)
  --keep       keep the folder with callgrind's output (read it with callgrind_annotate)
EOF
}

server=nuncio transport=plain scenario=chat users=20 keep=no build=$root/build/release port=25300 json=
only=allocations,syscalls,instructions,hops
while [ $# -gt 0 ]; do
    case $1 in
        --server) server=$2; shift 2 ;;
        --transport) transport=$2; shift 2 ;;
        --scenario) scenario=$2; shift 2 ;;
        --only) only=$2; shift 2 ;;
        --users) users=$2; shift 2 ;;
        --build) build=$2; shift 2 ;;
        --port) port=$2; shift 2 ;;
        --json) json=$2; shift 2 ;;
        --keep) keep=yes; shift ;;
        --help|-h) usage; exit 0 ;;
        *) usage >&2; exit 2 ;;
    esac
done

floor_parts=$transport # The floor has a process per port; only one is counted.
# shellcheck source=servers/all.sh
. "$here/servers/all.sh"

lib=$(cd "$build/lib" && pwd)
json=${json:-$build/cost.json}
figures=$work/figures.txt
: > "$figures"

wants() { is_listed "$1" "$only"; }

# load COUNT: runs one, and sets `units` to what was delivered in it, all in all.
load() {
    local name=$scenario result=$work/result.json how
    [ "$server" != floor ] || name=relay
    case $name in
        login | handshake) how="--concurrency 2" ;;
        *) how="--warm-up 0 --setup-seconds 180" ;;
    esac
    rm -f "$result"
    # shellcheck disable=SC2086 # several words
    timeout 500 "$bin/nuncio-load" "$name" --transport "$transport" --users "$users" \
        --port "$(port_of "$server" "$transport")" --scram-cache "$work/scram" --json "$result" \
        --seconds 300 --count "$1" --grace 60 $how > "$work/load.log" 2>&1 \
        || { cat "$work/load.log" >&2; echo "the load failed" >&2; exit 1; }
    units=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["units_in_all"])' "$result")
}

# under WRAP…: starts the server under a tool.
under() {
    NUNCIO_BENCH_WRAP="$*" start "$server"
}

per_unit() { # NAME WHAT DIFFERENCE UNITS
    awk -v name="$1" -v what="$2" -v total="$3" -v units="$4" \
        'BEGIN { printf "%s\t%s\t%.3f\n", name, what, total / units }' >> "$figures"
}

allocations() {
    local counts=$work/allocations short long short_units long_units
    echo "-- heap allocations"
    under env LD_PRELOAD="$lib/nuncio-alloc-count.so" NUNCIO_ALLOC_COUNT="$counts"
    load 100 # What grows with the first messages stays out of it.
    local before middle after
    before=$(read_counts "$counts"); load 2000; short_units=$units
    middle=$(read_counts "$counts"); load 12000; long_units=$units
    after=$(read_counts "$counts")
    stop "$server"
    local names=(allocations "bytes allocated" frees) field
    for field in 1 2 3; do
        short=$(($(cut -d' ' -f$field <<< "$middle") - $(cut -d' ' -f$field <<< "$before")))
        long=$(($(cut -d' ' -f$field <<< "$after") - $(cut -d' ' -f$field <<< "$middle")))
        per_unit heap "${names[field - 1]}" $((long - short)) $((long_units - short_units))
    done
}

read_counts() { od -An -t u8 -w24 "$1" | tr -s ' ' | sed 's/^ //'; }

# One server run per length: strace says what it has counted when the server has ended.
syscalls() {
    local length short_units
    echo "-- system calls"
    for length in 2000 12000; do
        under strace -D -f -c -U name,calls -o "$work/strace.$length"
        load $length
        [ $length != 2000 ] || short_units=$units
        stop "$server"
        wait_for_file "$work/strace.$length"
    done
    awk -v units=$((units - short_units)) '
        NF == 2 && $2 ~ /^[0-9]+$/ {
            if (FNR == NR) short[$1] = $2; else long[$1] = $2
        }
        END {
            for (name in long) {
                each = (long[name] - short[name]) / units
                if (name == "total") printf "syscalls\tall\t%.3f\n", each
                else if (each >= 0.005) printf "syscalls\t%s\t%.3f\n", name, each
            }
        }' "$work/strace.2000" "$work/strace.12000" | sort -t"$(printf '\t')" -k3,3nr >> "$figures"
}

wait_for_file() {
    local i
    for ((i = 0; i < 200; i++)); do
        [ ! -s "$1" ] || return 0
        sleep 0.05
    done
    echo "strace has written nothing" >&2
    exit 1
}

instructions() {
    local length short_units out total short
    echo "-- instructions (this takes a minute)"
    for length in 1000 4000; do
        out=$work/callgrind.$length
        under valgrind -q --tool=callgrind --callgrind-out-file="$out.%p"
        load $length
        stop "$server"
        total=$(awk '/^(summary|totals):/ { if ($2 > most) most = $2 } END { printf "%.0f", most }' "$out".*)
        if [ $length = 1000 ]; then short_units=$units short=$total; fi
    done
    per_unit CPU instructions $((total - short)) $((units - short_units))
}

# nuncio counts what crosses from loop to loop.
hops() {
    local before middle after short_units
    [ "$server" = nuncio ] || return 0
    echo "-- mailbox hops"
    start nuncio
    before=$(nuncio_hops); load 2000; short_units=$units
    middle=$(nuncio_hops); load 12000
    after=$(nuncio_hops)
    stop nuncio
    if [ -z "$before" ]; then
        echo "   nuncioctl status --json has no counter of them" >&2
        return 0
    fi
    per_unit loops "mailbox hops" $(((after - middle) - (middle - before))) $((units - short_units))
}

configure "$server"
if [ "$server" != floor ]; then
    start "$server"
    "$bin/nuncio-load" register --transport plain --port "$(port_of "$server" plain)" --users "$users" \
        --seconds 60 > "$work/register.log" || { cat "$work/register.log"; exit 1; }
    stop "$server"
fi
if wants allocations; then allocations; fi
if wants syscalls; then syscalls; fi
if wants instructions; then instructions; fi
if wants hops; then hops; fi

echo
echo "$server, $scenario, $transport, $users users: for each message or ping"
awk -F'\t' '{ printf "  %-10s %-18s %12.2f\n", $1, $2, $3 }' "$figures"
python3 - "$figures" "$json" "$server" "$scenario" "$transport" <<'EOF'
import json
import sys
figures, path, server, scenario, transport = sys.argv[1:]
rows = [line.rstrip("\n").split("\t") for line in open(figures)]
json.dump({"server": server, "scenario": scenario, "transport": transport,
           "each": [{"kind": kind, "what": what, "number": float(number)} for kind, what, number in rows]},
          open(path, "w"), indent=1)
EOF
