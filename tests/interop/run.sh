#!/bin/sh
# Real clients over real sockets and TLS against a server started for the occasion.
#   tests/interop/run.sh [--server nuncio|prosody] [--build build/release] [TEST...]
# The system's python3 is named on purpose: slixmpp is a distribution package, which another
# interpreter in front of PATH would not find.
exec /usr/bin/python3 -B "$(dirname "$0")/runner.py" "$@"
