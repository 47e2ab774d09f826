#!/usr/bin/env bash
# tool.sh CRATE VERSION: a program from crates.io, built once and kept in the cache; prints its path.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=compose/lab/common.sh
source "$here/common.sh"

crate="$1"
version="$2"
folder="$SPYHOP_CACHE/tools/$crate-$version"
program="$folder/bin/$crate"
if [[ ! -x $program ]]; then
    say "building $crate $version, once"
    # Not the flags of the project: they are for its own static programs.
    env -u RUSTFLAGS -u CARGO_TARGET_DIR -u CARGO_BUILD_TARGET \
        cargo install --quiet --locked --version "$version" --root "$folder" "$crate" ||
        die "could not build $crate" "see the lines above"
fi
printf '%s\n' "$program"
