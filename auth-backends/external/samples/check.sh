#!/bin/sh
# An auth script: knows the accounts in a file of lines USER:PASSWORD.
# usage: check.sh FILE
# A shell starts several programs for each request: good for a small site, or to try something out.
LC_ALL=C
export LC_ALL

password_of() { # password_of USER: prints it; fails when there is no such user
    while IFS= read -r line; do
        case $line in
            '#'*) ;;
            "$1":*) printf '%s' "${line#*:}" && return 0 ;;
        esac
    done < "$accounts"
    return 1
}

answer() { # answer REQUEST
    operation=${1%%:*}
    rest=${1#*:}
    user=${rest%%:*}
    rest=${rest#*:}
    [ -n "$user" ] || return 1
    case $operation in
        # Everything behind the third colon is the password, colons and all.
        auth) expected=$(password_of "$user" && echo .) && [ "$expected" = "${rest#*:}." ] ;;
        isuser) password_of "$user" > /dev/null ;;
        *) return 1 ;;
    esac
}

accounts=$1
while :; do
    # shellcheck disable=SC2046 # two numbers
    set -- $(dd bs=1 count=2 2> /dev/null | od -An -tu1)
    [ $# -eq 2 ] || exit 0 # the server has gone
    # The dot keeps line feeds at the end, which $(…) would drop.
    request=$(dd bs=1 count=$(($1 * 256 + $2)) 2> /dev/null && echo .)
    if answer "${request%.}"; then
        printf '\000\002\000\001'
    else
        printf '\000\002\000\000'
    fi
done
