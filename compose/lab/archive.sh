# shellcheck shell=bash
# Single programs out of another Debian release, unpacked beside the machine's own packages instead of installed.
# Sourced after common.sh.
#
# apt does the work in a private root under the cache folder (own sources, index and downloads), so the machine's sources,
# pins and package state stay as they are and no root is needed. The archive is the one which apt here is configured for.

# Where this machine gets Debian from: one address a line, best first. apt itself reads its sources, so that both the
# one-line and the deb822 format are understood. Security, updates and backports have no place for whole releases; the
# origin is known only once an index was fetched, so an unknown one is taken as a guess of last resort.
debian_archives() {
    # shellcheck disable=SC2016 # apt's own placeholders, not the shell's
    apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT) $(ORIGIN)' 'Created-By: Packages' |
        awk '
            $3 != "main" || $2 ~ /-/ { next }
            $4 == "Debian" { known[++k] = $1; next }
            $4 == "" || $4 ~ /^\$/ { guess[++g] = $1 }
            END { for (i = 1; i <= k; i++) print known[i]; for (i = 1; i <= g; i++) print guess[i] }' | awk '!seen[$0]++'
}

debian_keyring() {
    local keyring
    for keyring in /usr/share/keyrings/debian-archive-keyring.{pgp,gpg}; do
        if [[ -r $keyring ]]; then printf '%s' "$keyring" && return; fi
    done
    die "Debian's signing keys are not here" "install the package debian-archive-keyring"
}

# apt_in ROOT ARGUMENT...: apt-get on the private root.
#  - Check-Valid-Until: a frozen mirror serves an index whose date has passed. Signatures are still checked.
#  - Sandbox::User: the cache folder may be closed to apt's own user.
apt_in() {
    local root="$1"
    shift
    apt-get -qq \
        -o Dir::Etc::SourceList="$root/sources.list" -o Dir::Etc::SourceParts=/dev/null \
        -o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts=/dev/null -o APT::Default-Release= \
        -o Dir::State="$root/state" -o Dir::State::Lists="$root/lists" -o Dir::State::status="$root/status" \
        -o Dir::Cache="$root/cache" -o Dir::Log="$root/log" \
        -o Acquire::Check-Valid-Until=false -o Acquire::Languages=none -o Acquire::PDiffs=false -o Acquire::Retries=3 \
        -o APT::Sandbox::User=root -o APT::Update::Post-Invoke::= -o APT::Update::Post-Invoke-Success::= "$@"
}

# Fetches the package index of a release into its private root. An index at hand is used unless "again" asks for a new one.
private_root() {
    local release="$1" again="${2:-}" root="$SPYHOP_CACHE/apt/$1" archive keyring
    if [[ -e $root/ready && -z $again ]]; then return; fi
    have apt-get || die "programs of Debian $release are needed, and this machine has no apt-get"
    keyring="$(debian_keyring)"
    mkdir -p "$root"/{state,lists/partial,cache/archives/partial,log}
    : >"$root/status"
    say "fetching the package index of Debian $release"
    while read -r archive; do
        # Packages alone: a desktop's apt would fetch icons and translations as well.
        printf 'deb [target=Packages signed-by=%s] %s %s main\n' "$keyring" "$archive" "$release" >"$root/sources.list"
        # apt calls a failed download a warning unless told otherwise.
        if quietly apt_in "$root" update --error-on=any; then
            : >"$root/ready"
            return
        fi
    done < <(debian_archives)
    die "no configured Debian archive has the release $release" "looked at the addresses of component main in apt's sources"
}

# unpack RELEASE INTO PACKAGE...: the files of some packages, without their dependencies and scripts, in the folder INTO.
# INTO appears at once and complete, or not at all.
unpack() {
    local release="$1" into="$2" root="$SPYHOP_CACHE/apt/$1" work package
    shift 2
    mkdir -p "$SPYHOP_CACHE/apt" "${into%/*}"
    # Two clones may set up at the same time; the second finds the work done.
    exec 9>"$SPYHOP_CACHE/apt/lock"
    flock -w 600 9 || die "another set-up holds $SPYHOP_CACHE/apt/lock for ten minutes"
    if [[ -d $into ]]; then exec 9>&- && return; fi
    private_root "$release"
    work="$(mktemp -d "$SPYHOP_CACHE/apt/unpack.XXXXXX")"
    say "fetching $* of Debian $release"
    # A pool keeps only current versions: an index which is a few days old may name a file that is gone.
    if ! (cd "$work" && apt_in "$root" download "$@" >/dev/null 2>&1); then
        private_root "$release" again
        (cd "$work" && quietly apt_in "$root" download "$@") || die "could not download $* of Debian $release"
    fi
    for package in "$work"/*.deb; do dpkg -x "$package" "$work/files"; done
    mv "$work/files" "$into"
    rm -r "$work"
    exec 9>&-
}
