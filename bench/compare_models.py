#!/usr/bin/env python3
"""Whole models beside the peer engines: interleaved, pinned, one process a measurement.

  bench/compare_models.py [--lode build/release/lode] [--python ENV/bin/python]
                          [--engines lodestone,lodestone-fp16,lodestone-int8-static,
                                     lodestone-int8-dynamic,onnxruntime,openvino]
                          [--models NAME|PATH,...]
                          [--batches 1,8] [--threads 1,2] [--cpus 0,1] [--rounds 3] [--seconds 2]
                          [--isa ISA] [--cache build/zoo] [--json FILE] [--markdown FILE]

A row is a model, a batch and a number of threads. In each round of a row all engines take their
turn (A B C A B C ...), on the same processors. Times are the median over the rounds of each one's
p50; a ratio is ours over the peer's, of those medians, and behind it stand the smallest and the
largest ratio of a round. Memory is the process's peak; of a peer, less what importing its module
took. Load is from the file to a prepared session, imports left out.

Models are zoo names, built into --cache, or paths; a zoo name that LODE_TEST_DATA has trained
weights for (models/NAME.onnx) takes those. The peers need a Python that has them. Our other
precisions (lodestone-PRECISION) are quantized into --cache first, int8-static on eight images of
LODE_TEST_DATA and with the quickest choices: they are for speed, not for accuracy.
"""
import argparse
import itertools
import json
import os
import pathlib
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
OURS = "lodestone"
OWN = ("fp16", "int8-static", "int8-dynamic")  # beside FP32
PEERS = ("onnxruntime", "openvino")
QUICKEST = ("--calibration-method", "min-max", "--equalise", "off", "--no-bias-correction",
            "--rounding", "nearest")
HOW_TO_GET_PEERS = ("python3 -m venv ENV && ENV/bin/pip install onnxruntime openvino numpy, "
                    "then --python ENV/bin/python")
ONE_IMAGE = ("mobilenetv2", "squeezenet1.1", "resnet50", "densenet121", "vgg19", "mobilenetv1",
             "mobilenetv3-large", "efficientnet-b0")
MANY_IMAGES = (("mobilenetv2", 32, 2), ("resnet50", 8, 2))
DEFAULT_ROWS = tuple((m, 1, t) for m in ONE_IMAGE for t in (1, 2)) + MANY_IMAGES
MEASURES = ("p50_ns", "load_ns", "memory_bytes")


# ---- what to measure

def make_rows(models, batches, threads):
    """(model, batch, threads), those of the default table unless told otherwise."""
    rows = []
    for model in models or dict.fromkeys(row[0] for row in DEFAULT_ROWS):
        known = [row[1:] for row in DEFAULT_ROWS if row[0] == model] or [(1, 1), (1, 2)]
        if batches or threads:
            known = itertools.product(batches or dict.fromkeys(b for b, _ in known),
                                      threads or dict.fromkeys(t for _, t in known))
        rows += [(model, batch, count) for batch, count in known]
    return rows


def model_file(name, lode, cache, data):
    """The path of a model given by path or zoo name; builds it if it is not there yet."""
    if name.endswith(".onnx"):
        return pathlib.Path(name)
    trained = pathlib.Path(data or os.devnull) / "models" / f"{name}.onnx"
    if trained.is_file():
        return trained
    built = cache / f"{name}.onnx"
    if not built.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        subprocess.run([lode, "model", "zoo", name, "--output", built], check=True,
                       stdout=subprocess.DEVNULL)
    return built


def precision_of(engine):
    """Of our engine, other than that of the model itself; "" of others."""
    return engine.removeprefix(f"{OURS}-") if engine.startswith(f"{OURS}-") else ""


