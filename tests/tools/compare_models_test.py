#!/usr/bin/env python3
"""bench/compare_models.py on engines that are made up, and bench/peer_bench.py on a stub of its
engine beside the real `lode model bench`.

  compare_models_test.py LODE
"""
import argparse
import contextlib
import io
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
import unittest.mock

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "bench"))
import compare_models  # noqa: E402

LODE = None
# Prints the line of a measurement: its time grows by 1 ms with each call of this engine.
FAKE = """#!{python}
import json, pathlib, sys
arguments = sys.argv[1:]
if arguments[:1] == ["--version"]:
    print("lode 9.9 (fake)")
    sys.exit(0)
if arguments[:1] == ["-c"]:
    if "{missing}" and "{missing}" in arguments[1]:
        sys.exit("ModuleNotFoundError: No module named '{missing}'")
    print("1.2.3-build")
    sys.exit(0)
log = pathlib.Path("{log}")
engine = arguments[arguments.index("--engine") + 1] if "--engine" in arguments else "lodestone"
with log.open("a") as out:
    out.write(json.dumps([engine] + arguments) + "\\n")
if "{fails}" == engine:
    sys.exit("it broke")
calls = sum(json.loads(line)[0] == engine for line in log.read_text().splitlines())
base = {{"lodestone": 1, "onnxruntime": 2, "openvino": 4}}[engine]
line = {{"version": "1", "p50_ns": (base + calls - 1) * 1000000, "load_ns": base * 5000000,
        "calls": 7, "peak_rss_bytes": base * 100000000}}
if engine != "lodestone":
    line["import_rss_bytes"] = 100000000
print("a line before")
print(json.dumps(line))
"""


class Rows(unittest.TestCase):
    def test_default_table(self):
        rows = compare_models.make_rows([], [], [])
        self.assertEqual(len(rows), 18)
        self.assertIn(("vgg19", 1, 1), rows)
        self.assertIn(("resnet50", 8, 2), rows)
        self.assertNotIn(("resnet50", 8, 1), rows)
        self.assertEqual(len(set(rows)), len(rows))

    def test_models_pick_their_rows(self):
        self.assertEqual(compare_models.make_rows(["mobilenetv2"], [], []),
                         [("mobilenetv2", 1, 1), ("mobilenetv2", 1, 2), ("mobilenetv2", 32, 2)])
        self.assertEqual(compare_models.make_rows(["own.onnx"], [], []),
                         [("own.onnx", 1, 1), ("own.onnx", 1, 2)])

    def test_batches_and_threads_replace(self):
        self.assertEqual(compare_models.make_rows(["vgg19"], [2, 4], []),
                         [("vgg19", 2, 1), ("vgg19", 2, 2), ("vgg19", 4, 1), ("vgg19", 4, 2)])
        self.assertEqual(compare_models.make_rows(["mobilenetv2"], [], [1]),
                         [("mobilenetv2", 1, 1), ("mobilenetv2", 32, 1)])


class Figures(unittest.TestCase):
    def rounds(self, *p50_ns):
        return compare_models.summarise([
            {"p50_ns": ns, "load_ns": 10 * ns, "memory_bytes": 100 * ns, "version": "1",
             "calls": 2} for ns in p50_ns])

    def test_median_of_rounds(self):
        summary = self.rounds(30, 10, 20)
        self.assertEqual(summary["p50_ns"], 20)
        self.assertEqual(summary["load_ns"], 200)
        self.assertEqual(summary["calls"], 6)

    def test_ratio_and_its_spread(self):
        ratio = compare_models.compare(self.rounds(10, 20, 30), self.rounds(40, 20, 30))
        self.assertAlmostEqual(ratio["ratio"], 20 / 30)
        self.assertAlmostEqual(ratio["ratio_min"], 0.25)
        self.assertAlmostEqual(ratio["ratio_max"], 1.0)
        self.assertAlmostEqual(ratio["memory_ratio"], 20 / 30)

    def test_tables_line_up(self):
        table = (["model", "ms"], [["a", "1.00"], ["longer", "10.00"]])
        self.assertEqual(compare_models.as_text(table),
                         "model      ms\na        1.00\nlonger  10.00\n")
        self.assertEqual(compare_models.as_markdown(table),
                         "| model | ms |\n| --- | ---: |\n| a | 1.00 |\n| longer | 10.00 |\n")


