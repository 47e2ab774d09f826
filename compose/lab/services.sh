#!/usr/bin/env bash
# services.sh: an image with the programs which everybody runs, so that tests read what these really write: Redis, PostgreSQL and nginx of
# Debian, as they are packaged. No registry is asked: the packages are unpacked beside the machine's own, once, and become one image.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=compose/lab/common.sh
source "$here/common.sh"
# shellcheck source=compose/lab/archive.sh
source "$here/archive.sh"

# The number changes when the image has to be made again; agent/tests/logs_services.rs asks for it by this name.
readonly TAG=spyhop-lab/services:1
readonly RELEASE=bookworm
readonly INTO="$SPYHOP_CACHE/debian/$RELEASE/services"

# Nothing resolves dependencies here, and of those which packages name most are for setting up and never loaded: these are what the
# programs are linked with, theirs before those of all.
readonly PACKAGES=(
    redis-server redis-tools libatomic1 libhiredis0.14 libjemalloc2 liblua5.1-0 liblzf1 lua-bitop lua-cjson
    postgresql-15 postgresql-client-15 libpq5 libicu72 libldap-2.5-0 libsasl2-2 libpam0g libaudit1 libcap-ng0 libselinux1 libuuid1
    libxml2 libxslt1.1 libgssapi-krb5-2 libkrb5-3 libk5crypto3 libkrb5support0 libcom-err2 libkeyutils1 libreadline8 libtinfo6 tzdata
    libgnutls30 libnettle8 libhogweed6 libgmp10 libp11-kit0 libidn2-0 libunistring2 libtasn1-6 libffi8
    nginx nginx-common
    libc6 libgcc-s1 libstdc++6 zlib1g libssl3 libzstd1 liblz4-1 liblzma5 libcrypt1 libpcre2-8-0 libsystemd0 libcap2 libgcrypt20 libgpg-error0
)

# Logs go where the images of these projects have them: PostgreSQL and nginx's errors to stderr, the rest to stdout. The database is
# made here, so that a container is up at once.
dockerfile() {
    cat <<'DOCKERFILE'
FROM scratch
COPY . /
ENV PATH=/bin:/usr/bin:/usr/sbin:/usr/lib/postgresql/15/bin PGHOST=/tmp
RUN ["/bin/busybox", "sh", "-c", "/bin/busybox --install -s /bin && \
    printf 'root:x:0:0::/:/bin/sh\npostgres:x:70:70::/:/bin/sh\nwww-data:x:33:33::/:/bin/sh\n' >/etc/passwd && \
    printf 'root:x:0:\npostgres:x:70:\nwww-data:x:33:\n' >/etc/group && \
    mkdir -m 1777 -p /tmp && mkdir -p /run /var/log/nginx /var/lib/nginx /var/www /var/lib/postgresql/data && \
    chown postgres:postgres /var/lib/postgresql/data && \
    ln -sf /dev/stdout /var/log/nginx/access.log && ln -sf /dev/stderr /var/log/nginx/error.log"]
USER postgres
RUN ["initdb", "--pgdata=/var/lib/postgresql/data", "--auth=trust", "--locale=C", "--encoding=UTF8", "--no-sync"]
USER root
DOCKERFILE
}

if docker image inspect "$TAG" >/dev/null 2>&1; then exit 0; fi
unpack "$RELEASE" "$INTO" "${PACKAGES[@]}"
"$here/busybox.sh"
install -D "$(readlink -f "$SPYHOP_CACHE/bin/busybox")" "$INTO/bin/busybox"
ln -sf busybox "$INTO/bin/sh"
printf '%s\n' usr/share/{doc,man,locale,lintian} 'usr/lib/postgresql/*/lib/bitcode' 'usr/lib/postgresql/*/lib/llvmjit*' >"$INTO/.dockerignore"
say "building $TAG"
dockerfile | DOCKER_BUILDKIT=0 quietly docker build --quiet --file - --tag "$TAG" "$INTO" || die "could not build the image $TAG" "see the lines above"
