#!/usr/bin/python3
"""Recomputes the figures of a run from its raw times alone, and compares them with its record.

  recheck_percentiles.py RUN_DIRECTORY...

Reads samples.h5 (times in integer ns) and result.json, shares no code with the product, and works
in integers: a percentile is sorted[floor(n*p)], with p as a ratio of integers; a mean is the sum
over n, rounded half up. A rate is samples x 1e9 / ns in doubles, equal to the last bit. What the
record says twice (shares and counts, verdict and reasons) has to agree. Prints every figure that
it checked; exits 1 and names each field that differs, or the file that cannot be read.

Needs h5py and numpy (Debian: python3-h5py).
"""
import json
import pathlib
import sys

import h5py
import numpy as np

# Percentile name -> p in thousandths.
PERCENTILES = {"p50": 500, "p90": 900, "p95": 950, "p97": 970, "p99": 990, "p99_9": 999}
HEADLINES = {"single-stream": ("p90_latency", "ns"), "multi-stream": ("p99_latency", "ns"),
             "server": ("max_qps", "queries/s"), "offline": ("throughput", "samples/s")}
NEVER = -1


class Check:
    """Compares figures and remembers whether all of them held."""

    def __init__(self, name):
        self.name = name
        self.checked = 0
        self.wrong = []

    def equal(self, field, recorded, recomputed):
        self.checked += 1
        same = type(recorded) is type(recomputed) and recorded == recomputed
        self.report(field, recorded, recomputed, same)

    def report(self, field, recorded, recomputed, same):
        print(f"{self.name}: {field}: recorded {recorded}, recomputed {recomputed}: "
              f"{'ok' if same else 'WRONG'}")
        if not same:
            self.wrong.append(field)


