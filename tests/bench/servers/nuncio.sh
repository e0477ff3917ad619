# nuncio with every plugin of the build that a stock client meets, registration on, on loopback.
# Writes $1/start, which runs it in the foreground: client port $2 (STARTTLS), $2 + 1 direct TLS.

nuncio_plugins="storage-sqlite roster presence offline disco register ping version time last private vcard accounts"

configure_nuncio() {
    local dir=$1 port=$2 name
    mkdir -p "$dir/conf.d" "$dir/data"
    cat > "$dir/conf.d/bench.toml" <<EOF
[server]
data_dir = "$dir/data"
runtime_dir = "$dir/run"
plugin_path = ["$bin/../plugins"]

[limits]
connections_per_address = 19000
connections = 19000

[log]
level = "info"
target = "file"
file = "$dir/nuncio.log"

[[listen]]
kind = "c2s"
addresses = ["127.0.0.1"]
port = $port
tls = "starttls"

[[listen]]
kind = "c2s"
addresses = ["127.0.0.1"]
port = $((port + 1))
tls = "direct"

[hosts."localhost"]
certificate = "$certificate"
key = "$private_key"
auth = ["internal"]
require_encryption = false
EOF
    for name in $nuncio_plugins; do
        if [ -e "$bin/../plugins/$name.so" ]; then
            printf '\n[plugins.%s]\n' "$name" >> "$dir/conf.d/bench.toml"
            if [ "$name" = register ]; then
                printf 'open = true\nallow_unencrypted = true\nexempt_loopback = true\n' \
                    >> "$dir/conf.d/bench.toml"
            fi
        else
            echo "nuncio has no plugin $name in this build: measured without" >&2
        fi
    done
    # What a measurement wants beside, in TOML (policy.sh).
    printf '%s\n' "${NUNCIO_BENCH_TOML:-}" >> "$dir/conf.d/bench.toml"
    cat > "$dir/start" <<EOF
#!/bin/sh
ulimit -n "\$(ulimit -H -n)"
exec \$NUNCIO_BENCH_WRAP "$bin/nunciod" --config "$dir/conf.d" > "$dir/output" 2>&1
EOF
    chmod +x "$dir/start"
}

# Stanzas that crossed from one loop to another since the start, or nothing if it is not counted.
nuncio_hops() {
    "$bin/nuncioctl" --socket "$work/nuncio/run/nuncioctl.sock" status --json 2> /dev/null \
        | python3 -c 'import json, sys; print(json.load(sys.stdin).get("mailbox_hops", ""))' \
            2> /dev/null || true
}
