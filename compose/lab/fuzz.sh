#!/usr/bin/env bash
# fuzz.sh SECONDS [TARGET...]: libFuzzer on every parser, or on those named, for so many seconds each. The exit code says whether all held.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=compose/lab/common.sh
source "$here/common.sh"

fuzz="$(cd "$here/../../agent/fuzz" && pwd)"
seconds="$1"
shift
have c++ || have g++ || have clang++ || die "a C++ compiler is missing" "it builds libFuzzer: apt-get install g++"
if (($# == 0)); then
    mapfile -t targets < <(sed -n 's/^ *("\([a-z_]*\)", .*::fuzz::.*/\1/p' "$fuzz/../src/fuzzing.rs")
else
    targets=("$@")
fi

# Coverage by LLVM's own pass: works with the stable compiler. The target is named, so that build scripts go without these flags.
triple="$(rustc -vV | sed -n 's/^host: //p')"
flags=(--cfg fuzzing -C passes=sancov-module -C codegen-units=1)
for option in level=4 inline-8bit-counters pc-table trace-compares; do flags+=(-C "llvm-args=-sanitizer-coverage-$option"); done
export RUSTFLAGS="${flags[*]}" CARGO_TARGET_DIR="$SPYHOP_CACHE/fuzz/target"
cargo build --quiet --release --manifest-path "$fuzz/Cargo.toml" --target "$triple"
program="$CARGO_TARGET_DIR/$triple/release/fuzz"

verdict=0
for target in "${targets[@]}"; do
    corpus="$SPYHOP_CACHE/fuzz/corpus/$target"
    artifacts="$fuzz/artifacts/$target"
    mkdir -p "$corpus" "$artifacts"
    log="$SPYHOP_CACHE/fuzz/$target.log"
    # Five seconds for one input is too long; 512 MiB is too much.
    if SPYHOP_FUZZ_TARGET="$target" "$program" -max_total_time="$seconds" -timeout=5 -rss_limit_mb=512 -max_len=16384 \
        -artifact_prefix="$artifacts/" "$corpus" "$fuzz/seeds/$target" >"$log" 2>&1; then
        printf '%-16s held: %s\n' "$target" "$(sed -n 's/^Done \([0-9]*\) runs in \([0-9]*\) .*/\1 runs in \2 s/p' "$log")"
        rmdir --ignore-fail-on-non-empty "$artifacts"
    else
        printf '%-16s BROKE, the input is in %s:\n' "$target" "$artifacts"
        tail -n 25 "$log"
        verdict=1
    fi
done
exit "$verdict"
