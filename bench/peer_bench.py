#!/usr/bin/env python3
"""Times an ONNX model in a peer engine, in process, as one closed loop; prints one JSON line.

  python3 -m venv ENV && ENV/bin/pip install onnxruntime openvino numpy
  ENV/bin/python bench/peer_bench.py MODEL.onnx --engine onnxruntime|openvino [--batch 1]
                 [--threads 1] [--seconds 3] [--size 224] [--warmup 5] [--cpus 0,1]

Input, loop and fields are those of `lode model bench`: 1.5 sin(0.37 i), latencies of whole calls in
integer nanoseconds, samples/s at the median, load time, peak resident memory. Two fields more:
import_ns and import_rss_bytes, time and resident memory of importing the engine's module, which
load_ns leaves out and peak_rss_bytes has in it.
"""
import argparse
import json
import math
import os
import resource
import time


def parse():
    parser = argparse.ArgumentParser(description="time an ONNX model in a peer engine")
    parser.add_argument("model")
    parser.add_argument("--engine", choices=["onnxruntime", "openvino"], default="onnxruntime")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--warmup", type=int, default=5)
    parser.add_argument("--cpus", help="processors to stay on (default: 0 to threads-1)")
    return parser.parse_args()


def peak_rss_bytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def onnxruntime_call(ort, args, x):
    options = ort.SessionOptions()
    options.intra_op_num_threads = args.threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = ort.InferenceSession(args.model, options, providers=["CPUExecutionProvider"])
    feeds = {session.get_inputs()[0].name: x}
    return lambda: session.run(None, feeds)


def openvino_call(ov, args, x):
    core = ov.Core()
    model = core.read_model(args.model)
    model.reshape({model.input(0): list(x.shape)})
    compiled = core.compile_model(model, "CPU", {
        "INFERENCE_NUM_THREADS": args.threads, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32"})
    request = compiled.create_infer_request()
    return lambda: request.infer([x])


def time_calls(call, seconds):
    ns = []
    begin = time.perf_counter_ns()
    while time.perf_counter_ns() - begin < seconds * 1e9 or len(ns) < 5:
        before = time.perf_counter_ns()
        call()
        ns.append(time.perf_counter_ns() - before)
    return sorted(ns)


def main():
    args = parse()
    cpus = {int(c) for c in args.cpus.split(",")} if args.cpus else set(range(args.threads))
    os.sched_setaffinity(0, cpus)
    # After pinning, so that pools size themselves to it.
    begin = time.perf_counter_ns()
    import numpy as np
    module = __import__(args.engine)
    import_ns = time.perf_counter_ns() - begin
    import_rss_bytes = peak_rss_bytes()

    x = 1.5 * np.sin(0.37 * np.arange(args.batch * 3 * args.size * args.size))
    x = x.astype(np.float32).reshape(args.batch, 3, args.size, args.size)
    begin = time.perf_counter_ns()
    make_call = {"onnxruntime": onnxruntime_call, "openvino": openvino_call}[args.engine]
    call = make_call(module, args, x)
    load_ns = time.perf_counter_ns() - begin
    for _ in range(args.warmup):
        call()
    ns = time_calls(call, args.seconds)

    def rank(p):
        return ns[max(0, math.ceil(p * len(ns)) - 1)]

    print(json.dumps({
        "engine": args.engine, "version": module.__version__,
        "model": os.path.basename(args.model), "batch": args.batch, "threads": args.threads,
        "calls": len(ns), "min_ns": ns[0], "p50_ns": rank(0.5), "p90_ns": rank(0.9),
        "p99_ns": rank(0.99), "throughput_samples_per_s": args.batch / (rank(0.5) / 1e9),
        "load_ns": load_ns, "peak_rss_bytes": peak_rss_bytes(), "import_ns": import_ns,
        "import_rss_bytes": import_rss_bytes}))


if __name__ == "__main__":
    main()
