#!/usr/bin/env bash
# run.sh PROGRAM: the agent in the foreground with its built-in defaults, after saying where to look.
set -euo pipefail
program="$1"

listen="${SPYHOP__HTTP__LISTEN:-127.0.0.1:9477}"
base="http://${listen/#0.0.0.0:/localhost:}"
cat <<TEXT

  spyhop starts on this machine's containers ($(docker ps --quiet 2>/dev/null | wc -l) running).

    page      $base/
    metrics   $base/metrics
    health    $base/health
    table     $program status

  Something to look at: make demo (and make demo-down), in another terminal.
  To stop: Ctrl-C.

TEXT
exec "$program" run
