# The bare relay: one process per port, so that each has its own accounts.

configure_floor() {
    local dir=$1 port=$2 tls="--certificate $certificate --key $private_key"
    write_floor_start "$dir/start-plain" "--port $port"
    write_floor_start "$dir/start-tls" "--port $((port + 1)) $tls"
    write_floor_start "$dir/start-sink" "--port $((port + 2)) --role sink $tls"
}

write_floor_start() {
    printf '#!/bin/sh\nulimit -n "$(ulimit -H -n)"\nexec $NUNCIO_BENCH_WRAP "%s/nuncio-floor" %s\n' "$bin" "$2" > "$1"
    chmod +x "$1"
}
