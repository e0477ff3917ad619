#!/bin/sh
# Compares the interface of libnuncio with the baseline that is kept here.
#
#   sdk/abi/check.sh     builds libnuncio with debug information in build/abi and compares
#   sdk/abi/update.sh    makes the baseline anew
#
# Exit: 0 the same; 1 it differs, and what to do is said.
set -eu
cd "$(dirname "$0")/../.."
. sdk/abi/describe.sh

mkdir -p build/abi
baseline=build/abi/baseline.abi
gzip -dc < sdk/abi/libnuncio.abi.gz > $baseline
number=$(abi_number)
if ! grep -q "soname='libnuncio.so.$number'" $baseline; then
    echo "the ABI number is $number, the baseline is of another: run sdk/abi/update.sh, and commit what it wrote"
    exit 1
fi
describe build/abi/libnuncio.abi

# abidiff: 1 and 2 are errors, 4 is any difference.
status=0
# shellcheck disable=SC2086 # lists of words
abidiff $abidiff_options $baseline build/abi/libnuncio.abi > build/abi/abidiff.txt 2>&1 || status=$?
if [ $((status & 3)) -ne 0 ]; then
    cat build/abi/abidiff.txt
    echo "abidiff failed"
    exit 1
fi
[ "$status" -eq 0 ] && exit 0
head -n 60 build/abi/abidiff.txt
echo
if ! grep -qE '[1-9][0-9]* (Removed|Changed)' build/abi/abidiff.txt; then
    cat << EOF
The interface of libnuncio only gained something (above; all of it: build/abi/abidiff.txt). Nothing breaks:
run sdk/abi/update.sh, and commit sdk/abi/libnuncio.abi.gz with the change.
EOF
else
    cat << EOF
The interface of libnuncio changed (above; all of it: build/abi/abidiff.txt).
 - Virtual functions that were appended to classes that the kernel implements (Context, Host, Session …) break nothing.
 - Everything else breaks plugins that are built already. Keep what was there and add beside it, or raise the ABI
   number: abi_number in abi.h, NUNCIO_DETAIL_ABI in note.h, SOVERSION in sdk/CMakeLists.txt. Until 0.1.0 is
   released the number stays $number: see docs/architecture.md, "The SDK as a package".
Then run sdk/abi/update.sh, and commit sdk/abi/libnuncio.abi.gz with the change.
EOF
fi
exit 1
