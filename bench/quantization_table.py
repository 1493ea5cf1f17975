#!/usr/bin/env python3
"""What each choice of quantization buys: quantizes models in every way and scores each file.

  quantization_table.py --lode PROGRAM --model NAME=M.onnx --dataset D.h5 [--samples N]

Prints a Markdown table: top-1 in FP32 and quantized, agreement with FP32's top-1, and signal to
noise of the result, as `lode model diff --result-only` has them on the dataset's first samples.
"""
import argparse
import itertools
import json
import pathlib
import subprocess
import sys
import tempfile

METHODS = ["min-max", "moving-average", "percentile", "mse", "entropy"]


def ways(methods):
    """(method, weights, equalised, corrected) of every row."""
    yield from itertools.product(methods, ["per-channel", "per-tensor"], ["off", "on"],
                                 [False, True])


def run(command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def score(args, model, quantized):
    return json.loads(run([args.lode, "model", "diff", model, quantized, "--dataset", args.dataset,
                           "--samples", str(args.samples), "--threads", str(args.threads),
                           "--result-only", "--format", "json"]))


def line(cells):
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def cells_of(result):
    return [f"{result['top1_a']} -> {result['top1_b']}",
            f"{result['agreed'] / result['samples']:.1%}", f"{result['sqnr_db']:.1f}"]


def rows(args, name, model, folder):
    out = str(folder / "q.onnx")
    for method, weights, equalise, corrects in ways(args.methods):
        command = [args.lode, "quantize", model, "--precision", "int8-static", "--dataset",
                   args.dataset, "--output", out, "--calibration-method", method, "--weights",
                   weights, "--equalise", equalise, "--report-samples", "0"]
        run(command + ([] if corrects else ["--no-bias-correction"]))
        yield [name, method, weights, equalise, "on" if corrects else "off",
               *cells_of(score(args, model, out))]
    run([args.lode, "quantize", model, "--precision", "int8-dynamic", "--output", out])
    yield [name, "dynamic", "per-channel", "", "", *cells_of(score(args, model, out))]


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lode", required=True)
    parser.add_argument("--model", action="append", required=True, help="NAME=FILE")
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--samples", type=int, default=500)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    args = parser.parse_args()
    print(line(["net", "ranges", "weights", "equalised", "corrected", "top-1", "agreement",
                "SQNR dB"]))
    print(line(["---"] * 8))
    with tempfile.TemporaryDirectory() as folder:
        for model in args.model:
            name, path = model.split("=", 1)
            for row in rows(args, name, path, pathlib.Path(folder)):
                print(line(row), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
