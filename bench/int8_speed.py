#!/usr/bin/env python3
"""INT8 beside FP32 and beside the peers, interleaved and pinned: medians of p50 over rounds.

  int8_speed.py ROW ... [--lode PROGRAM] [--python ENV/bin/python] [--rounds 3] [--seconds 0.7]
                [--threads 1] [--batch 1] [--cpus 1]

A ROW is ENGINE:MODEL[:FLAG[=VALUE],...]: engine lode, onnxruntime or openvino; flags are those of
`lode model bench` without their dashes. The first row is what the others are divided by.

  int8_speed.py lode:m.onnx lode:m.onnx:disable-pass=winograd lode:m.int8.onnx \\
      lode:m.int8.onnx:isa=avx512-vnni lode:m.onnx:precision=int8-dynamic onnxruntime:m.int8.onnx
"""
import argparse
import pathlib
import statistics
import sys

from compare_models import HERE, OURS, command_of, numbers, run_once


def measure(row, args):
    """p50 in milliseconds."""
    engine, model, *flags = row.split(":", 2)
    own = []
    for flag in flags[0].split(",") if flags else []:
        name, _, value = flag.partition("=")
        own += [f"--{name}", value] if value else [f"--{name}"]
    engine = OURS if engine == "lode" else engine
    command = command_of(engine, model, (model, args.batch, args.threads), args.cpus, args, own)
    result, why = run_once(command)
    if why:
        sys.exit(f"{row}: {why}")
    return result["p50_ns"] / 1e6


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="+", metavar="ROW")
    parser.add_argument("--lode", type=pathlib.Path, default=HERE.parent / "build/release/lode")
    parser.add_argument("--python", default=sys.executable, help="a Python that has the peers")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.7, help="of each measurement")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--cpus", type=numbers, default=[1])
    args = parser.parse_args()
    args.isa = None  # a flag of rows
    times = [[] for _ in args.rows]
    for _ in range(args.rounds):
        for row, of_row in zip(args.rows, times):
            of_row.append(measure(row, args))
    medians = [statistics.median(of_row) for of_row in times]
    for row, of_row, median in zip(args.rows, times, medians):
        print(f"{median:9.3f} ms  {median / medians[0]:6.3f}  ({min(of_row):.3f}.."
              f"{max(of_row):.3f})  {row}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