class Command(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.root = pathlib.Path(self.folder.name)
        self.log = self.root / "log"
        self.model = self.root / "net.onnx"
        self.model.write_bytes(b"")

    def fake(self, name, fails="", missing=""):
        path = self.root / name
        path.write_text(FAKE.format(python=sys.executable, log=self.log, fails=fails,
                                    missing=missing))
        path.chmod(0o755)
        return path

    def measure(self, *arguments, fails="", missing=""):
        args = compare_models.parse([
            "--lode", str(self.fake("lode", fails)), "--python",
            str(self.fake("python", fails, missing)), "--cpus", "0,1", "--seconds", "0.5",
            "--models", str(self.model), *arguments])
        with contextlib.redirect_stderr(io.StringIO()) as progress:
            report = compare_models.measure(args)
        self.progress = progress.getvalue().splitlines()
        return report

    def calls(self):
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def test_rounds_are_interleaved_and_pinned(self):
        report = self.measure("--rounds", "2", "--isa", "avx2")
        engines = ["lodestone", "onnxruntime", "openvino"]
        self.assertEqual([call[0] for call in self.calls()], engines * 4)
        for call, threads in zip(self.calls(), [1] * 6 + [2] * 6):
            self.assertEqual(call[call.index("--threads") + 1], str(threads))
            self.assertEqual(call[call.index("--cpus") + 1], "0" if threads == 1 else "0,1")
            self.assertEqual("--isa" in call, call[0] == "lodestone")
        self.assertEqual(len(self.progress), 12)
        self.assertEqual(report["engines"]["openvino"], "1.2.3")
        row = report["rows"][0]
        self.assertEqual(row["model"], "net")
        self.assertEqual(row["engines"]["lodestone"]["p50_ns"], 1500000)
        self.assertAlmostEqual(row["ratios"]["onnxruntime"]["ratio"], 1.5 / 2.5)
        # 100 MB ours; 200 MB less the 100 MB of the import for the peer.
        self.assertAlmostEqual(row["ratios"]["onnxruntime"]["memory_ratio"], 1.0)
        text = compare_models.render(report, compare_models.as_text)
        self.assertRegex(text, r"(?m)^net +1 +1 +1\.50 +2\.50 +0\.600 +0\.500\.\.0\.667 +4\.50 ")

    def test_a_peer_that_is_missing_is_skipped(self):
        report = self.measure("--rounds", "1", missing="openvino")
        self.assertEqual(list(report["engines"]), ["lodestone", "onnxruntime"])
        self.assertIn("No module named", report["skipped"]["openvino"])
        self.assertIn("pip install", compare_models.render(report, compare_models.as_text))

    def test_without_a_python_all_peers_are_skipped(self):
        args = compare_models.parse(["--lode", str(self.fake("lode")), "--models",
                                     str(self.model), "--rounds", "1", "--threads", "1"])
        with contextlib.redirect_stderr(io.StringIO()):
            report = compare_models.measure(args)
        self.assertEqual(set(report["skipped"]), {"onnxruntime", "openvino"})
        self.assertEqual(report["rows"][0]["ratios"], {})

    def test_a_failing_engine_leaves_the_others(self):
        report = self.measure("--rounds", "2", "--threads", "1", fails="onnxruntime")
        row = report["rows"][0]
        self.assertEqual(row["failures"], {"onnxruntime": "it broke"})
        self.assertEqual(set(row["ratios"]), {"openvino"})
        self.assertIn("failed: it broke", compare_models.render(report, compare_models.as_text))
        self.assertEqual([call[0] for call in self.calls()].count("onnxruntime"), 1)

    def test_rows_beyond_the_processors_are_named(self):
        report = self.measure("--rounds", "1", "--threads", "2,64")
        self.assertEqual([row["threads"] for row in report["rows"]], [2])
        self.assertIn("processors", report["skipped"]["1 rows"])

    def test_bad_options(self):
        lode = str(self.fake("lode"))
        for arguments in (["--rounds", "0"], ["--engines", "onnxruntime"],
                          ["--engines", "lodestone,other"], ["--threads", "-1"],
                          ["--lode", str(self.root / "none")]):
            with self.subTest(arguments), self.assertRaises(SystemExit) as stop, \
                    contextlib.redirect_stderr(io.StringIO()):
                compare_models.parse(["--lode", lode, *arguments])
            self.assertEqual(stop.exception.code, 2)


class OwnPrecisions(unittest.TestCase):
    """With the real program: models are quantized into the cache, or it is said why not."""

    def test_each_is_quantized_first(self):
        with tempfile.TemporaryDirectory() as folder, \
                unittest.mock.patch.dict(os.environ, LODE_TEST_DATA=""):
            args = compare_models.parse([
                "--lode", str(LODE), "--models", str(ROOT / "models/embedded/synth10.onnx"),
                "--engines", "lodestone,lodestone-fp16,lodestone-int8-static,"
                "lodestone-int8-dynamic", "--rounds", "1", "--threads", "1", "--seconds", "0.01",
                "--cache", folder])
            with contextlib.redirect_stderr(io.StringIO()):
                row = compare_models.measure(args)["rows"][0]
            sizes = {path.name: path.stat().st_size for path in pathlib.Path(folder).iterdir()}
        self.assertEqual(set(row["ratios"]), {"lodestone-fp16", "lodestone-int8-dynamic"})
        self.assertEqual(set(row["failures"]), {"lodestone-int8-static"})
        self.assertIn("LODE_TEST_DATA", row["failures"]["lodestone-int8-static"])
        self.assertEqual(set(sizes), {"synth10.fp16.onnx", "synth10.int8-dynamic.onnx"})
        self.assertGreater(sizes["synth10.fp16.onnx"], sizes["synth10.int8-dynamic.onnx"])


STUB = """
import numpy
__version__ = "0.0"
class SessionOptions: pass
class Port: name = "x"
class InferenceSession:
    def __init__(self, path, options, providers): assert options.intra_op_num_threads == 1
    def get_inputs(self): return [Port]
    def run(self, outputs, feeds):
        x = feeds["x"]
        assert x.shape == (2, 3, 32, 32) and x.dtype == numpy.float32
        assert x.flat[1] == numpy.float32(1.5 * numpy.sin(0.37))
"""


class PeerBench(unittest.TestCase):
    def test_fields_are_those_of_lode_model_bench(self):
        model = ROOT / "models/embedded/synth10.onnx"
        flags = ["--batch", "2", "--seconds", "0", "--warmup", "0",
                 "--cpus", str(min(os.sched_getaffinity(0)))]
        with tempfile.TemporaryDirectory() as folder:
            (pathlib.Path(folder) / "onnxruntime.py").write_text(STUB)
            peer = subprocess.run(
                [sys.executable, ROOT / "bench/peer_bench.py", model, "--size", "32", *flags],
                env={**os.environ, "PYTHONPATH": folder}, capture_output=True, text=True,
                check=True)
        ours = subprocess.run([LODE, "model", "bench", model, *flags], capture_output=True,
                              text=True, check=True)
        peer, ours = json.loads(peer.stdout), json.loads(ours.stdout)
        self.assertEqual(list(peer), [*ours, "import_ns", "import_rss_bytes"])
        self.assertEqual(peer["calls"], 5)
        self.assertLessEqual(peer["import_rss_bytes"], peer["peak_rss_bytes"])


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("lode", type=pathlib.Path)
    LODE = parser.parse_args().lode.resolve()
    unittest.main(argv=sys.argv[:1])
