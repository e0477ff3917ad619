# build_described, describe LIBRARY: builds the libraries of the SDK with debug information, and writes the interface of
# one to build/abi/LIBRARY.abi. Sourced. Baselines are kept compressed: as text libnuncio's is a megabyte.

# Plugins link the first, their tests the second, too.
libraries="libnuncio libnuncio-testkit"

# The public headers alone, and of the symbols those of nuncio: the standard library's templates are
# visible, too, but nobody links them from here. No places, so that a moved line is no change.
abidw_options="--headers-dir sdk/include --drop-private-types --no-show-locs
    --no-corpus-path --no-comp-dir-path --no-elf-needed --no-architecture --type-id-style hash --short-locs
    --exported-interfaces-only --no-parameter-names --no-write-default-sizes"
# No headers here: without places everything would be taken for private. Nor is anything harmless: what
# abidiff calls so are changes behind a pointer, which plugins follow.
abidiff_options="--no-show-locs --no-architecture --harmless"

suppressions() {
    case $1 in
        libnuncio) echo sdk/abi/nuncio.suppr ;;
        libnuncio-testkit) echo sdk/abi/testkit.suppr ;;
    esac
}

abi_number() {
    sed -n 's/.*int abi_number = \([0-9]*\);.*/\1/p' sdk/include/nuncio/abi.h
}

build_described() {
    if ! command -v abidw > /dev/null; then
        echo "abidw is missing: install what packaging/dependencies.sh lists (Debian: abigail-tools)"
        exit 1
    fi
    mkdir -p build/abi
    if ! { cmake --preset abi && cmake --build --preset abi; } > build/abi/build.log 2>&1; then
        tail -n 20 build/abi/build.log
        exit 1
    fi
}

describe() {
    folder=build/abi/lib
    # The real one has the whole kernel inside.
    [ "$1" != libnuncio-testkit ] || folder=build/abi/lib/face
    # shellcheck disable=SC2086 # lists of words
    abidw $abidw_options --suppressions "$(suppressions "$1")" --out-file "build/abi/$1.abi" "$folder/$1.so"
}
