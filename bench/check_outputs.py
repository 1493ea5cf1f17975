#!/usr/bin/env python3
"""Compares lode's outputs with ONNX Runtime's, by model, image size, batch and instruction set.

  ENV/bin/python bench/check_outputs.py [--models NAME_OR_FILE,...] [--sizes 224,160]
                 [--batches 1,3,8] [--isas generic,avx2,avx512,avx512-amx] [--tolerance 1e-4]

Needs onnxruntime and numpy in the Python that runs it. A NAME is one of `lode model zoo`.
Instruction sets that this machine lacks are left out, by name. The difference is the largest
absolute one over the largest output; on avx2 and avx512, which take Winograd's convolutions, the
tolerance is five times as wide. The samples of a smaller batch must also have the same bits in the
larger ones, and two threads must give the bits of one. Exit code 1 if anything is off.
"""
import argparse
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
TAKES_WINOGRAD = ("avx2", "avx512", "avx512-vnni")


def split(text):
    return text.split(",")


def numbers(text):
    return [int(part) for part in text.split(",")]


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--lode", type=pathlib.Path, default=ROOT / "build/release/lode")
    parser.add_argument("--models", type=split, default=[])
    parser.add_argument("--sizes", type=numbers, default=[224, 160])
    parser.add_argument("--batches", type=numbers, default=[1, 3, 8])
    parser.add_argument("--isas", type=split,
                        default=["generic", "avx2", "avx512", "avx512-amx"])
    parser.add_argument("--tolerance", type=float, default=1e-4)
    parser.add_argument("--cache", type=pathlib.Path, default=ROOT / "build/zoo")
    return parser.parse_args()


def run(command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"check_outputs: {' '.join(str(part) for part in command)}: {done.stderr.strip()}")
    return done.stdout


def zoo_names(lode):
    lines = run([lode, "model", "zoo", "--format", "csv"]).splitlines()
    return [line.split(",")[0] for line in lines[1:]]


def model_file(name, size, args):
    """A file as it is; a zoo name built for this size, once."""
    if pathlib.Path(name).is_file():
        return pathlib.Path(name)
    path = args.cache / f"{name}-{size}.onnx"
    if not path.is_file():
        args.cache.mkdir(parents=True, exist_ok=True)
        run([args.lode, "model", "zoo", name, "--size", size, "--output", path])
    return path


def isas_of_this_machine(args):
    """Those asked for that `lode` takes here."""
    here = []
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "smallest.onnx"
        run([args.lode, "model", "zoo", "squeezenet1.1", "--size", 64, "--output", path])
        for isa in args.isas:
            command = [str(args.lode), "model", "inspect", str(path), "--isa", isa]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode == 0:
                here.append(isa)
            elif "is not on this machine" in done.stderr:
                print(f"left out: this machine has no {isa}")
            else:
                sys.exit(f"check_outputs: --isas: {done.stderr.strip()}")
    if not here:
        sys.exit("check_outputs: --isas: none of these is on this machine; nothing was compared")
    return here


def outputs_of(lode, path, x, isa, threads, folder):
    import numpy as np
    np.save(folder / "x.npy", x)
    run([lode, "model", "run", path, "--input", folder / "x.npy", "--output", folder / "y.npy",
         "--isa", isa, "--threads", threads])
    return np.load(folder / "y.npy")


def check(path, size, args, folder):
    """Lines of the table for one model at one size, and whether all is well."""
    import numpy as np
    import onnxruntime as ort
    options = ort.SessionOptions()
    options.log_severity_level = 3
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    port = session.get_inputs()[0]
    fixed = port.shape[0] if isinstance(port.shape[0], int) else None
    batches = [fixed] if fixed else args.batches
    most = max(batches)
    shape = [most] + [extent if isinstance(extent, int) else size for extent in port.shape[1:]]
    x = (1.5 * np.sin(0.37 * np.arange(np.prod(shape)))).astype(np.float32).reshape(shape)
    wanted = session.run(None, {port.name: x})[0]
    is_well = True
    for isa in args.isas:
        smaller = None
        for batch in sorted(batches):
            y = outputs_of(args.lode, path, x[:batch], isa, 1, folder)
            difference = float(np.abs(y - wanted[:batch]).max() / np.abs(wanted[:batch]).max())
            same = smaller is None or y[:len(smaller)].tobytes() == smaller.tobytes()
            smaller = y
            two = outputs_of(args.lode, path, x[:batch], isa, 2, folder)
            same_threads = two.tobytes() == y.tobytes()
            limit = args.tolerance * (5 if isa in TAKES_WINOGRAD else 1)
            well = difference <= limit and same and same_threads
            is_well = is_well and well
            print(f"{path.stem:24} {size:5} {batch:6} {isa:11} {difference:10.2e} "
                  f"{'same bits' if same else 'BITS DIFFER BY BATCH'} "
                  f"{'same bits' if same_threads else 'BITS DIFFER BY THREADS'} "
                  f"{'' if well else 'OFF'}", flush=True)
    return is_well


def main():
    args = parse()
    args.isas = isas_of_this_machine(args)
    print(f"{'model':24} {'size':>5} {'batch':>6} {'isa':11} {'difference':>10} batch     threads")
    is_well = True
    with tempfile.TemporaryDirectory() as folder:
        for name in args.models or zoo_names(args.lode):
            for size in args.sizes:
                path = model_file(name, size, args)
                is_well = check(path, size, args, pathlib.Path(folder)) and is_well
    print("all outputs agree" if is_well else "some outputs are off")
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main())
