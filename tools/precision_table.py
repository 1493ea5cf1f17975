#!/usr/bin/env python3
"""Prints the precisions of a demo side by side.

  precision_table.py DIR    DIR holds PRECISION-latency and PRECISION-accuracy, run directories of
                            single-stream and of accuracy mode

Speed is the ratio of p90 latencies to FP32's: above 1 is faster.
"""
import json
import pathlib
import sys

PRECISIONS = ["fp32", "fp16", "int8-static", "int8-dynamic"]


def record(folder):
    return json.loads((folder / "result.json").read_text())


def row(folder, precision):
    speed = record(folder / f"{precision}-latency")
    scored = record(folder / f"{precision}-accuracy")
    latency = speed["metrics"]["latency_ns"]
    return {"precision": precision, "p90": latency["p90"], "p99": latency["p99"],
            "throughput": scored["metrics"]["throughput_samples_per_s"],
            "weights": speed["model"]["weight_bytes"], "top1": scored["accuracy"]["top1"]}


def main():
    folder = pathlib.Path(sys.argv[1])
    rows = [row(folder, precision) for precision in PRECISIONS]
    print()
    print(f"{'precision':<14}{'p90':>11}{'p99':>11}{'samples/s':>12}{'weights':>11}{'top-1':>9}"
          f"{'speed':>8}")
    for each in rows:
        print(f"{each['precision']:<14}{each['p90'] / 1e6:>8.3f} ms{each['p99'] / 1e6:>8.3f} ms"
              f"{each['throughput']:>12.0f}{each['weights'] / 1e3:>8.1f} kB{each['top1']:>8.2%}"
              f"{rows[0]['p90'] / each['p90']:>7.2f}x")


if __name__ == "__main__":
    main()
