#!/bin/bash
# Everything that is tested: builds, unit tests and conversations, sanitizers, real clients, fuzzers.
# Ends with one line `N passed, N failed`, and with that as its exit status.
set -uo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root" || exit 2
install=yes
only=
fuzz_seconds=20

usage() {
    cat << EOF
usage: tests/run.sh [--no-install] [--only STEP,…] [--fuzz-seconds N]

  --no-install      do not touch the system's packages
  --only STEP,…     some of: lint, abi, release, interop, reload, storm, asan, tsan, fuzz
  --fuzz-seconds N  for each fuzzer (default: $fuzz_seconds)
  --help            this text
EOF
}

while [ $# -gt 0 ]; do
    case $1 in
        --no-install) install=no && shift ;;
        --only) only=${2:?--only: expected a list} && shift 2 ;;
        --fuzz-seconds) fuzz_seconds=${2:?--fuzz-seconds: expected a number} && shift 2 ;;
        --help | -h) usage && exit 0 ;;
        *) usage >&2 && echo "run.sh: there is no option $1" >&2 && exit 2 ;;
    esac
done

passed=0
failed=0
began=$SECONDS
logs=$root/build/logs
mkdir -p "$logs"

wanted() { [ -z "$only" ] || [[ ,$only, == *,$1,* ]]; }
step() { printf '== %d:%02d %s\n' $(((SECONDS - began) / 60)) $(((SECONDS - began) % 60)) "$*"; }

# count NAME PASSED FAILED
count() {
    passed=$((passed + $2))
    failed=$((failed + $3))
    printf '   %s: %d passed, %d failed\n' "$1" "$2" "$3"
}

# count_last_line NAME LOG STATUS: of programs that end with `N passed, N failed`.
count_last_line() {
    local line
    line=$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$2" | tail -n 1)
    if [[ $line =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed ]]; then
        local good=${BASH_REMATCH[1]} bad=${BASH_REMATCH[2]}
        [ "$bad" -eq 0 ] && [ "$3" -ne 0 ] && bad=1
        count "$1" "$good" "$bad"
    else
        count "$1" 0 1
    fi
    [ "$3" -eq 0 ] || tail -n 60 "$2"
}

# build PRESET [TARGET…]: a warning is a failure, too.
build() {
    local preset=$1 log=$logs/build-$1.log
    shift
    step "building $preset"
    if ! { cmake --preset "$preset" && cmake --build --preset "$preset" ${1:+--target "$@"}; } > "$log" 2>&1; then
        grep -E 'error|FAILED|undefined reference' "$log" | head -n 20
        tail -n 20 "$log"
        count "build $preset" 0 1
        return 1
    fi
    if grep -q 'warning:' "$log"; then
        grep -A 3 'warning:' "$log" | head -n 20
        count "build $preset without warnings" 0 1
    else
        count "build $preset" 1 0
    fi
}

