#!/usr/bin/env bash
# deb.sh PROGRAM OUT: a Debian package of a static program built on this machine, at OUT.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=compose/lab/common.sh
source "$here/common.sh"

program="$1"
out="$2"
root="$(cd "$here/../.." && pwd)"
cargo_deb="$("$here/tool.sh" cargo-deb 3.8.0)"

completions="$root/dist/completions"
mkdir -p "$completions" "${out%/*}"
"$program" completions bash >"$completions/spyhop"
"$program" completions zsh >"$completions/_spyhop"
"$program" completions fish >"$completions/spyhop.fish"

# cargo-deb looks for the program where a plain build would have put it: it is told a target directory which has it there.
layout="$(mktemp -d)"
trap 'rm -rf "$layout"' EXIT
mkdir -p "$layout/release"
strip -o "$layout/release/spyhop" "$program"
CARGO_TARGET_DIR="$layout" quietly "$cargo_deb" deb --manifest-path "$root/agent/Cargo.toml" --no-build --output "$out" ||
    die "could not make $out" "see the lines above"
say "package $out, $(du -k "$out" | cut -f1) KiB"
