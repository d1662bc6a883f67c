#!/usr/bin/env bash
# Compares searches for operations and bits, by real files after equal retraining; the results are
# in quantization/README.md.
#
#   benchmarks/searches.sh PICTURES KODAK OUT [STEPS] [EVALUATIONS]
#
# All searches share a supernet, trained for 240 steps. An architecture of each one's front, with the
# lowest loss among those of at most 1.3 million BitOps a pixel (1.4 if there is none), and uniform
# bits, are trained for STEPS (300). Needs lic[evaluation,training]. With 300 steps and 450
# evaluations, it takes two hours of one core; with 5 and 30, ten minutes.
set -euo pipefail
pictures=$(realpath "$1") kodak=$(realpath "$2") out=$3 steps=${4:-300} evaluations=${5:-450}
here=$(realpath "$(dirname "$0")")
supernet=240
((steps >= 100)) || supernet=5
mkdir -p "$out"
cd "$out"
export OMP_NUM_THREADS=1

search() {
  mkdir -p "$1"
  [ "$1" = evolution ] || cp evolution/supernet.pt "$1"
  lic search small-2 "$pictures" --out "$1" --steps "$supernet" --evaluations "$evaluations" "${@:2}"
}

# The best architecture of a front that costs as much as uniform bits of 8.
best() {
  python - "$1" << 'END'
import json, sys
folder = sys.argv[1]
with open(f"{folder}/front.json") as file:
    rows = json.load(file)
within = [[row for row in rows if row["cost"] <= limit] for limit in (1300, 1400, float("inf"))]
print(f"{folder}/{min(next(filter(None, within)), key=lambda row: row['loss'])['file']}")
END
}

architectures=()

retrain() {
  lic quantize small-2 "$pictures" --id "$1" --bits "$2" --out weights --run "run-$1" \
    --steps "$steps" --set learning_rate=5e-4 --set warmup=40 --set final_fraction=0 \
    --set batch=4 --set crop=128
  LIC_WEIGHTS=$PWD/weights${LIC_WEIGHTS:+:$LIC_WEIGHTS} \
    python "$here/quantized.py" "$kodak" "$1" --reference small-3 --json results.json
  architectures+=(--architecture "$1=$2")
}

search evolution
search quantnas --method quantnas
search greedy --method greedy
search uniform --method uniform
search random --method random

for name in evolution quantnas greedy uniform random; do
  retrain "$name" "$(best "$name")"
done

python "$here/searches.py" evolution quantnas greedy uniform random --worst 12 2600 \
  --out fronts.svg --retrained results.json "${architectures[@]}"
