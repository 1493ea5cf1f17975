#!/usr/bin/env python3
"""Checks the project's own rules on every tracked or new source file; exits 1 with a line a breach.

  include table   which folder may include which (docs/architecture.md has the reasons)
  HDF5, protobuf, Eigen, YAML, -m flags   each in its one place
  100 columns, 70 lines a function, 700 lines a file, no tabs, no trailing space, final newline
  a comment at the head of every header, and of every .cc without a header of its own
  no dead file: every header is included, every source is built, every Markdown page is linked
  no words of unfinished work, no path of one machine
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
CPP = {".cc", ".h"}
TEXT = CPP | {".py", ".sh", ".md", ".cmake", ".txt", ".yaml"}
COLUMNS, FUNCTION_LINES, FILE_LINES = 100, 70, 700

ENGINE = ["engine/kernels", "engine/graph", "engine/ops", "engine/passes", "engine/onnx",
          "engine/runtime"]
EVERYTHING = ["engine", "datasets", "results", "loadgen", "sut", "config", "run", "cli", "quant",
              "models"]
# Folder -> what it may include beside itself and base/. A name ending in .h is that header alone.
MAY_INCLUDE = {
    "base": [],
    "engine/kernels": [],
    "engine/graph": [],
    "engine/ops": ["engine/graph", "engine/kernels"],
    "engine/passes": ["engine/graph", "engine/ops"],
    "engine/onnx": ["engine/graph", "engine/ops"],
    "engine/runtime": ENGINE,
    "quant": ["engine", "datasets/sample_library.h"],
    "datasets": [],
    "results/record": [],
    "results/stats": ["results/record"],
    "results/compare": ["results/record", "results/stats"],
    "results/sweep": ["results/record", "results/stats"],
    "loadgen": ["datasets/sample_library.h", "results/record"],
    "sut": ["loadgen/system_under_test.h", "datasets/sample_library.h",
            "engine/runtime/session.h"],
    "models": ["engine/graph", "engine/onnx"],
    "config": ["loadgen/settings.h", "loadgen/arrivals.h"],
    "run": ["config", "datasets", "sut", "loadgen", "quant", "engine/onnx", "engine/runtime",
            "results"],
    "cli": EVERYTHING,
    "bench": EVERYTHING,
    "fuzz": EVERYTHING,
    "tests": EVERYTHING + ["tests"],
}
# The headers that third-party code includes by their bare names.
FACE = "loadgen/mlperf"
# What from outside stays in one place: pattern of the include -> folders.
CONFINED = {
    r"<(hdf5|H5\w*)\.h>": ["base/h5", "tests"],
    r"<(onnx|google/protobuf)/": ["engine/onnx", "tests", "fuzz"],
    r"<Eigen/": ["engine/kernels"],
    r"<yaml-cpp/": ["config", "tests"],
    r"<spdlog/": ["base"],
    r"<CLI/": ["cli"],
    r"<(jpeglib|turbojpeg|png)\.h>": ["datasets", "tests", "fuzz"],
    r"<(immintrin|x86intrin|[ex]mmintrin|arm_neon)\.h>": ["engine/kernels", "engine/runtime"],
}
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
MACHINE_PATH = re.compile(r"(^|[^A-Za-z0-9_.-])/(tmp|root|home|work|opt|mnt)/[a-z]")
# A header whose includer is outside the tree or made by a macro would stand here with the reason.
UNREFERENCED_BY_DESIGN = {"LICENSE", "README.md"}


def sources():
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"],
                            cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    return sorted(pathlib.PurePosixPath(p) for p in listed if p and (ROOT / p).is_file())


def folder_of(path):
    """The row of the include table that a path belongs to: the longest that is a prefix."""
    rows = [row for row in MAY_INCLUDE if str(path).startswith(row + "/")]
    return max(rows, key=len) if rows else None


def allowed(target, own, extra):
    if target.startswith(own + "/") or target.startswith("base/"):
        return True
    return any(target == e if e.endswith(".h") else target.startswith(e + "/") for e in extra)


def check_includes(path, lines, say):
    own = folder_of(path)
    if own is None:
        return say(path, 1, "stands in a folder that the include table does not know")
    for number, line in enumerate(lines, 1):
        quoted = re.match(r'\s*#\s*include\s*"([^"]+)"', line)
        if quoted:
            target = quoted.group(1)
            # Written for MLPerf LoadGen, whose headers are found by their bare names.
            if own == "tests" and "/" not in target and (ROOT / FACE / target).is_file():
                continue
            if not (ROOT / target).is_file():
                say(path, number, f'includes "{target}", which is no file from the root')
            elif not allowed(target, own, MAY_INCLUDE[own]):
                say(path, number, f'{own} may not include "{target}"')
        for pattern, folders in CONFINED.items():
            if re.match(r"\s*#\s*include\s*" + pattern, line):
                if not any(str(path).startswith(f + "/") for f in folders):
                    say(path, number, f"{line.strip()} belongs in {', '.join(folders)} only")


def check_text(path, lines, raw, say):
    if raw and not raw.endswith("\n"):
        say(path, len(lines), "does not end with a newline")
    for number, line in enumerate(lines, 1):
        if "\t" in line and path.suffix != ".md":
            say(path, number, "has a tab")
        if line != line.rstrip():
            say(path, number, "has trailing space")
        if UNFINISHED.search(line) and path.name != "tidy.py":
            say(path, number, "has a word of unfinished work")
        if MACHINE_PATH.search(line) and path.name != "tidy.py":
            say(path, number, "names a path of one machine")
    if path.suffix in CPP | {".py", ".sh", ".cmake"}:
        for number, line in enumerate(lines, 1):
            if len(line) > COLUMNS and "http" not in line:
                say(path, number, f"has {len(line)} columns; {COLUMNS} are the limit")
        if len(lines) > FILE_LINES:
            say(path, 1, f"has {len(lines)} lines; {FILE_LINES} are the limit")


def check_functions(path, lines, say):
    """In clang-format's shape a body ends at the first brace with its signature's indent. The
    signature may take several lines: its indent is that of the line where the statement began."""
    not_a_function = re.compile(r"\s*(namespace|class|struct|enum|union|extern|using|typedef|#|//|"
                                r"if|for|while|switch|else|do|catch|return|case|default|\})\b")
    statement = start = indent = None
    for number, line in enumerate(lines, 1):
        if start is not None:
            if line.startswith(indent + "}"):
                if number - start + 1 > FUNCTION_LINES:
                    say(path, start, f"function of {number - start + 1} lines; "
                                     f"{FUNCTION_LINES} are the limit")
                start = None
            continue
        text = line.strip()
        if not text or text.startswith(("//", "#")) or text in {"public:", "private:"}:
            statement = None
            continue
        if statement is None:
            statement = number
        if text.endswith("{"):
            first = lines[statement - 1]
            joined = " ".join(each.strip() for each in lines[statement - 1:number])
            if re.search(r"\)[^()]*\{$", joined) and not not_a_function.match(first):
                start, indent = statement, first[:len(first) - len(first.lstrip())]
            statement = None
        elif text.endswith((";", "}", ":")):
            statement = None


def check_dead(paths, texts, say):
    everything = "\n".join(texts.values())
    for path in paths:
        if path.suffix == ".h" and f'"{path}"' not in everything:
            say(path, 1, "is included by nobody")
        if path.suffix in {".py", ".sh", ".md"} and str(path) not in UNREFERENCED_BY_DESIGN:
            others = "\n".join(text for p, text in texts.items() if p != path)
            if path.name not in others:
                say(path, 1, "is named by no other file")
        if path.suffix == ".cc" and not (ROOT / path.parent / "CMakeLists.txt").is_file():
            near = [q for q in path.parents if (ROOT / q / "CMakeLists.txt").is_file()]
            cmake = (ROOT / near[0] / "CMakeLists.txt").read_text() if near else ""
            helper = (ROOT / "cmake/targets.cmake").read_text()
            if f"{path.parent.name}/" not in helper + cmake:
                say(path, 1, "is built by no target")


def main():
    breaches = []

    def say(path, number, what):
        breaches.append(f"{path}:{number}: {what}")

    paths = [p for p in sources() if p.suffix in TEXT or p.name == "Makefile"]
    texts = {}
    for path in paths:
        raw = (ROOT / path).read_text(encoding="utf-8")
        texts[path] = raw
        lines = raw.split("\n")[:-1] if raw.endswith("\n") else raw.split("\n")
        if path.name != "Makefile":
            check_text(path, lines, raw, say)
        if path.suffix in CPP:
            own_header = path.suffix == ".cc" and (ROOT / path.with_suffix(".h")).is_file()
            if lines and not own_header and not lines[0].startswith("//"):
                say(path, 1, "has no comment at its head")
            check_includes(path, lines, say)
            check_functions(path, lines, say)
        flags = re.search(r"[\s\"'(]-m(avx|fma|sse|arch|tune|f16c)", raw)
        if flags and path.suffix in {".cmake", ".txt"} and str(path) != "cmake/isa_flags.cmake":
            say(path, 1, "has -m flags; they stand in cmake/isa_flags.cmake only")
    check_dead(paths, texts, say)
    for line in breaches:
        print(line)
    print(f"tidy: {len(paths)} files, {len(breaches)} breaches")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