# unit_tests PRESET: counts doctest's cases and conversations rather than programs.
unit_tests() {
    local log=$logs/ctest-$1.log status=0 counted
    step "unit tests and conversations, $1"
    ctest --preset "$1" -j "$(nproc)" -V > "$log" 2>&1 || status=$?
    counted=$(awk '
        # A program prints "12: text"; its verdict is a line "3/9 Test #12: name ... Passed".
        match($0, /^[0-9]+: /) {
            id = substr($0, 1, RLENGTH - 2)
            text = substr($0, RLENGTH + 1)
            gsub(/\033\[[0-9;]*m/, "", text)
            if (text ~ /^\[doctest\] test cases:/) {
                split(text, part, "|")
                match(part[2], /[0-9]+/); good[id] += substr(part[2], RSTART, RLENGTH)
                match(part[3], /[0-9]+/); bad[id] += substr(part[3], RSTART, RLENGTH)
            } else if (text ~ /^[0-9]+ passed, [0-9]+ failed/) {
                split(text, word, " "); good[id] += word[1]; bad[id] += word[3]
            }
        }
        match($0, /^ *[0-9]+\/[0-9]+ Test +#[0-9]+:/) {
            id = substr($0, RSTART, RLENGTH); sub(/.*#/, "", id); sub(/:/, "", id)
            ok[id] = $0 ~ / Passed +[0-9.]+ sec/
        }
        END {
            for (id in ok) {
                if (!(id in good)) { good[id] = ok[id]; bad[id] = !ok[id] }
                if (!ok[id] && !bad[id]) bad[id] = 1 # a sanitizer, a crash, a time-out
                passed += good[id]; failed += bad[id]
            }
            print passed + 0, failed + 0
        }' "$log")
    local good=${counted% *} bad=${counted#* }
    [ "$status" -ne 0 ] && [ "$bad" -eq 0 ] && bad=1
    [ "$good" -eq 0 ] && [ "$bad" -eq 0 ] && bad=1 # a run without tests proves nothing
    count "tests $1" "$good" "$bad"
    if [ "$bad" -ne 0 ]; then
        grep -E 'ERROR|FATAL|not ok|Sanitizer|runtime error|\*\*\*|Timeout' "$log" | head -n 40
        echo "   all of it: $log"
    fi
}

# interop PRESET
interop() {
    local log=$logs/interop-$1.log status=0
    step "real clients, $1"
    timeout 600 tests/interop/run.sh --build "build/$1" > "$log" 2>&1 || status=$?
    [ "$1" != release ] || sed -n 's/^# auth\/conformance: /   /p' "$log"
    count_last_line "interop $1" "$log" "$status"
}

# The installed SDK in the hands of somebody outside: PRESET
outside() {
    local log=$logs/outside-$1.log status=0
    step "the SDK from outside, $1"
    timeout 900 /usr/bin/python3 -B tests/sdk/outside.py --build "build/$1" > "$log" 2>&1 || status=$?
    count_last_line "outside $1" "$log" "$status"
}

# The interfaces of libnuncio and of the test kit against their baselines.
abi() {
    local log=$logs/abi.log
    step "the interfaces of the SDK"
    if timeout 1200 sdk/abi/check.sh > "$log" 2>&1; then
        count "abi" 1 0
    else
        count "abi" 0 1
        tail -n 80 "$log"
    fi
}

# reload PRESET [OPTION…]: plugins are replaced under load, and nobody may notice.
reload() {
    local preset=$1 log=$logs/reload-$1.log status=0
    shift
    # The load comes from the release build, whoever is loaded.
    [ -x build/release/bin/nuncio-load ] || build release nuncio-load || return
    step "reloads under load, $preset"
    timeout 300 tests/bench/reload.py --build "build/$preset" "$@" > "$log" 2>&1 || status=$?
    count_last_line "reload $preset" "$log" "$status"
}

# storm PRESET [OPTION…]: people log in by the hundred while others chat, and nobody loses a message.
storm() {
    local preset=$1 log=$logs/storm-$1.log status=0
    shift
    [ -x build/release/bin/nuncio-load ] || build release nuncio-load || return
    step "a storm of logins, $preset"
    timeout 300 tests/bench/storm.sh --build "build/$preset" --json "$logs/storm-$preset.json" "$@" > "$log" 2>&1 || status=$?
    count_last_line "storm $preset" "$log" "$status"
}

# fuzz_one FUZZER: one run from the kept corpus; what it finds stays in build/fuzz/found.
fuzz_one() {
    local name status=0
    name=$(basename "$1" -fuzz)
    local found=build/fuzz/found/$name
    local arguments=(-max_total_time="$fuzz_seconds" -timeout=10 -rss_limit_mb=4096 -artifact_prefix="$found-")
    local folders=("$found")
    mkdir -p "$found"
    [ -f "tests/fuzz/$name.dict" ] && arguments+=(-dict="tests/fuzz/$name.dict")
    [ -d "tests/fuzz/corpus/$name" ] && folders+=("tests/fuzz/corpus/$name")
    timeout $((fuzz_seconds + 120)) "$1" "${arguments[@]}" "${folders[@]}" > "$logs/fuzz-$name.log" 2>&1 || status=$?
    printf '\nended with %s\n' "$status" >> "$logs/fuzz-$name.log"
}

# A fuzzer has one thread: as many run side by side as there are processors.
fuzz() {
    local fuzzer name fuzzers=(build/fuzz/bin/*-fuzz)
    step "fuzzing, each of ${#fuzzers[@]} targets for $fuzz_seconds s"
    for fuzzer in "${fuzzers[@]}"; do
        while [ "$(jobs -rp | wc -l)" -ge "$(nproc)" ]; do
            wait -n
        done
        fuzz_one "$fuzzer" &
    done
    wait
    for fuzzer in "${fuzzers[@]}"; do
        name=$(basename "$fuzzer" -fuzz)
        if [ "$(tail -n 1 "$logs/fuzz-$name.log")" = "ended with 0" ]; then
            count "fuzzing $name" 1 0
        else
            count "fuzzing $name" 0 1
            tail -n 30 "$logs/fuzz-$name.log"
        fi
    done
}

if [ $install = yes ]; then
    step "packages"
    # shellcheck source=packaging/dependencies.sh
    . packaging/dependencies.sh
    install_packages tests || count "packages" 0 1
fi
if command -v ccache > /dev/null; then
    export CMAKE_CXX_COMPILER_LAUNCHER=${CMAKE_CXX_COMPILER_LAUNCHER:-ccache}
    # Without this it keeps nothing that was compiled with precompiled headers.
    export CCACHE_SLOPPINESS=${CCACHE_SLOPPINESS:-pch_defines,time_macros}
fi
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_stack_use_after_return=1:strict_string_checks=1}
export LSAN_OPTIONS=${LSAN_OPTIONS:-suppressions=$root/tests/leaks.supp:print_suppressions=0}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
export TSAN_OPTIONS=${TSAN_OPTIONS:-halt_on_error=1:second_deadlock_stack=1}

if wanted lint; then
    step "lint"
    status=0
    tests/lint.sh > "$logs/lint.log" 2>&1 || status=$?
    count_last_line lint "$logs/lint.log" "$status"
fi
if wanted abi; then
    abi
fi
if wanted release && build release; then
    unit_tests release
    outside release
    wanted interop && interop release
    wanted reload && reload release
    wanted storm && storm release --users 200 --logins 500 --pairs 2
fi
if wanted asan && build asan; then
    unit_tests asan
    wanted interop && interop asan
    wanted reload && reload asan --users 50 --rate 200
    wanted storm && storm asan --users 50 --rate 100 --logins 100 --pairs 1
fi
if wanted tsan && build tsan; then
    unit_tests tsan
    wanted interop && interop tsan
    wanted reload && reload tsan --users 50 --rate 200
    wanted storm && storm tsan --users 50 --rate 100 --logins 100 --pairs 1
fi
if wanted fuzz && build fuzz fuzzers; then
    fuzz
fi

step "done"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
