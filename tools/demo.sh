#!/usr/bin/env bash
# demo.sh LODE DIR: the main job on what the tree itself holds. Generates held-out samples of the
# synthetic task into DIR, puts the embedded model under three scenarios and accuracy mode, and
# prints the records as one table and the four precisions as another. A minute on two cores.
set -euo pipefail
lode=$1
dir=$2
model=models/embedded/synth10.onnx
data=$dir/synth10-heldout.h5
threads=$(nproc)

rm -rf "$dir"
mkdir -p "$dir"
echo "== 10,000 held-out samples of the synthetic task -> $data" >&2
"$lode" dataset synth --samples 10000 --seed 2 --output "$data"

# Exit code 3 is an INVALID run, on a busy machine say: its record belongs into the table too.
run() {
  "$lode" run --model "$model" --dataset "$data" --preset quick --threads "$threads" "$@" ||
    [[ $? -eq 3 ]]
}

records=()
for scenario in single-stream multi-stream offline; do
  echo "== $scenario" >&2
  batch=8
  [[ $scenario == single-stream ]] && batch=1
  [[ $scenario == offline ]] && batch=32
  run --scenario "$scenario" --batch "$batch" --output "$dir/$scenario" >"$dir/$scenario.txt"
  records+=("$dir/$scenario")
done
echo "== accuracy" >&2
run --scenario offline --mode accuracy --batch 32 --output "$dir/accuracy" >"$dir/accuracy.txt"
records+=("$dir/accuracy")

# The precisions beside each other: the same run and the same samples, the model made at load.
for precision in fp32 fp16 int8-static int8-dynamic; do
  echo "== $precision" >&2
  run --scenario single-stream --precision "$precision" --output "$dir/$precision-latency" \
    >"$dir/$precision-latency.txt"
  run --scenario offline --mode accuracy --batch 32 --precision "$precision" \
    --output "$dir/$precision-accuracy" >"$dir/$precision-accuracy.txt"
done

"$lode" show "${records[@]}"
python3 tools/precision_table.py "$dir"
