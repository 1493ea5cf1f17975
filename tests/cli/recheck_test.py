#!/usr/bin/env python3
"""recheck_percentiles.py accepts what the program wrote, and finds every figure planted wrong.

  recheck_test.py LODE      exits 77 (skipped) without h5py
"""
import contextlib
import copy
import importlib.util
import io
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
RECHECK = ROOT / "tools/recheck_percentiles.py"
RUNS = {
    "single-stream": ["--sut", "null", "--max-queries", "1000"],
    "multi-stream": ["--sut", "delay", "--delay", "uniform:100us,300us", "--instances", "4"],
    "offline": ["--sut", "delay", "--delay", "constant:1ms", "--instances", "2"],
}


def recheck(folder):
    """Exit code and output of the script as its users run it."""
    done = subprocess.run([sys.executable, str(RECHECK), str(folder)], capture_output=True,
                          text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def load_recheck():
    """The same within this process: a hundred times the start of an interpreter is a minute."""
    spec = importlib.util.spec_from_file_location("recheck", RECHECK)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def call(folder):
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            code = module.main([str(folder)])
        return code, output.getvalue()
    return call


def figures(metrics):
    """(path, value) of every number that can be wrong."""
    for name in ("latency_ns", "service_ns", "issue_lag_ns"):
        for key in metrics[name]:
            yield (name, key)
    for name in ("queries", "samples", "duration_ns", "throughput_samples_per_s"):
        yield (name,)
    yield ("headline", "value")


def plant(record, path):
    """A copy of the record with one figure off by the least that its type can be."""
    wrong = copy.deepcopy(record)
    place = wrong["metrics"]
    for key in path[:-1]:
        place = place[key]
    value = place[path[-1]]
    place[path[-1]] = value + 1 if isinstance(value, int) else value * (1 + 1e-12)
    return wrong


def plant_in(folder, scratch, change):
    """A copy of a run directory whose record or samples.h5 `change` spoils."""
    copied = scratch / "planted"
    shutil.rmtree(copied, ignore_errors=True)
    shutil.copytree(folder, copied)
    record = json.loads((copied / "result.json").read_text())
    change(record, copied)
    (copied / "result.json").write_text(json.dumps(record))
    return copied


def contradictions():
    """(field that has to be named, change) of what no single figure shows."""
    def flip(record, _):
        record["verdict"]["valid"] = not record["verdict"]["valid"]

    def unit(record, _):
        record["metrics"]["headline"]["unit"] = "queries/s"

    def samples_of_another(record, copied):
        import h5py
        with h5py.File(copied / "samples.h5", "r+") as file:
            file.attrs["run"] = "another"

    def missing(record, copied):
        (copied / "samples.h5").unlink()

    return [("verdict.valid", flip), ("headline.unit", unit),
            ("samples.h5: run", samples_of_another), ("cannot be checked", missing)]


def accuracy_contradictions():
    def at(name, value):
        def change(record, _):
            record["accuracy"][name] = value
        return change

    def dataset(record, _):
        record["dataset"]["samples"] = 63

    return [("accuracy.top1", at("top1", 0.5)), ("accuracy.top1", at("top1_correct", 1)),
            ("accuracy.top5", at("top5", 0.25)), ("accuracy.samples", at("samples", 65)),
            ("samples.h5: index within the dataset", dataset)]


def find_planted(folder, scratch, quick_recheck, changes):
    for field, change in changes:
        code, output = quick_recheck(plant_in(folder, scratch, change))
        assert code == 1, f"{folder.name}: {field} planted wrong was not found"
        assert field in output.splitlines()[-1], output
    return len(changes)


def main(lode):
    try:
        import h5py  # noqa: F401
    except ImportError:
        print("skipped: needs h5py (python3-h5py)")
        return 77
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="lode-recheck-"))
    quick_recheck = load_recheck()
    planted = 0
    for scenario, arguments in RUNS.items():
        folder = scratch / scenario
        subprocess.run([lode, "run", "--scenario", scenario, "--min-duration", "50ms",
                        "--min-queries", "20", *arguments, "--output", str(folder)],
                       stdout=subprocess.DEVNULL, check=False)
        code, output = recheck(folder)
        assert code == 0 and "figures are right" in output, output
        record = json.loads((folder / "result.json").read_text())
        for path in figures(record["metrics"]):
            copied = scratch / "planted"
            shutil.rmtree(copied, ignore_errors=True)
            shutil.copytree(folder, copied)
            (copied / "result.json").write_text(json.dumps(plant(record, path)))
            code, output = quick_recheck(copied)
            field = ".".join(path)
            assert code == 1, f"{scenario}: {field} planted wrong was not found"
            assert field in output.splitlines()[-1], output
            planted += 1
        assert recheck(scratch / "planted")[0] == 1
        planted += find_planted(folder, scratch, quick_recheck, contradictions())
    folder = scratch / "accuracy"
    subprocess.run([lode, "dataset", "synth", "--samples", "64", "--seed", "3", "--output",
                    str(scratch / "data.h5")], stdout=subprocess.DEVNULL, check=True)
    subprocess.run([lode, "run", "--model", str(ROOT / "models/embedded/synth10.onnx"), "--dataset",
                    str(scratch / "data.h5"), "--mode", "accuracy", "--output", str(folder)],
                   stdout=subprocess.DEVNULL, check=True)
    code, output = recheck(folder)
    assert code == 0, output
    planted += find_planted(folder, scratch, quick_recheck, accuracy_contradictions())
    code, output = recheck(scratch / "nothing")
    assert code == 1 and "cannot be checked" in output and "Traceback" not in output, output
    shutil.rmtree(scratch)
    print(f"{len(RUNS) + 1} runs right, {planted} planted figures found")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
