# describe FILE: builds libnuncio with debug information and writes its interface. Sourced.
# The baseline is kept compressed: as text it is a megabyte.

# The public headers alone, and of the symbols those of nuncio: the standard library's templates are
# visible, too, but nobody links them from here. No places, so that a moved line is no change.
abidw_options="--headers-dir sdk/include --suppressions sdk/abi/nuncio.suppr --drop-private-types --no-show-locs
    --no-corpus-path --no-comp-dir-path --no-elf-needed --no-architecture --type-id-style hash --short-locs
    --exported-interfaces-only --no-parameter-names --no-write-default-sizes"
# No headers here: without places everything would be taken for private. Nor is anything harmless: what
# abidiff calls so are changes behind a pointer, which plugins follow.
abidiff_options="--suppressions sdk/abi/nuncio.suppr --no-show-locs --no-architecture --harmless"

abi_number() {
    sed -n 's/.*int abi_number = \([0-9]*\);.*/\1/p' sdk/include/nuncio/abi.h
}

describe() {
    if ! command -v abidw > /dev/null; then
        echo "abidw is missing: install what packaging/dependencies.sh lists (Debian: abigail-tools)"
        exit 1
    fi
    mkdir -p build/abi
    if ! { cmake --preset abi && cmake --build --preset abi; } > build/abi/build.log 2>&1; then
        tail -n 20 build/abi/build.log
        exit 1
    fi
    # shellcheck disable=SC2086 # lists of words
    abidw $abidw_options --out-file "$1" build/abi/lib/libnuncio.so
}
