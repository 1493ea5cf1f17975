#!/usr/bin/env python3
"""Counts how often `lode compare --live` is right, where the truth is known.

  compare_check.py --lode PROGRAM --model M.onnx --dataset D.h5 [--comparisons 100] [--slowdown 2%]
                   [--run-seconds 0.05] [--rounds 10] [--max-rounds 45] [--interval 0.8%]
                   [--metric p50] [--threads 1] [--samples 8] [--seed 1] [--only aa|slow]
                   [--verbose]

Two kinds of comparison, as many of each as --comparisons says, in turn:

  A/A    a configuration with itself: every figure that is called changed is an error
  A/A+   the same with a second side that is slower by --slowdown (the key sut_slowdown): not to
         find it is an error. Found means that a latency or the throughput is called slower

Prints a line a comparison with --verbose, then the counts, and exits 1 if more than 2% of the A/A
were called changed or fewer than 95% of the slower sides were found.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import time

CHANGED = {"faster", "slower", "smaller", "larger", "better", "worse"}
SPEED = {"ns", "samples/s"}


def write_config(path, options, slowdown):
    lines = [f"model: {json.dumps(str(options.model.resolve()))}",
             f"dataset: {json.dumps(str(options.dataset.resolve()))}",
             "scenario: single-stream", f"threads: {options.threads}",
             f"min_duration: {round(options.run_seconds * 1000)}ms", "min_queries: 10", "warmup: 5",
             f"performance_samples: {options.samples}"]
    if slowdown:
        lines.append(f"sut_slowdown: {slowdown}")
    path.write_text("\n".join(lines) + "\n")


def compare(options, first, second, seed):
    command = [str(options.lode), "compare", "--live", str(first), str(second), "--format", "json",
               "--seed", str(seed), "--rounds", str(options.rounds),
               "--max-rounds", str(options.max_rounds), "--interval", options.interval,
               "--metric", options.metric]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 5):
        sys.exit(f"{' '.join(command)}\nended with {done.returncode}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def describe(result, metric):
    row = next(row for row in result["rows"] if row["figure"] == metric)
    ratio = row["ratio"]
    changes = [f"{row['figure']} {row['change']}" for row in result["rows"]
               if row["change"] in CHANGED]
    return (f"{result['first']['runs']} pairs, {metric} ratio {ratio['value']:.4f} "
            f"[{ratio['lower']:.4f}, {ratio['upper']:.4f}] p {row['p']:.4f}: "
            f"{', '.join(changes) or 'no change'}")


def is_changed(result):
    return any(row["change"] in CHANGED for row in result["rows"])


def is_found(result):
    return any(row["change"] == "slower" and row["unit"] in SPEED for row in result["rows"])


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lode", type=pathlib.Path, required=True)
    parser.add_argument("--model", type=pathlib.Path, required=True)
    parser.add_argument("--dataset", type=pathlib.Path, required=True)
    parser.add_argument("--comparisons", type=int, default=100)
    parser.add_argument("--slowdown", default="2%")
    parser.add_argument("--run-seconds", type=float, default=0.05)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--max-rounds", type=int, default=45)
    parser.add_argument("--interval", default="0.8%")
    parser.add_argument("--metric", default="p50")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--samples", type=int, default=8,
                        help="of the dataset, held in memory: reading all takes a run longer")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=["aa", "slow"])
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()

    begin = time.monotonic()
    changed = found = 0
    with tempfile.TemporaryDirectory() as folder:
        base = pathlib.Path(folder) / "base.yaml"
        same = pathlib.Path(folder) / "same.yaml"
        slow = pathlib.Path(folder) / "slow.yaml"
        write_config(base, options, None)
        write_config(same, options, None)
        write_config(slow, options, options.slowdown)
        for i in range(options.comparisons):
            if options.only != "slow":
                result = compare(options, base, same, options.seed + i)
                changed += is_changed(result)
                if options.verbose:
                    print(f"A/A  {i + 1}: {describe(result, options.metric)}", flush=True)
            if options.only != "aa":
                result = compare(options, base, slow, options.seed + i)
                found += is_found(result)
                if options.verbose:
                    print(f"A/A+ {i + 1}: {describe(result, options.metric)}", flush=True)
    total = options.comparisons
    print(f"{time.monotonic() - begin:.0f} s")
    failed = False
    if options.only != "slow":
        print(f"A/A: {changed} of {total} called changed (at most {total * 2 // 100} wanted)")
        failed = failed or changed > total * 0.02
    if options.only != "aa":
        wanted = -(-total * 95 // 100)
        print(f"A/A+{options.slowdown}: {found} of {total} found (at least {wanted} wanted)")
        failed = failed or found < wanted
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
