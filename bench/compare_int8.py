#!/usr/bin/env python3
"""Quantised models as ONNX Runtime's own tools write them, in the engine and in ONNX Runtime.

Makes of a float model QDQ, QOperator and dynamic files of several kinds (or takes --models as they
are), runs all on the same images in both, and prints how often the first class agrees and how far
the outputs are apart.
Not a part of the build: needs a Python with onnxruntime, onnx, numpy and pillow.

    bench/compare_int8.py --lode build/release/lode --float mobilenetv2.onnx --images DIR \\
        --map val_map.txt --work build/int8
"""
import argparse
import pathlib
import subprocess
import time

import numpy as np

MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)


def read_image(path, resize=256, crop=224):
    """As torchvision's validation transform: the shorter side to `resize`, the middle `crop`."""
    from PIL import Image
    image = Image.open(path).convert("RGB")
    width, height = image.size
    scale = resize / min(width, height)
    image = image.resize((round(width * scale), round(height * scale)), Image.BILINEAR)
    left, top = (image.width - crop) // 2, (image.height - crop) // 2
    pixels = np.asarray(image.crop((left, top, left + crop, top + crop)), np.float32) / 255
    return ((pixels - MEAN) / STD).transpose(2, 0, 1)


def read_images(folder, listing, count):
    names = [line.split()[0] for line in open(listing, encoding="utf-8") if line.strip()]
    return np.stack([read_image(pathlib.Path(folder) / name) for name in names[:count]])


class Reader:
    """The first samples, one at a time, as the quantizer's calibration wants them."""

    def __init__(self, name, images):
        self.rest = iter([{name: image[None]} for image in images])

    def get_next(self):
        return next(self.rest, None)


def static_kinds(q):
    """What quantize_static() is asked for, by the name of the file."""
    qdq, qoperator = q.QuantFormat.QDQ, q.QuantFormat.QOperator
    u8, s8 = q.QuantType.QUInt8, q.QuantType.QInt8

    def kind(style, activations, weights, per_channel, **more):
        return dict(quant_format=style, activation_type=activations, weight_type=weights,
                    per_channel=per_channel, **more)

    symmetric = {"ActivationSymmetric": True, "WeightSymmetric": True}
    return {
        "qdq_u8": kind(qdq, u8, s8, False),
        "qdq_u8_per_channel": kind(qdq, u8, s8, True),
        "qdq_u8_reduce_range": kind(qdq, u8, s8, True, reduce_range=True),
        "qdq_u8_asymmetric_weights": kind(qdq, u8, u8, False,
                                          extra_options={"WeightSymmetric": False}),
        "qdq_s8": kind(qdq, s8, s8, True),
        "qdq_s8_symmetric": kind(qdq, s8, s8, True, extra_options=symmetric),
        "qoperator": kind(qoperator, u8, u8, False),
        "qoperator_per_channel": kind(qoperator, u8, s8, True),
        "qoperator_s8_per_channel": kind(qoperator, s8, s8, True),
    }


def make_models(path, images, work):
    """Files of every kind; those that are there already are kept."""
    import onnx
    from onnxruntime import quantization as q
    prepared = work / "prepared.onnx"
    if not prepared.exists():
        q.shape_inference.quant_pre_process(str(path), str(prepared), skip_symbolic_shape=True)
    name = onnx.load(str(prepared)).graph.input[0].name
    made = {}
    for kind, options in static_kinds(q).items():
        made[kind] = work / f"{kind}.onnx"
        if not made[kind].exists():
            q.quantize_static(str(prepared), str(made[kind]), Reader(name, images), **options)
    for kind, options in {
            "dynamic": dict(weight_type=q.QuantType.QUInt8),
            "dynamic_s8_per_channel": dict(weight_type=q.QuantType.QInt8, per_channel=True),
    }.items():
        made[kind] = work / f"{kind}.onnx"
        if not made[kind].exists():
            q.quantize_dynamic(str(prepared), str(made[kind]), **options)
    return made


def run_peer(path, images, batch):
    import onnxruntime as ort
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    started = time.perf_counter()
    parts = [session.run(None, {name: images[i:i + batch]})[0]
             for i in range(0, len(images), batch)]
    return np.concatenate(parts), time.perf_counter() - started


def run_lode(lode, path, images, batch, work, extra):
    parts = []
    started = time.perf_counter()
    for i in range(0, len(images), batch):
        np.save(work / "x.npy", images[i:i + batch])
        subprocess.run([lode, "model", "run", str(path), "--input", str(work / "x.npy"), "--output",
                        str(work / "y.npy"), *extra], check=True, stdout=subprocess.DEVNULL)
        parts.append(np.load(work / "y.npy"))
    return np.concatenate(parts), time.perf_counter() - started


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--lode", default="build/release/lode")
    parser.add_argument("--float", type=pathlib.Path, help="a float model to quantise")
    parser.add_argument("--models", type=pathlib.Path, nargs="*", default=[])
    parser.add_argument("--images", required=True)
    parser.add_argument("--map", required=True, help="a file with an image's name in each line")
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--calibration", type=int, default=32)
    parser.add_argument("--batch", type=int, default=1, help="a dynamic range is of a whole batch")
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("--isa", default="")
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    images = read_images(arguments.images, arguments.map, arguments.count)
    models = {path.stem: path for path in arguments.models}
    if arguments.float:
        models.update(make_models(arguments.float, images[:arguments.calibration], arguments.work))
    extra = ["--isa", arguments.isa] if arguments.isa else []
    for kind, path in models.items():
        theirs, their_s = run_peer(path, images, arguments.batch)
        ours, our_s = run_lode(arguments.lode, path, images, arguments.batch, arguments.work, extra)
        ours = ours.reshape(theirs.shape)
        agree = (ours.argmax(1) == theirs.argmax(1)).mean()
        worst = np.abs(ours - theirs).max()
        noise = np.square(ours - theirs).sum()
        ratio = 10 * np.log10(np.square(theirs).sum() / noise) if noise > 0 else np.inf
        print(f"{kind}: {len(images)} images, top-1 agrees on {agree:.4f}, largest difference "
              f"{worst:.4g} of {np.abs(theirs).max():.4g}, signal to noise {ratio:.1f} dB "
              f"({their_s:.1f} s theirs, {our_s:.1f} s ours with loading)", flush=True)


if __name__ == "__main__":
    main()
