#!/usr/bin/env bash
# What the house promises about its code, checked in seconds: formatting, directions, headers.
set -u
cd "$(dirname "$0")/.." || exit 2
passed=0
failed=0
check() { # check NAME OFFENDERS: passes when there are none
    if [ -z "$2" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'not ok lint: %s\n%s\n' "$1" "$(printf '%s\n' "$2" | head -n 20)"
    fi
}

check "files that clang-format would change (run clang-format-14 -i)" \
    "$(git ls-files '*.cc' '*.h' '*.c' | xargs -r clang-format-14 --dry-run 2>&1 | sed -n 's/^\([^:]*:[0-9]*\):.*warning.*/\1/p' | sort -u)"
check "plugins include only <nuncio/…>, their own folder and their library" \
    "$(git grep -nE '#include +[<"](\.\./|kernel/|plugins/|auth-backends/)' -- plugins auth-backends sdk)"
check "no third-party type in an SDK header" \
    "$(git grep -nE '#include +<(uv\.h|openssl/|toml|xercesc/|lua|boost/|sqlite3|spdlog/|fmt/|nlohmann/|uni|idn2)' -- sdk/include)"
check "the kernel's headers stay out of the SDK" \
    "$(git grep -nE '#include +"[^"]*(loop|connection|session|server)\.h"' -- sdk)"
check "only two macros in the SDK beside the details of the note" \
    "$(git grep -nE '^ *# *define +[A-Z_]+' -- sdk/include | grep -vE 'define +(NUNCIO_API|NUNCIO_PLUGIN|NUNCIO_DETAIL_)')"
check "every plugin has a fragment in conf.d" \
    "$(for folder in plugins/*/ auth-backends/*/; do
        name=$(basename "$folder")
        ls conf.d/*-"$name".toml >/dev/null 2>&1 || echo "$name"
    done)"
# COMPAT(g++ 12): a lambda that owns something and is written inside a co_await expression is copied
# into the frame byte by byte; give it a name first.
check "jobs are named before they are awaited" \
    "$(git grep -nE 'work\(\[' -- '*.cc' '*.h' docs | grep -v 'work(\[\] ')"
# COMPAT(g++ 12): `if (co_await …)` and `while (co_await …)` are miscompiled; name the answer first.
check "no condition is awaited in place" \
    "$(git grep -nE '(if|while) \(!?co_await' -- '*.cc' '*.h' | grep -v ///)"
# COMPAT(clang 14): the lambda inside CAPTURE cannot name a structured binding.
check "no structured binding is captured in a test" \
    "$(git ls-files '*_test.cc' | xargs -r awk '
        FNR == 1 { split("", bound) }
        match($0, /auto&? ?\[[a-z_, ]+\] :/) {
            names = substr($0, RSTART, RLENGTH); gsub(/.*\[|\].*/, "", names)
            split("", bound); for (i = split(names, name, /, /); i > 0; --i) bound[name[i]] = FNR
        }
        match($0, /(CAPTURE|INFO)\(.*\);/) {
            words = split(substr($0, RSTART, RLENGTH), word, /[^a-z_]+/)
            for (i = 1; i <= words; ++i)
                if (word[i] in bound && FNR - bound[word[i]] < 8) { print FILENAME ":" FNR ": " word[i]; break }
        }')"
check "nothing else at the top level" \
    "$(git ls-files | cut -d/ -f1 | sort -u | grep -vxE 'CMakeLists\.txt|CMakePresets\.json|LICENSE|README\.md|kernel|sdk|plugins|auth-backends|conf\.d|packaging|tests|docs|\..*')"
check "no sleeping in tests" \
    "$(git grep -nE '\b(sleep_for|usleep|sleep)\(' -- '*_test.cc' tests/support | grep -vE 'run_owned|co_await')"

check "every SDK header compiles alone" \
    "$(printf '%s\n' sdk/include/nuncio/*.h | xargs -P "$(nproc)" -I{} sh -c '
        said=$(echo "#include <nuncio/$(basename {})>" |
            g++ -std=c++20 -fsyntax-only -Wall -Wextra -Werror -Isdk/include -xc++ - 2>&1) ||
            printf "%s: %s\n" {} "$said" | head -n 3')"
check "every public name of the SDK has a comment" "$(tests/docs/check_comments.py)"
check "the developers guide's listings compile" \
    "$(tests/docs/check_listings.py | grep -v ' 0 failed$')"

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
