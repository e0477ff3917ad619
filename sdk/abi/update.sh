#!/bin/sh
# Makes the baseline of libnuncio's interface anew: sdk/abi/libnuncio.abi.gz. See check.sh.
set -eu
cd "$(dirname "$0")/../.."
. sdk/abi/describe.sh
describe build/abi/libnuncio.abi
gzip -n -9 < build/abi/libnuncio.abi > sdk/abi/libnuncio.abi.gz
git --no-pager diff --stat -- sdk/abi
