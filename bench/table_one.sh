#!/usr/bin/env bash
# table_one.sh LODE DIR [SCENARIO...]: the paper's Table I to the letter (preset
# mlperf-edge-literal) on the embedded model: single-stream and offline a minute each, multi-stream
# ten. Run directories go into DIR, and their records are printed as one table.
set -euo pipefail
lode=$1
dir=$2
shift 2
scenarios=("$@")
((${#scenarios[@]})) || scenarios=(single-stream multi-stream offline)
data=$dir/synth10-heldout.h5

mkdir -p "$dir"
[[ -e $data ]] || "$lode" dataset synth --samples 10000 --seed 2 --output "$data"
records=()
for scenario in "${scenarios[@]}"; do
  batch=8
  [[ $scenario == single-stream ]] && batch=1
  [[ $scenario == offline ]] && batch=32
  # Exit code 3 is an INVALID run, on a busy machine say: its record belongs into the table too.
  "$lode" run --model models/embedded/synth10.onnx --dataset "$data" --preset mlperf-edge-literal \
    --scenario "$scenario" --batch "$batch" --threads 1 --output "$dir/$scenario" ||
    [[ $? -eq 3 ]]
  records+=("$dir/$scenario")
done
"$lode" show "${records[@]}"
