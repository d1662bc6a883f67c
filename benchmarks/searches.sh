#!/usr/bin/env bash
# Compares searches for operations and bits, by real files after equal retraining; the results are
# in quantization/README.md.
#
#   benchmarks/searches.sh PICTURES KODAK OUT [STEPS] [EVALUATIONS]
#
# All searches share a supernet, trained for 240 steps. An architecture of each one's front, with the
# lowest loss among those of at most 1.4 million BitOps a pixel, and uniform ones are trained for
# STEPS (400). Needs lic[evaluation,training]. With 400 steps and 240 evaluations, it takes three
# hours of one core; with 5 and 30, ten minutes.
set -euo pipefail
pictures=$(realpath "$1") kodak=$(realpath "$2") out=$3 steps=${4:-400} evaluations=${5:-240}
here=$(realpath "$(dirname "$0")")
supernet=240
((steps >= 100)) || supernet=5
mkdir -p "$out"
cd "$out"
export OMP_NUM_THREADS=1

search() {
  mkdir -p "$1"
  [ "$1" = evolution-0 ] || cp evolution-0/supernet.pt "$1"
  lic search small-2 "$pictures" --out "$1" --steps "$supernet" --evaluations "$evaluations" "${@:2}"
}

# The best architecture of a front that costs less than so many thousand BitOps a pixel.
best() {
  python - "$1" "$2" << 'END'
import json, sys
folder, limit = sys.argv[1], float(sys.argv[2])
with open(f"{folder}/front.json") as file:
    rows = [row for row in json.load(file) if row["cost"] <= limit]
print(f"{folder}/{min(rows, key=lambda row: row['loss'])['file']}")
END
}

architectures=()

retrain() {
  lic quantize small-2 "$pictures" --id "$1" --bits "$2" --out weights --run "run-$1" \
    --steps "$steps" --set learning_rate=5e-4 --set final_fraction=0 --set batch=8 --set crop=128
  LIC_WEIGHTS=$PWD/weights${LIC_WEIGHTS:+:$LIC_WEIGHTS} \
    python "$here/quantized.py" "$kodak" "$1" --reference small-3 --json results.json
  [ ! -f "$2" ] || architectures+=(--architecture "$1=$2")
}

search evolution-0
search evolution-1 --seed 1
search random-0 --method random
search random-1 --method random --seed 1
search uniform --method uniform
search greedy --method greedy
search quantnas --method quantnas
search quantnas-no-noise --method quantnas --no-noise
search quantnas-no-entropy --method quantnas --entropy 0

retrain uniform-8 8
for name in evolution-0 quantnas greedy random-0; do
  retrain "$name" "$(best "$name" 1400)"
done
retrain evolution-0-small "$(best evolution-0 900)"

python "$here/searches.py" evolution-? random-? uniform greedy quantnas* --worst 12 2600 \
  --out fronts.svg --retrained results.json "${architectures[@]}"