def quietly(command):
    """Why it failed; "" if it did not."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True,
                          check=False)
    if done.returncode == 0:
        return ""
    return (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]


def calibration_samples(args, data):
    """The dataset of eight images, made once, and why there is none."""
    path = args.cache / "calibration.h5"
    if path.is_file():
        return path, ""
    images = pathlib.Path(data or os.devnull) / "imagenet-mini"
    if not images.is_dir():
        return path, "it is calibrated on images: set LODE_TEST_DATA"
    return path, quietly([
        args.lode, "dataset", "import", "--images", images / "images", "--labels",
        images / "val_map.txt", "--resize", 256, "--crop", 224, "--mean", "0.485,0.456,0.406",
        "--std", "0.229,0.224,0.225", "--calibration-samples", 8, "--output", path])


def file_for(engine, path, args, data):
    """The model in the engine's precision, and why there is none."""
    precision = precision_of(engine)
    if not precision:
        return path, ""
    made = args.cache / f"{path.stem}.{precision}.onnx"
    newest = max(path.stat().st_mtime, args.lode.stat().st_mtime)
    if made.is_file() and made.stat().st_mtime >= newest:
        return made, ""
    args.cache.mkdir(parents=True, exist_ok=True)
    choices = ()
    if precision == "int8-static":
        samples, why = calibration_samples(args, data)
        if why:
            return path, why
        choices = ("--dataset", samples, *QUICKEST)
    return made, quietly([args.lode, "quantize", path, "--precision", precision, *choices,
                          "--output", made])


def command_of(engine, path, row, cpus, args, flags=()):
    """`flags` are our program's own."""
    _, batch, threads = row
    is_ours = engine == OURS or precision_of(engine) != ""
    program = [args.lode, "model", "bench", path] if is_ours else [
        args.python, HERE / "peer_bench.py", path, "--engine", engine]
    program += flags
    if is_ours and args.isa:
        program += ["--isa", args.isa]
    return [str(part) for part in program + [
        "--batch", batch, "--threads", threads, "--seconds", args.seconds,
        "--cpus", ",".join(map(str, cpus[:threads]))]]


def run_once(command):
    """The JSON line of one measurement, or why there is none."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode != 0 or not lines:
        said = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        return None, said
    result = json.loads(lines[-1])
    result["memory_bytes"] = result["peak_rss_bytes"] - result.get("import_rss_bytes", 0)
    return result, None


# ---- what it says

def summarise(rounds):
    """Medians over the rounds; `rounds` is a list of results of one engine in one row."""
    summary = {name: int(statistics.median(each[name] for each in rounds)) for name in MEASURES}
    summary["version"] = rounds[0]["version"]
    summary["rounds_p50_ns"] = [each["p50_ns"] for each in rounds]
    summary["calls"] = sum(each["calls"] for each in rounds)
    return summary


def compare(ours, peer):
    """Ours over the peer's: of the medians, and the extremes of the rounds."""
    by_round = [a / b for a, b in zip(ours["rounds_p50_ns"], peer["rounds_p50_ns"])]
    return {"ratio": ours["p50_ns"] / peer["p50_ns"], "ratio_min": min(by_round),
            "ratio_max": max(by_round),
            "memory_ratio": ours["memory_bytes"] / max(1, peer["memory_bytes"]),
            "load_ratio": ours["load_ns"] / peer["load_ns"]}


def measure_row(row, path, engines, args, progress):
    data = os.environ.get("LODE_TEST_DATA")
    files = {engine: file_for(engine, path, args, data) for engine in engines}
    failures = {engine: why for engine, (_, why) in files.items() if why}
    results = {engine: [] for engine in engines if engine not in failures}
    for number in range(args.rounds):
        for engine in engines:
            if engine in failures:
                continue
            result, why = run_once(command_of(engine, files[engine][0], row, args.cpus, args))
            if why:
                failures[engine] = why
                results.pop(engine)
            else:
                results[engine].append(result)
            progress(row, number, engine, why or f"{result['p50_ns'] / 1e6:.2f} ms")
    summaries = {engine: summarise(rounds) for engine, rounds in results.items()}
    ratios = {engine: compare(summaries[OURS], summary)
              for engine, summary in summaries.items() if engine != OURS and OURS in summaries}
    name = path.stem if row[0].endswith(".onnx") else row[0]
    return {"model": name, "file": path.name, "batch": row[1], "threads": row[2],
            "engines": summaries, "ratios": ratios, "failures": failures}


