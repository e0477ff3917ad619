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

# abidiff: bit 2 is any change, bit 3 an incompatible one; below are errors.
status=0
abidiff $abidiff_options $baseline build/abi/libnuncio.abi > build/abi/abidiff.txt 2>&1 || status=$?
if [ $((status & 3)) -ne 0 ]; then
    cat build/abi/abidiff.txt
    echo "abidiff failed"
    exit 1
fi
[ "$status" -eq 0 ] && exit 0
head -n 60 build/abi/abidiff.txt
echo
if [ $((status & 8)) -eq 0 ] && ! grep -qE '^ *[0-9]+ (Removed|Changed)|[1-9][0-9]* Removed|[1-9][0-9]* Changed' build/abi/abidiff.txt; then
    echo "The interface of libnuncio only gained something (above; all of it: build/abi/abidiff.txt)."
    echo "Plugins that are built go on. Run sdk/abi/update.sh, and commit sdk/abi/libnuncio.abi.gz with the change."
else
    echo "The interface of libnuncio changed for plugins that are built already (above; all of it: build/abi/abidiff.txt)."
    echo "Either keep what was there: append virtual functions and fields of nobody's, add functions beside the old ones;"
    echo "or raise the ABI number (abi_number in abi.h, NUNCIO_DETAIL_ABI in note.h, SOVERSION in sdk/CMakeLists.txt)."
    echo "Until 0.1.0 is released the number stays 1: see docs/architecture.md, \"The SDK as a package\"."
    echo "Then run sdk/abi/update.sh, and commit sdk/abi/libnuncio.abi.gz with the change."
fi
exit 1
