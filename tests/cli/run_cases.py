#!/usr/bin/env python3
"""Runs command-line cases: each folder of cases/ is one, and says what has to come out.

  run_cases.py --lode PROGRAM [--keep] CASE...

  cmd               bash, run in an empty scratch folder, with
                      $LODE   the program          $ROOT   the source tree
                      $MODEL  the embedded model   $ONNX   onnx_fixture.py, makes small models
                      $PYTHON this script's Python, which has h5py
  expected_exit     the exit code; 0 without this file
  expected_stdout   lines, each a regular expression: they have to be found in this order, each in
  expected_stderr   a line of its own. A first line `exactly` forbids all other lines, and an empty
                    file any output.
  expected_files    what is left in the scratch folder, one name a line, sorted

Prints a line a case; exits 1 if any failed.
"""
import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SECONDS_MAX = 120


def lines_of(path):
    return path.read_text().splitlines()


def compare(name, wanted, output):
    """Why `output` is not what `wanted` asks for, or None."""
    found = output.splitlines()
    exact = wanted[:1] == ["exactly"]
    if exact:
        wanted = wanted[1:]
    if (exact or not wanted) and len(found) != len(wanted):
        return f"{name}: {len(found)} lines instead of {len(wanted)}"
    at = 0
    for pattern in wanted:
        while at < len(found) and not re.search(pattern, found[at]):
            if exact:
                return f"{name}: line {at + 1} does not match /{pattern}/"
            at += 1
        if at == len(found):
            return f"{name}: nothing matches /{pattern}/"
        at += 1
    return None


def run_case(case, lode, keep):
    scratch = pathlib.Path(tempfile.mkdtemp(prefix=f"lode-{case.name}-"))
    environment = {k: v for k, v in os.environ.items() if not k.startswith("LODE_")}
    environment.update(LODE=str(lode), ROOT=str(ROOT), CASE=str(case),
                       MODEL=str(ROOT / "models/embedded/synth10.onnx"),
                       PYTHON=sys.executable, ONNX=f"{sys.executable} {HERE / 'onnx_fixture.py'}")
    try:
        done = subprocess.run(["bash", "-u", str(case / "cmd")], cwd=scratch, env=environment,
                              capture_output=True, text=True, errors="replace",
                              timeout=SECONDS_MAX, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        return [f"took more than {SECONDS_MAX} s"], "", ""
    problems = []
    exit_file = case / "expected_exit"
    wanted_exit = int(exit_file.read_text()) if exit_file.exists() else 0
    if done.returncode != wanted_exit:
        problems.append(f"exit code {done.returncode} instead of {wanted_exit}")
    for name, output in (("stdout", done.stdout), ("stderr", done.stderr)):
        expected = case / f"expected_{name}"
        if expected.exists():
            problems.append(compare(name, lines_of(expected), output))
    files = case / "expected_files"
    if files.exists():
        left = sorted(entry.name for entry in scratch.iterdir())
        if left != lines_of(files):
            problems.append(f"left {left} instead of {lines_of(files)}")
    if not keep:
        subprocess.run(["rm", "-rf", str(scratch)], check=False)
    return [problem for problem in problems if problem], done.stdout, done.stderr


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lode", type=pathlib.Path, required=True)
    parser.add_argument("--keep", action="store_true", help="leave the scratch folders")
    parser.add_argument("cases", nargs="+", type=pathlib.Path)
    arguments = parser.parse_args()
    failed = 0
    for case in arguments.cases:
        problems, stdout, stderr = run_case(case.resolve(), arguments.lode.resolve(),
                                            arguments.keep)
        print(f"{'FAILED' if problems else 'ok    '} {case.name}")
        if problems:
            failed += 1
            for problem in problems:
                print(f"  {problem}")
            print("  stdout:\n" + stdout.rstrip() + "\n  stderr:\n" + stderr.rstrip())
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
