# Prosody as Debian configures it, without rate limits, with in-band registration, on loopback.
# Writes $1/start, which runs it in the foreground: client port $2 (STARTTLS), $2 + 1 direct TLS.

configure_prosody() {
    local dir=$1 port=$2
    mkdir -p "$dir/data"
    cat > "$dir/prosody.cfg.lua" <<EOF
pidfile = "$dir/prosody.pid"
data_path = "$dir/data"
run_as_root = true
admins = { }
modules_enabled = {
    "disco"; "roster"; "saslauth"; "tls"; "blocklist"; "bookmarks"; "carbons"; "dialback"; "limits";
    "pep"; "private"; "smacks"; "vcard4"; "vcard_legacy"; "csi_simple"; "invites"; "invites_adhoc";
    "invites_register"; "ping"; "register"; "time"; "uptime"; "version"; "admin_adhoc";
    "admin_shell"; "posix";
}
modules_disabled = { }
interfaces = { "127.0.0.1" }
local_interfaces = { "127.0.0.1" }
c2s_ports = { $port }
c2s_direct_tls_ports = { $((port + 1)) }
s2s_ports = { $((port + 2)) }
s2s_secure_auth = true
allow_registration = true
registration_invite_only = false
c2s_require_encryption = false
authentication = "internal_hashed"
log = { info = "$dir/prosody.log" }
ssl = { certificate = "$certificate"; key = "$private_key" }
VirtualHost "localhost"
EOF
    cat > "$dir/start" <<EOF
#!/bin/sh
exec \$NUNCIO_BENCH_WRAP /usr/bin/lua5.4 /usr/bin/prosody -F --config "$dir/prosody.cfg.lua" > "$dir/output" 2>&1
EOF
    chmod +x "$dir/start"
}