def speed_table(report):
    engines = report["engines"]
    heads = ["model", "batch", "threads"]
    for engine in engines:
        heads.append(f"{engine} ms")
        if engine != OURS:
            heads += ["ratio", "min..max"]
    rows = []
    for row in report["rows"]:
        cells = [row["model"], str(row["batch"]), str(row["threads"])]
        for engine in engines:
            summary = row["engines"].get(engine)
            cells.append(f"{summary['p50_ns'] / 1e6:.2f}" if summary else "failed")
            if engine == OURS:
                continue
            ratio = row["ratios"].get(engine)
            cells.append(f"{ratio['ratio']:.3f}" if ratio else "-")
            cells.append(f"{ratio['ratio_min']:.3f}..{ratio['ratio_max']:.3f}" if ratio else "-")
        rows.append(cells)
    return heads, rows


def cost_table(report):
    """Memory and load time."""
    engines = report["engines"]
    heads = ["model", "batch", "threads"]
    for unit in ("MB", "load ms"):
        for engine in engines:
            heads.append(f"{engine} {unit}")
            if engine != OURS:
                heads.append("ratio")
    rows = []
    for row in report["rows"]:
        cells = [row["model"], str(row["batch"]), str(row["threads"])]
        for key, ratio_key in (("memory_bytes", "memory_ratio"), ("load_ns", "load_ratio")):
            for engine in engines:
                summary = row["engines"].get(engine)
                cells.append(f"{summary[key] / 1e6:.1f}" if summary else "failed")
                if engine != OURS:
                    ratio = row["ratios"].get(engine)
                    cells.append(f"{ratio[ratio_key]:.2f}" if ratio else "-")
        rows.append(cells)
    return heads, rows


def as_text(table):
    heads, rows = table
    widths = [max(map(len, column)) for column in zip(heads, *rows)]
    lines = []
    for cells in [heads] + rows:
        padded = [cell.ljust(width) if i == 0 else cell.rjust(width)
                  for i, (cell, width) in enumerate(zip(cells, widths))]
        lines.append("  ".join(padded).rstrip())
    return "\n".join(lines) + "\n"


def as_markdown(table):
    heads, rows = table
    lines = [heads, ["---"] + ["---:"] * (len(heads) - 1)] + rows
    return "".join("| " + " | ".join(cells) + " |\n" for cells in lines)


def notes(report):
    settings = report["settings"]
    engines = ", ".join(f"{name} {version}" for name, version in report["engines"].items())
    lines = [f"{settings['rounds']} interleaved rounds of {settings['seconds']:g} s on processors "
             f"{','.join(map(str, settings['cpus']))} of {report['machine']}; {engines}",
             "ratio: ours over the peer's, of the medians; min..max: of single rounds"]
    lines += [f"{peer}: skipped: {why}" for peer, why in report["skipped"].items()]
    for row in report["rows"]:
        for engine, why in row["failures"].items():
            lines.append(f"{row['model']} batch {row['batch']} threads {row['threads']}: {engine} "
                         f"failed: {why}")
    return lines


def render(report, style):
    parts = [style(speed_table(report)), style(cost_table(report)),
             "\n".join(notes(report)) + "\n"]
    return "\n".join(parts)


# ---- the command

