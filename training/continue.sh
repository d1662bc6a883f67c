#!/usr/bin/env bash
# Continues a training on a machine that is lent for minutes, such as one with a GPU:
#
#     training/continue.sh SNAPSHOT SECONDS RESULT FOLDER... [-- OPTIONS OF lic train]
#
# The first call on a machine installs lic and begins from SNAPSHOT; later ones resume the run's
# checkpoint, in $LIC_RUN (default /tmp/lic-run), for as long as the machine keeps it. After SECONDS
# the training stops, and RESULT is its new snapshot. A GPU wants larger batches than a core does:
# give `-- --set batch=64`.
set -euo pipefail
snapshot=$1 seconds=$2 result=$3
shift 3
folders=()
while [ $# -gt 0 ] && [ "$1" != "--" ]; do folders+=("$1"); shift; done
[ $# -eq 0 ] || shift
run=${LIC_RUN:-/tmp/lic-run}

python3 -c 'import lic.cli' 2> /dev/null || {
  python3 -m pip install --quiet --no-build-isolation --no-deps "$(dirname "$0")/.."
}
begin=(--snapshot "$snapshot")
[ ! -e "$run/last.pt" ] || begin=(--resume)
status=0
timeout --preserve-status --signal=TERM "$seconds" \
  python3 -m lic.cli train "${folders[@]}" --out "$run" "${begin[@]}" "$@" || status=$?
# 15: stopped by the signal, after a checkpoint; 143: stopped before there was a first one.
[ "$status" = 0 ] || [ "$status" = 15 ] || exit "$status"
python3 -m lic.cli weights snapshot "$run" "$result"