def distribution(values):
    """The nine figures of integer values; None without values."""
    if len(values) == 0:
        return None
    ordered = np.sort(values)
    count = len(ordered)
    total = sum(int(value) for value in ordered)
    figures = {"min": int(ordered[0]), "mean": (2 * total + count) // (2 * count),
               "max": int(ordered[-1])}
    for name, thousandths in PERCENTILES.items():
        figures[name] = int(ordered[count * thousandths // 1000])
    return figures


def check_distribution(check, field, recorded, values):
    expected = distribution(values)
    if recorded is None or expected is None:
        check.equal(field, recorded, expected)
        return
    check.equal(f"{field} (names)", sorted(recorded), sorted(expected))
    for name, value in expected.items():
        check.equal(f"{field}.{name}", recorded.get(name), value)


def issue_lag(record, scheduled, issued, completed):
    """Closed loops: the completion that made room -> issue, the first from its schedule. Others:
    from the schedule."""
    due = scheduled.copy()
    concurrency = record["config"].get("concurrency", 1)
    if concurrency > 1:
        room = np.sort(completed[completed != NEVER])[:max(len(due) - concurrency, 0)]
        due[concurrency:concurrency + len(room)] = room
        return (issued - due)[:concurrency + len(room)]
    if record["scenario"] in ("single-stream", "multi-stream"):
        due[1:] = completed[:-1]
        known = np.ones(len(due), dtype=bool)
        known[1:] = completed[:-1] != NEVER
        return (issued - due)[known]
    return issued - due


def check_samples(check, queries, samples):
    """The columns of samples.h5 agree with each other."""
    index, query, done = samples
    completed = queries[2]
    check.equal("samples.h5: lengths", [len(index), len(query)], [len(done)] * 2)
    last = np.full(len(completed), NEVER, dtype=np.int64)
    np.maximum.at(last, query, done)
    open_queries = np.zeros(len(completed), dtype=bool)
    open_queries[query[done == NEVER]] = True
    last[open_queries] = NEVER
    check.equal("samples.h5: a query completes with its last sample",
                bool(np.array_equal(last, completed)), True)


def check_accuracy(check, record, answers):
    """Shares are counts over samples, every completed sample was scored, and top-1 is the number of
    answers (predicted, label) that agree."""
    accuracy = record["accuracy"]
    check.equal("accuracy (mode)", accuracy is not None, record["mode"] == "accuracy")
    if accuracy is None:
        return
    check.equal("accuracy.samples", accuracy["samples"], record["metrics"]["samples"])
    if answers is not None:
        predicted, label = answers
        check.equal("accuracy.top1_correct", accuracy["top1_correct"],
                    int(((predicted == label) & (predicted != NEVER)).sum()))
    for name in ("top1", "top5"):
        share = accuracy[f"{name}_correct"] / max(accuracy["samples"], 1)
        check.equal(f"accuracy.{name}", accuracy[name], share)
    check.equal("accuracy.top1_correct <= top5_correct <= samples",
                0 <= accuracy["top1_correct"] <= accuracy["top5_correct"] <= accuracy["samples"],
                True)


def completed_rate(record, completed):
    """Queries/s up to the answer to the last one issued: n queries span n - 1 gaps."""
    answered = int((completed != NEVER).sum())
    if answered == 0:
        return 0.0
    span = int(completed[-1]) if completed[-1] != NEVER else record["metrics"]["duration_ns"]
    return (answered - 1) * 1e9 / span if span > 0 else 0.0


def check_headline(check, record, latencies, rate):
    headline = record["metrics"]["headline"]
    name, unit = HEADLINES.get(record["scenario"], (None, None))
    check.equal("headline.name", headline["name"], name)
    check.equal("headline.unit", headline["unit"], unit)
    if unit == "ns":
        figures = distribution(latencies) or {}
        check.equal("headline.value", headline["value"], figures.get(name.removesuffix("_latency")))
    elif record["metrics"]["samples"] == 0:
        check.equal("headline.value", headline["value"], None)
    else:
        check.equal("headline.value", headline["value"], rate)


def read_run(folder):
    """The record, the columns of both groups, the answers if there are any, and the id in
    samples.h5."""
    record = json.loads((folder / "result.json").read_text())
    with h5py.File(folder / "samples.h5", "r") as file:
        queries = [file[f"queries/{name}"][:] for name in
                   ("scheduled_ns", "issued_ns", "completed_ns")]
        samples = [file[f"samples/{name}"][:] for name in ("index", "query", "completed_ns")]
        answers = [file[f"samples/{name}"][:] for name in ("predicted", "label")
                   if f"samples/{name}" in file]
        run = file.attrs["run"]
    run = run if isinstance(run, str) else run.decode()
    return record, queries, samples, answers or None, run


def check_run(folder):
    check = Check(str(folder))
    record, queries, samples, answers, run = read_run(folder)
    check.equal("samples.h5: run", run, record["id"])
    scheduled, issued, completed = queries
    check_samples(check, queries, samples)
    if record["dataset"] is not None:
        index = samples[0]
        inside = (index >= 0) & (index < record["dataset"]["samples"])
        check.equal("samples.h5: index within the dataset", bool(inside.all()), True)
    verdict = record["verdict"]
    check.equal("verdict.valid", verdict["valid"], not verdict["reasons"])
    check_accuracy(check, record, answers)
    metrics = record["metrics"]

    answered = completed != NEVER
    check_distribution(check, "latency_ns", metrics["latency_ns"],
                       (completed - scheduled)[answered])
    check_distribution(check, "service_ns", metrics["service_ns"], (completed - issued)[answered])
    check_distribution(check, "issue_lag_ns", metrics["issue_lag_ns"],
                       issue_lag(record, scheduled, issued, completed))

    done = samples[2][samples[2] != NEVER]
    duration = int(done.max()) - int(scheduled[0]) if len(done) else 0
    # In doubles, samples x 1e9 first: the record's own definition, equal to the last bit.
    rate = len(done) * 1e9 / duration if duration else 0.0
    check.equal("queries", metrics["queries"], int(answered.sum()))
    check.equal("samples", metrics["samples"], len(done))
    check.equal("duration_ns", metrics["duration_ns"], duration)
    check.equal("throughput_samples_per_s", metrics["throughput_samples_per_s"], rate)

    if record["scenario"] == "server":
        rate = completed_rate(record, completed)
    check_headline(check, record, (completed - scheduled)[answered], rate)
    return check


def main(arguments):
    if not arguments or arguments[0] in ("-h", "--help"):
        print(__doc__)
        return 0 if arguments else 2
    failed = 0
    for argument in arguments:
        try:
            check = check_run(pathlib.Path(argument))
        except (OSError, ValueError, KeyError, TypeError) as error:
            failed += 1
            print(f"{argument}: cannot be checked: {' '.join(str(error).split())}")
            continue
        if check.wrong:
            failed += 1
            print(f"{check.name}: {len(check.wrong)} of {check.checked} figures are WRONG: "
                  f"{', '.join(check.wrong)}")
        else:
            print(f"{check.name}: all {check.checked} figures are right")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