def numbers(text):
    values = [int(part) for part in text.split(",")]
    if min(values) < 0:
        raise argparse.ArgumentTypeError("numbers below 0 make no sense here")
    return values


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--lode", type=pathlib.Path, default=ROOT / "build/release/lode")
    parser.add_argument("--python", help="a Python that has the peers")
    parser.add_argument("--engines", type=lambda text: text.split(","),
                        default=[OURS, *PEERS], help="who takes part, in this order")
    parser.add_argument("--models", type=lambda text: text.split(","), default=[],
                        help="zoo names or paths (default: the rows of the table)")
    parser.add_argument("--batches", type=numbers, default=[])
    parser.add_argument("--threads", type=numbers, default=[])
    parser.add_argument("--cpus", type=numbers, default=sorted(os.sched_getaffinity(0)),
                        help="processors; N threads stay on the first N (default: all there are)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each measurement")
    parser.add_argument("--isa", help="cap on our instruction set")
    parser.add_argument("--cache", type=pathlib.Path, default=ROOT / "build/zoo")
    parser.add_argument("--json", type=pathlib.Path, help="also write everything measured")
    parser.add_argument("--markdown", type=pathlib.Path, help="also write the tables")
    args = parser.parse_args(arguments)
    others = [*(f"{OURS}-{precision}" for precision in OWN), *PEERS]
    unknown = set(args.engines) - {OURS, *others}
    if unknown or OURS not in args.engines:
        parser.error(f"--engines: {OURS} and any of {', '.join(others)}; not "
                     f"{', '.join(sorted(unknown)) or 'without ' + OURS}")
    if args.rounds < 1:
        parser.error("--rounds: at least 1 is needed")
    if not args.lode.is_file():
        parser.error(f"--lode: there is no '{args.lode}'; make build makes it")
    return args


def available_peers(args):
    """Versions of the peers that can be had, and why others cannot."""
    versions, skipped = {}, {}
    for peer in (engine for engine in args.engines if engine in PEERS):
        if not args.python:
            skipped[peer] = HOW_TO_GET_PEERS
            continue
        probe = f"import numpy, {peer}; print({peer}.__version__)"
        try:
            done = subprocess.run([args.python, "-c", probe], capture_output=True, text=True,
                                  check=False)
        except OSError as error:
            skipped[peer] = f"{args.python}: {error.strerror}; {HOW_TO_GET_PEERS}"
            continue
        if done.returncode == 0:
            versions[peer] = done.stdout.split()[-1].split("-")[0]
        else:
            skipped[peer] = f"{done.stderr.strip().splitlines()[-1]}; {HOW_TO_GET_PEERS}"
    return versions, skipped


def machine():
    cpuinfo = pathlib.Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else os.uname().machine


def measure(args):
    versions, skipped = available_peers(args)
    ours = subprocess.run([args.lode, "--version"], capture_output=True, text=True, check=True)
    version = ours.stdout.split()[1]
    engines = {OURS: version}
    engines.update((engine, versions.get(engine, version)) for engine in args.engines
                   if engine not in skipped)
    order = [engine for engine in args.engines if engine in engines]
    wanted = make_rows(args.models, args.batches, args.threads)
    rows = [row for row in wanted if row[2] <= len(args.cpus)]
    if len(rows) < len(wanted):
        skipped[f"{len(wanted) - len(rows)} rows"] = (
            f"they need more threads than the {len(args.cpus)} processors of --cpus")
    total = len(rows) * args.rounds * len(order)
    done = itertools.count(1)

    def progress(row, number, engine, what):
        print(f"[{next(done)}/{total}] {row[0]} batch {row[1]} threads {row[2]} round "
              f"{number + 1}: {engine} {what}", file=sys.stderr, flush=True)

    report = {"schema": "lodestone.compare_models/1", "machine": machine(), "engines": engines,
              "skipped": skipped, "rows": [],
              "settings": {"rounds": args.rounds, "seconds": args.seconds, "cpus": args.cpus,
                           "isa": args.isa}}
    for row in rows:
        path = model_file(row[0], args.lode, args.cache, os.environ.get("LODE_TEST_DATA"))
        report["rows"].append(measure_row(row, path, order, args, progress))
    return report


def main():
    args = parse(sys.argv[1:])
    report = measure(args)
    print(render(report, as_text), end="")
    if args.json:
        args.json.write_text(json.dumps(report, indent=1) + "\n")
    if args.markdown:
        args.markdown.write_text(render(report, as_markdown))
    return 1 if any(OURS in row["failures"] for row in report["rows"]) else 0


if __name__ == "__main__":
    sys.exit(main())
