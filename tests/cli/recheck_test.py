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

RECHECK = pathlib.Path(__file__).resolve().parents[2] / "tools/recheck_percentiles.py"
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
    shutil.rmtree(scratch)
    print(f"{len(RUNS)} runs right, {planted} planted figures found")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
