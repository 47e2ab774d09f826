#!/usr/bin/env bash
# matrix.sh [ENGINE...]: the behaviour tests against every engine which compose/lab/engines.sh knows, or against those named; one table
# at the end, which is also written into docs/engines.md between its marks.
#
# The tests are the same files for every engine: DOCKER_HOST says which one they speak to. What an engine cannot do is left out by
# the tests themselves, with a printed reason.
#
# SPYHOP_MATRIX_TESTS names other tests than the usual; the table in the documentation is then left alone.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=compose/lab/common.sh
source "$here/common.sh"

readonly USUAL="engine_real reach_real reach_pairs inventory_real lifecycle health limits networks oom restart agreement stats_real turnover rootless_real"
# Without cgroups there are no figures, no limits and no pauses to test; that there are none is a test of its own.
readonly WITHOUT_CGROUPS="health restart rootless_real"
readonly PAGE="$here/../../docs/engines.md"
# About the walls between Docker's networks, of which Podman has fewer.
readonly DOCKER_ALONE="reach_real reach_pairs"
# Longest run of one test file; the slowest takes a minute and a half.
readonly LIMIT_S=600

read -ra tests <<<"${SPYHOP_MATRIX_TESTS:-$USUAL}"
read -ra flags <<<"${CARGO_FLAGS:-}"
engines=("$@")
if ((${#engines[@]} == 0)); then mapfile -t engines < <("$here/engines.sh" list); fi
logs="$SPYHOP_CACHE/matrix"
mkdir -p "$logs"

# Where cargo has put a test's program: `Executable tests/NAME.rs (PATH)`.
build() {
    local test arguments=()
    for test in "${tests[@]}"; do arguments+=(--test "$test"); done
    say "building the tests"
    (cd "$here/../.." && cargo test -p spyhop --no-run "${flags[@]}" "${arguments[@]}" 2>&1) | tee "$logs/build.log" |
        sed -n 's#.*Executable .*tests/\([a-z_]*\)\(/main\)\?\.rs (\(.*\))#\1 \3#p' >"$logs/programs"
    if grep -q '^error' "$logs/build.log"; then cat "$logs/build.log" >&2 && die "the tests do not build"; fi
}

# How many times longer than usual a change may take to be seen. Podman answers no question about a container, nor about networks,
# while it is busy with one: the tests make forty containers at a time.
patience() {
    case "$1" in
    podman-*) echo "${SPYHOP_PATIENCE:-3}" ;;
    *) echo "${SPYHOP_PATIENCE:-1}" ;;
    esac
}

# cell ENGINE TEST: runs one test file and prints what stands in the table: passed tests, and how many things were left out.
cell() {
    local engine="$1" test="$2" log="$logs/$1-$2.log" program status=0 passed left
    program="$(awk -v test="$test" '$1 == test { print $2 }' "$logs/programs")"
    program="$(cd "$here/../.." && realpath "$program")"
    (cd "$here/../../agent" && CARGO_MANIFEST_DIR="$PWD" SPYHOP_REQUIRE_ENGINE=1 SPYHOP_PATIENCE="$(patience "$engine")" timeout "$LIMIT_S" "$program" --nocapture) >"$log" 2>&1 ||
        status=$?
    passed="$(sed -n 's/^test result: [a-zA-Z]*\. \([0-9]*\) passed; \([0-9]*\) failed.*/\1 \2/p' "$log" | tail -n 1)"
    left="$(grep -c 'left out with' "$log" || true)"
    if ((status == 0)); then
        if ((left > 0)); then printf '%s, %s left out' "${passed% *}" "$left"; else printf '%s' "${passed% *}"; fi
    else
        printf '**%s failed**' "${passed#* }"
        return 1
    fi
}

# Runs one engine's column into $logs/ENGINE.column; says a summary line.
column() {
    local engine="$1" host test text failed=0 total=0
    host="$("$here/engines.sh" up "$engine")"
    : >"$logs/$engine.column"
    for test in "${tests[@]}"; do
        runs "$engine" "$test" || continue
        text="$(DOCKER_HOST="$host" cell "$engine" "$test")" || failed=$((failed + 1))
        total=$((total + 1))
        printf '%s\t%s\n' "$test" "$text" >>"$logs/$engine.column"
        printf '%-14s %-16s %s\n' "$engine" "$test" "$text"
    done
    if ((failed > 0)); then
        printf '%-14s FAILED: %s of %s files, logs in %s\n' "$engine" "$failed" "$total" "$logs"
        return 1
    fi
    printf '%-14s ok: %s files\n' "$engine" "$total"
}

# Whether an engine runs a test file.
runs() {
    case "$1 $2" in
    *-rootless\ *) [[ " $WITHOUT_CGROUPS " == *" $2 "* ]] ;;
    *\ rootless_real) return 1 ;;
    podman-*) [[ " $DOCKER_ALONE " != *" $2 "* ]] ;;
    *) return 0 ;;
    esac
}

table() {
    local test engine
    printf '| test file |'
    printf ' %s |' "${engines[@]}"
    printf '\n|---|'
    printf -- '---|%.0s' "${engines[@]}"
    printf '\n'
    for test in "${tests[@]}"; do
        # shellcheck disable=SC2016 # back ticks of Markdown
        printf '| `%s` |' "$test"
        for engine in "${engines[@]}"; do
            printf ' %s |' "$(awk -F '\t' -v test="$test" '$1 == test { print $2 }' "$logs/$engine.column" 2>/dev/null || true)"
        done
        printf '\n'
    done
}

# Puts the table between the marks of the documentation, when all engines ran all tests.
publish() {
    if [[ -n ${SPYHOP_MATRIX_TESTS:-} || "${engines[*]}" != "$("$here/engines.sh" list | paste -sd ' ')" ]]; then return; fi
    awk -v table="$logs/table.md" '
        /<!-- matrix -->/ { print; print ""; while ((getline line < table) > 0) print line; print ""; inside = 1; next }
        /<!-- end of matrix -->/ { inside = 0 }
        !inside { print }' "$PAGE" >"$logs/page.md"
    cat "$logs/page.md" >"$PAGE"
}

build
failed=()
for engine in "${engines[@]}"; do
    column "$engine" || failed+=("$engine")
    "$here/engines.sh" down "$engine"
done
table | tee "$logs/table.md"
echo
grep -h 'left out with' "$logs"/*.log | sort | uniq -c | sort -rn || true
publish
if ((${#failed[@]} > 0)); then die "not the same everywhere: ${failed[*]}"; fi
