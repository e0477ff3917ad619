# Packages of the distribution that nuncio needs: one place for each package manager.
# Sourced by packaging/run.sh and tests/run.sh:   install_packages build|tests

# What building and running takes; doctest, because the preset `release` has the tests in it.
apt_build="g++ cmake ninja-build pkg-config openssl ca-certificates
    libuv1-dev libssl-dev libxerces-c-dev libidn2-dev libunistring-dev libsqlite3-dev libsystemd-dev liblua5.4-dev
    libpam0g-dev libldap-dev libcurl4-openssl-dev
    libpq-dev libmariadb-dev unixodbc-dev libcrypt-dev
    libboost-dev libboost-filesystem-dev libboost-system-dev libtomlplusplus-dev libcli11-dev nlohmann-json3-dev doctest-dev"
# And what the tests take beyond that: clang for the fuzzers, clients that talk to the server.
apt_tests="clang-14 clang-format-14 libclang-rt-14-dev libexpat1-dev git man-db abigail-tools
    python3 python3-slixmpp python3-nbxmpp libstrophe-dev go-sendxmpp profanity mcabber tmux zsh fish
    lua5.4 libpam-wrapper libpam-modules slapd python3-jwt python3-cryptography
    fail2ban python3-systemd systemd-journal-remote
    postgresql mariadb-server-core mariadb-client-core odbc-postgresql odbc-mariadb libsqliteodbc"

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

apt_missing() {
    for package in "$@"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2> /dev/null)" = installed ] || printf ' %s' "$package"
    done
}

install_packages() {
    local wanted missing
    if ! command -v apt-get > /dev/null; then
        echo "this system has no apt-get; install what packaging/dependencies.sh lists, then use --no-install" >&2
        return 1
    fi
    wanted=$apt_build
    [ "$1" = tests ] && wanted="$wanted $apt_tests"
    # shellcheck disable=SC2086 # lists of words
    missing=$(apt_missing $wanted)
    [ -z "$missing" ] && return 0
    if [ "$(id -u)" -ne 0 ] && ! command -v sudo > /dev/null; then
        echo "packages are missing, and installing them takes root or sudo; as root, run:" >&2
        echo "    apt-get update && apt-get install --no-install-recommends$missing" >&2
        return 1
    fi
    echo "installing:$missing"
    as_root apt-get update -q=2
    # shellcheck disable=SC2086
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q=2 --no-install-recommends $missing
}
