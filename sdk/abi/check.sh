#!/bin/sh
# Compares the interfaces of the SDK's libraries with the baselines that are kept here.
#
#   sdk/abi/check.sh     builds them with debug information in build/abi and compares
#   sdk/abi/update.sh    makes the baselines anew
#
# Exit: 0 the same; 1 something differs, and what to do is said.
set -eu
cd "$(dirname "$0")/../.."
. sdk/abi/describe.sh

number=$(abi_number)

# differs LIBRARY: says how, and what to do; 1 when it does not.
differs() {
    baseline=build/abi/$1.baseline.abi
    report=build/abi/$1.abidiff.txt
    gzip -dc < "sdk/abi/$1.abi.gz" > "$baseline"
    if ! grep -q "soname='$1.so.$number'" "$baseline"; then
        echo "the ABI number is $number, the baseline of $1 is of another: run sdk/abi/update.sh, and commit what it wrote"
        return 0
    fi
    describe "$1"
    # abidiff: 1 and 2 are errors, 4 is any difference.
    status=0
    # shellcheck disable=SC2086 # lists of words
    abidiff $abidiff_options --suppressions sdk/abi/differences.suppr "$baseline" "build/abi/$1.abi" > "$report" 2>&1 || status=$?
    if [ $((status & 3)) -ne 0 ]; then
        cat "$report"
        echo "abidiff failed"
        return 0
    fi
    [ "$status" -ne 0 ] || return 1
    head -n 60 "$report"
    echo
    if ! grep -qE '[1-9][0-9]* (Removed|Changed)' "$report"; then
        cat << EOF
The interface of $1 only gained something (above; all of it: $report). Nothing breaks:
run sdk/abi/update.sh $1, and commit sdk/abi/$1.abi.gz with the change.
EOF
    else
        cat << EOF
The interface of $1 changed (above; all of it: $report).
 - Virtual functions that were appended to classes that the kernel implements (Context, Host, Session …) break nothing.
 - Everything else breaks what is built already: plugins, or their tests. Keep what was there and add beside it, or raise
   the ABI number: abi_number in abi.h, NUNCIO_DETAIL_ABI in note.h, SOVERSION in sdk/CMakeLists.txt and
   kernel/testkit/CMakeLists.txt. Until 0.1.0 is released the number stays $number: see docs/architecture.md, "The SDK as
   a package".
Then run sdk/abi/update.sh $1, and commit sdk/abi/$1.abi.gz with the change.
EOF
    fi
}

build_described
code=0
for library in $libraries; do
    if differs "$library"; then
        code=1
    fi
done
exit $code
