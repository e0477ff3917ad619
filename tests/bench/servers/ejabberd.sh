# ejabberd as Debian configures it, without shapers and counters, with in-band registration, on
# loopback. The backlog of 5 that listeners have by default would make every burst of connections
# wait a second for TCP to try again. Writes $1/start, which runs it in the foreground: client port $2 (STARTTLS), $2 + 1
# direct TLS.

configure_ejabberd() {
    local dir=$1 port=$2
    mkdir -p "$dir/mnesia" "$dir/log"
    cat "$certificate" "$private_key" > "$dir/server.pem"
    printf '{lookup,["file","native"]}.\n{host,{127,0,0,1},["localhost"]}.\n' > "$dir/inetrc"
    cat > "$dir/ejabberd.yml" <<EOF
loglevel: info
log_rotate_count: 0
hosts:
  - localhost
certfiles:
  - "$dir/server.pem"
define_macro:
  'TLS_CIPHERS': "HIGH:!aNULL:!eNULL:!3DES:@STRENGTH"
  'TLS_OPTIONS':
    - "no_sslv3"
    - "no_tlsv1"
    - "no_tlsv1_1"
    - "cipher_server_preference"
    - "no_compression"
c2s_ciphers: 'TLS_CIPHERS'
s2s_ciphers: 'TLS_CIPHERS'
c2s_protocol_options: 'TLS_OPTIONS'
s2s_protocol_options: 'TLS_OPTIONS'
listen:
  - port: $port
    ip: "127.0.0.1"
    module: ejabberd_c2s
    max_stanza_size: 262144
    access: c2s
    backlog: 128
    starttls: true
    protocol_options: 'TLS_OPTIONS'
  - port: $((port + 1))
    ip: "127.0.0.1"
    module: ejabberd_c2s
    max_stanza_size: 262144
    access: c2s
    backlog: 128
    tls: true
    protocol_options: 'TLS_OPTIONS'
  - port: $((port + 2))
    ip: "127.0.0.1"
    module: ejabberd_s2s_in
    max_stanza_size: 524288
  - port: $((port + 3))
    ip: "127.0.0.1"
    module: ejabberd_http
    tls: true
    protocol_options: 'TLS_OPTIONS'
    request_handlers:
      /api: mod_http_api
      /bosh: mod_bosh
      /ws: ejabberd_http_ws
      /admin: ejabberd_web_admin
  - port: $((port + 4))
    ip: "127.0.0.1"
    module: mod_mqtt
    backlog: 1000
  - port: $((port + 5))
    ip: "127.0.0.1"
    transport: udp
    module: ejabberd_stun
    use_turn: false
disable_sasl_mechanisms:
  - "digest-md5"
  - "X-OAUTH2"
s2s_use_starttls: required
auth_password_format: scram
registration_timeout: infinity
acl:
  local:
    user_regexp: ""
  loopback:
    ip:
      - 127.0.0.0/8
access_rules:
  local:
    allow: local
  c2s:
    deny: blocked
    allow: all
  announce:
    deny: all
  configure:
    deny: all
  muc_create:
    allow: local
  pubsub_createnode:
    allow: local
shaper_rules:
  max_user_sessions: 10
  max_user_offline_messages: 100
modules:
  mod_adhoc: {}
  mod_admin_extra: {}
  mod_announce:
    access: announce
  mod_avatar: {}
  mod_blocking: {}
  mod_bosh: {}
  mod_caps: {}
  mod_carboncopy: {}
  mod_client_state: {}
  mod_configure: {}
  mod_disco: {}
  mod_fail2ban: {}
  mod_http_api: {}
  mod_last: {}
  mod_mqtt: {}
  mod_muc:
    access:
      - allow
    access_create: muc_create
    access_persistent: muc_create
    access_mam:
      - allow
    default_room_options:
      mam: true
  mod_muc_admin: {}
  mod_offline:
    access_max_user_messages: max_user_offline_messages
  mod_ping: {}
  mod_privacy: {}
  mod_private: {}
  mod_pubsub:
    access_createnode: pubsub_createnode
    plugins:
      - flat
      - pep
    force_node_config:
      "eu.siacs.conversations.axolotl.*":
        access_model: open
      storage:bookmarks:
        access_model: whitelist
  mod_push: {}
  mod_push_keepalive: {}
  mod_register:
    access: all
    ip_access: all
  mod_roster:
    versioning: true
  mod_s2s_dialback: {}
  mod_shared_roster: {}
  mod_sic: {}
  mod_stream_mgmt:
    resend_on_timeout: if_offline
  mod_stun_disco: {}
  mod_vcard:
    search: false
  mod_vcard_xupdate: {}
  mod_version: {}
EOF
    # What ejabberdctl does for "foreground", with a private port instead of the epmd daemon.
    cat > "$dir/start" <<EOF
#!/bin/sh
export HOME="$dir"
export ERL_LIBS=$(dirname "$(echo /usr/lib/*/ejabberd-[0-9]*[0-9] | cut -d' ' -f1)")
export ERL_MAX_PORTS=32000 ERL_MAX_ETS_TABLES=1400 ERL_CRASH_DUMP_BYTES=0
export ERL_INETRC="$dir/inetrc"
export EJABBERD_CONFIG_PATH="$dir/ejabberd.yml"
export EJABBERD_LOG_PATH="$dir/log/ejabberd.log"
export CONTRIB_MODULES_PATH="$dir/modules" CONTRIB_MODULES_CONF_DIR="$dir/modules"
cd "$dir/mnesia"
exec \$NUNCIO_BENCH_WRAP /usr/bin/erl -sname ejabberd@localhost -erl_epmd_port $((port + 6)) -start_epmd false \\
    -kernel inet_dist_use_interface '{127,0,0,1}' -setcookie bench +K true +P 250000 -noinput \\
    -mnesia dir '"$dir/mnesia"' -ejabberd log_rotate_count 0 -s ejabberd \\
    > "$dir/output" 2>&1
EOF
    chmod +x "$dir/start"
}
