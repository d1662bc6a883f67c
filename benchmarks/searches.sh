#!/usr/bin/env bash
# Compares searches for operations and bits, by real files after equal training; the results are
# in quantization/README.md.
#
#   benchmarks/searches.sh PICTURES KODAK OUT [STEPS] [EVALUATIONS]
#
# Of each search's front, the architecture with the lowest loss among those of about the BitOps of
# uniform bits of 8 is trained for STEPS (300), and three others to tell how well the ratings rank.
# EVALUATIONS (700) is how many each search may rate; QuantNAS takes a third of them as steps. Needs
# lic[evaluation,training], and hours of one core; 5 steps and 30 evaluations try the script out.
set -euo pipefail
pictures=$(realpath "$1") kodak=$(realpath "$2") out=$3 steps=${4:-300} evaluations=${5:-700}
here=$(realpath "$(dirname "$0")")
mkdir -p "$out"
cd "$out"
export OMP_NUM_THREADS=1

search() {
  lic search small-2 "$pictures" --out "$1" --evaluations "$evaluations" "${@:2}"
}

# The best architecture of a front of at most so many thousands of BitOps a pixel, or the cheapest.
best() {
  python - "$@" << 'END'
import json, sys
folder, limit = sys.argv[1], float(sys.argv[2])
with open(f"{folder}/front.json") as file:
    rows = json.load(file)
within = [row for row in rows if row["cost"] <= limit] or rows[:1]
print(f"{folder}/{min(within, key=lambda row: row['loss'])['file']}")
END
}

architectures=()

train() {
  lic quantize small-2 "$pictures" --id "$1" --bits "$2" --out weights --run "run-$1" \
    --steps "$steps" --set warmup=40 --set final_fraction=0 \
    --set batch=4 --set crop=128 --set shares.hard=0
  LIC_WEIGHTS=$PWD/weights${LIC_WEIGHTS:+:$LIC_WEIGHTS} \
    python "$here/quantized.py" "$kodak" "$1" --reference small-3 --json results.json
  architectures+=(--architecture "$1=$2")
}

search evolution
search quantnas --method quantnas --evaluations $((evaluations / 3))
search greedy --method greedy
search uniform --method uniform
search random --method random

for one in evolution:1250 quantnas:1300 greedy:1300 uniform:1300 random:1400 \
  evolution:900 greedy:900 quantnas:1500; do
  train "${one/:/-}" "$(best "${one%:*}" "${one#*:}")"
done

python "$here/searches.py" evolution quantnas greedy uniform random --worst 12 2600 \
  --out fronts.svg --trained results.json "${architectures[@]}"
