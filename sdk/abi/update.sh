#!/bin/sh
# Makes the baselines of the SDK's interfaces anew: sdk/abi/LIBRARY.abi.gz. See check.sh.
#
#   sdk/abi/update.sh [LIBRARY…]     all of them without a name
set -eu
cd "$(dirname "$0")/../.."
. sdk/abi/describe.sh
build_described
[ $# -gt 0 ] || set -- $libraries
for library in "$@"; do
    describe "$library"
    gzip -n -9 < "build/abi/$library.abi" > "sdk/abi/$library.abi.gz"
done
git --no-pager diff --stat -- sdk/abi
