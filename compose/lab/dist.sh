#!/usr/bin/env bash
# dist.sh PROGRAM FOLDER: what a release publishes for this machine's architecture, from a static program built here.
#
#   spyhop-VERSION-linux-ARCH.tar.gz       program, unit, configuration, completions, alert rules, documentation
#   spyhop_VERSION_ARCH.deb                the same as a Debian package
#   spyhop-VERSION-linux-ARCH.cdx.json     every crate in it, with version and licence (CycloneDX)
#   SHA256SUMS-ARCH                        checksums of all of them
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=compose/lab/common.sh
source "$here/common.sh"

program="$1"
folder="$2"
root="$(cd "$here/../.." && pwd)"
case "$(uname -m)" in
x86_64) arch=amd64 ;;
aarch64) arch=arm64 ;;
*) die "no release is made for $(uname -m)" "amd64 and arm64 are" ;;
esac
version="$("$program" version | awk 'NR == 1 { print $2 }')"
[[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+ ]] || die "cannot read a version from: $("$program" version | head -n 1)"
name="spyhop-$version-linux-$arch"

rm -rf "$folder"
mkdir -p "$folder"
"$here/deb.sh" "$program" "$folder/spyhop_${version}_$arch.deb"

staging="$(mktemp -d)"
trap 'rm -rf "$staging"' EXIT
tree="$staging/$name"
mkdir -p "$tree"
strip -o "$tree/spyhop" "$program"
cp -r "$root/LICENSE" "$root/README.md" "$root/CHANGELOG.md" "$root/docs" "$root/alerts" "$root/dist/completions" \
    "$root/agent/packaging/spyhop.service" "$root/agent/packaging/spyhop.yml" "$tree/"
rm -rf "$tree/alerts/tests"
# The same bytes whoever packs it, and whenever: order, owner and time are fixed.
when="$(git -C "$root" log -1 --format=%ct 2>/dev/null || echo 0)"
tar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$when" -C "$staging" -cf - "$name" | gzip -9n >"$folder/$name.tar.gz"

cyclonedx="$("$here/tool.sh" cargo-cyclonedx 0.5.9)"
SOURCE_DATE_EPOCH="$when" quietly "$cyclonedx" cyclonedx --manifest-path "$root/agent/Cargo.toml" --format json \
    --target "$(rustc -vV | sed -n 's/^host: //p')" --override-filename "$name.cdx" || die "could not write the bill of materials"
# It names our own crate by the folder it was built in, which is nobody's business.
sed "s|path+file://$root/|path+file:///|g" "$root/agent/$name.cdx.json" >"$folder/$name.cdx.json"
rm "$root/agent/$name.cdx.json"
find "$root/benches" "$root/compose/demo" -maxdepth 1 -name "$name.cdx.json" -delete

(cd "$folder" && sha256sum -- * >"SHA256SUMS-$arch")
say "in $folder:"
ls -1 "$folder"
