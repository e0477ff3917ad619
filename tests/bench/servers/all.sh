# Starting and stopping the servers under test. Wants: $here, $build, $port, $keep. Sets: $bin, $work, a folder
# that goes at the end, and with it the servers, unless $keep is "yes".
# A server is three functions or facts: configure_NAME DIR PORT writes DIR/start; below, whether it is
# available and where it listens. A tool to run it under comes from the environment, NUNCIO_BENCH_WRAP. A fourth server needs a file here and a line in available_of.

bin=$(cd "$build/bin" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/nuncio-bench.XXXXXX")

for file in prosody ejabberd nuncio floor; do
    # shellcheck disable=SC1090
    . "$here/servers/$file.sh"
done

certificate=$work/certificate.pem
private_key=$work/key.pem
declare -A pids=()

clean_up() {
    stop_all
    if [ "$keep" = yes ]; then echo "kept: $work"; else rm -rf "$work"; fi
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# is_listed WORD LIST: whether a comma-separated list has the word.
is_listed() { case ,$2, in *,$1,*) true ;; *) false ;; esac; }

# configure SERVER…: makes $work/SERVER/start for each, and the certificate that they share.
configure() {
    local server
    make_certificate
    for server in "$@"; do
        mkdir -p "$work/$server"
        "configure_$server" "$work/$server" "$(port_of "$server" plain)"
    done
}

make_certificate() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 \
        -keyout "$private_key" -out "$certificate" -subj /CN=localhost \
        -addext subjectAltName=DNS:localhost 2> /dev/null
}

# The servers of a comma-separated list that this machine can run.
available_of() {
    local name
    for name in ${1//,/ }; do
        case $name in
            nuncio) [ -x "$bin/nunciod" ] || { echo "no $bin/nunciod: left out" >&2; continue; } ;;
            prosody) [ -x /usr/bin/prosody ] || { echo "prosody is not installed" >&2; continue; } ;;
            ejabberd) [ -x /usr/sbin/ejabberdctl ] || { echo "ejabberd is not installed" >&2; continue; } ;;
            floor) ;;
            *) echo "no such server: $name" >&2; exit 2 ;;
        esac
        echo -n "$name "
    done
}

# Ten ports each: +0 plain and STARTTLS, +1 direct TLS, the floor's sink at +2.
port_of() {
    local base
    case $1 in
        nuncio) base=$port ;;
        prosody) base=$((port + 10)) ;;
        ejabberd) base=$((port + 20)) ;;
        floor) base=$((port + 30)) ;;
    esac
    case $2 in
        plain | starttls) echo $base ;;
        tls) echo $((base + 1)) ;;
        sink) echo $((base + 2)) ;;
    esac
}

# The floor is a process per port, the others are one.
pid_of() {
    case $1 in
        floor) echo "${pids[floor-$2]}" ;;
        *) echo "${pids[$1]}" ;;
    esac
}

start() {
    local name=$1 part
    if [ "$name" = floor ]; then
        for part in ${floor_parts:-plain tls sink}; do
            "$work/floor/start-$part" &
            pids[floor-$part]=$!
            wait_for "$(port_of floor $part)" $!
        done
        return
    fi
    "$work/$name/start" &
    pids[$name]=$!
    wait_for "$(port_of "$name" plain)" $!
    wait_for "$(port_of "$name" tls)" $!
}

wait_for() { # PORT PID
    local i
    for ((i = 0; i < 600; i++)); do
        if (exec 3<> "/dev/tcp/127.0.0.1/$1") 2> /dev/null; then return; fi
        kill -0 "$2" 2> /dev/null || break
        sleep 0.05
    done
    echo "nothing listens on port $1; see $work" >&2
    keep=yes
    exit 2
}

# SIGTERM by pid, SIGKILL ten seconds later.
stop() {
    local key i
    for key in "${!pids[@]}"; do
        [ "${key%%-*}" = "$1" ] || continue
        kill "${pids[$key]}" 2> /dev/null || true
        for ((i = 0; i < 200; i++)); do
            kill -0 "${pids[$key]}" 2> /dev/null || break
            sleep 0.05
        done
        kill -9 "${pids[$key]}" 2> /dev/null || true
        wait "${pids[$key]}" 2> /dev/null || true
        unset "pids[$key]"
    done
}

stop_all() {
    local key
    for key in "${!pids[@]}"; do stop "${key%%-*}"; done
}
