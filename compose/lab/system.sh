#!/usr/bin/env bash
# system.sh up|down|files NAME [COMPOSE FILE...]: a stand-in of compose/systems/NAME. What it needs is made first, outside the clone: an authority
# of its own, a certificate by it, tokens. `files` makes that and prints the folder, which is SYSTEM_FILES in the compose files.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=compose/lab/common.sh
source "$here/common.sh"

verb="${1:-}"
name="${2:-}"
shift $(($# < 2 ? $# : 2))
folder="$here/../systems/$name"
[[ -n $name && -f $folder/compose.yml ]] || die "usage: system.sh up|down|files NAME [COMPOSE FILE...]" "names: $(ls "$here/../systems")"
files="${SPYHOP_SYSTEMS:-$SPYHOP_CACHE/systems}/$name"

# certificate DAYS NAME...: by an authority made with it, for as many days. Made again when it has less than a quarter of them left.
certificate() {
    local days="$1" names
    shift
    if openssl x509 -in "$files/certificate.pem" -noout -checkend $((days * 86400 / 4)) >/dev/null 2>&1; then return; fi
    say "making a certificate for $*"
    names="$(printf 'DNS:%s,' "$@")"
    quietly openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days "$days" -subj "/CN=stand-in authority" \
        -keyout "$files/authority.key" -out "$files/authority.pem" -addext keyUsage=critical,keyCertSign,cRLSign
    quietly openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$1" \
        -keyout "$files/certificate.key" -out "$files/request.pem"
    printf 'subjectAltName=%s\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n' "${names%,}" >"$files/extensions"
    quietly openssl x509 -req -in "$files/request.pem" -CA "$files/authority.pem" -CAkey "$files/authority.key" -CAcreateserial \
        -days "$days" -extfile "$files/extensions" -out "$files/leaf.pem"
    cat "$files/leaf.pem" "$files/authority.pem" >"$files/certificate.pem"
}

# token NAME: a random one, made once.
token() {
    if [[ ! -s $files/$1 ]]; then openssl rand -hex 24 >"$files/$1"; fi
}

make_files() {
    have openssl || die "certificates and tokens are needed, and there is no openssl here" "install the package openssl"
    mkdir -p "$files"
    case "$name" in
    motovault-k8s)
        certificate 90 motovaultpro.com admin.motovaultpro.com
        token platform-token
        ;;
    motovault)
        certificate 90 motovaultpro.com
        token jwt-key
        ;;
    fog-compute)
        certificate 90 fog-compute.example
        token api-token
        ;;
    codiesvibe)
        token api-token
        token session-key
        # Secrets are replaced every 90 days there: this one was forgotten, and is mounted by compose.violations.yml alone.
        token forgotten-key
        touch -d '100 days ago' "$files/forgotten-key"
        ;;
    esac
    # Read by services which run as nobody.
    find "$files" -type f -exec chmod 0644 {} +
}

compose() {
    local arguments=(--file "$folder/compose.yml") file
    for file in "${more[@]}"; do arguments+=(--file "$folder/$file"); done
    SYSTEM_FILES="$files" docker compose "${arguments[@]}" "$@"
}

more=("$@")
# Where nobody names a file: the override, as Compose itself does, or the environment of whoever develops.
if ((${#more[@]} == 0)); then
    for file in compose.override.yml environments/development.yml; do
        if [[ -f $folder/$file ]]; then more=("$file"); fi
    done
fi
case "$verb" in
files)
    make_files
    printf '%s\n' "$files"
    ;;
up)
    make_files
    "$here/services.sh"
    # A real Prometheus and Alertmanager.
    if [[ $name == fog-compute ]]; then "$here/stack.sh"; fi
    compose up --detach --wait
    ;;
down) compose down --volumes --remove-orphans ;;
*) die "usage: system.sh up|down|files NAME [COMPOSE FILE...]" ;;
esac
