#!/usr/bin/env bash
# fuzz.sh BIN_DIR SECONDS: runs every fuzz_* program of BIN_DIR for SECONDS, keeping its corpus in
# build/corpus/. A finding ends with the crashing input's file name and exit code 1.
set -euo pipefail
bin=$1
seconds=$2
status=0
for fuzzer in "$bin"/fuzz_*; do
  name=$(basename "$fuzzer")
  corpus=build/corpus/$name
  mkdir -p "$corpus"
  echo "== $name: $seconds s"
  seeds=()
  [[ -d fuzz/seeds/$name ]] && seeds=("fuzz/seeds/$name")
  if ! "$fuzzer" -max_total_time="$seconds" -timeout=25 -rss_limit_mb=4096 -verbosity=0 \
       -print_final_stats=1 -artifact_prefix="build/corpus/$name-" "$corpus" "${seeds[@]}"; then
    echo "== $name found a fault; the input lies in build/corpus/$name-*" >&2
    status=1
  fi
done
exit $status
