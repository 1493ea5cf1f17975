#!/usr/bin/env python3
"""Trains a small classifier of the synthetic image task (embedded_nets.py) and writes it as ONNX.

Data are HDF5 files as `lode dataset synth` writes them: /samples u8 [N,32,32,3] (NHWC, RGB) and
/labels int64 [N]. The exported model takes `input` float32 [batch,3,32,32] (NCHW, RGB), normalised
as (pixel / 255 - 0.5) / 0.25 in every channel, and gives `logits` float32 [batch,10].

Debian's python3-torch (1.13) and python3-h5py are enough; with onnxruntime installed too, the
written file itself is scored on the held-out set and compared with PyTorch. Training is repeatable
to the bit on the same processor, PyTorch and thread count; elsewhere sums round differently.
"""

import argparse
import ctypes
import os
import time

import h5py
import numpy
import torch
from torch import nn

from embedded_nets import CLASSES, NETS

MEAN, STD = 0.5, 0.25
OPSET = 13


def keep_freed_memory():
    """glibc gives large buffers back to the kernel at every free, and PyTorch frees all of them at
    every step; keeping them halves the time of an epoch. No effect on any number."""
    m_trim_threshold, m_mmap_threshold = -1, -3
    try:
        libc = ctypes.CDLL(None)
        libc.mallopt(m_mmap_threshold, 1 << 30)
        libc.mallopt(m_trim_threshold, 1 << 30)
    except (OSError, AttributeError):
        pass  # Another C library: slower, nothing else.


class Log:
    """Lines to the terminal and to a file. Lines name files without their folders."""

    def __init__(self, path):
        self.file = open(path, "w", encoding="utf-8")

    def __call__(self, line):
        print(line, flush=True)
        print(line, file=self.file, flush=True)


def load(path):
    with h5py.File(path, "r") as file:
        samples = torch.from_numpy(file["samples"][...])
        labels = torch.from_numpy(file["labels"][...].astype(numpy.int64))
    if samples.dtype != torch.uint8 or tuple(samples.shape[1:]) != (32, 32, 3):
        raise SystemExit(f"{path}: /samples must be u8 [N,32,32,3], not {tuple(samples.shape)}")
    return samples.permute(0, 3, 1, 2), labels


def normalise(samples):
    return (samples.float() / 255.0 - MEAN) / STD


def augment(samples):
    """Flips, a quarter turn and a permutation of the colours, one choice a batch: no class and no
    colour distribution of the task changes under them."""
    flips = [axis for axis in (2, 3) if torch.rand(()) < 0.5]
    samples = samples.flip(flips)[:, torch.randperm(3)]
    if torch.rand(()) < 0.5:
        samples = samples.transpose(2, 3)
    return samples.contiguous(memory_format=torch.channels_last)


def evaluate(model, samples, labels, batch=500):
    """Top-1 hits, the confusion matrix [truth][prediction], and the logits."""
    model.eval()
    with torch.no_grad():
        logits = torch.cat([model(normalise(part)) for part in samples.split(batch)])
    predicted = logits.argmax(1)
    confusion = torch.zeros(CLASSES, CLASSES, dtype=torch.int64)
    confusion.index_put_((labels, predicted), torch.ones_like(labels), accumulate=True)
    return int((predicted == labels).sum()), confusion, logits


def train_epoch(model, optimiser, schedule, loss_of, samples, labels, batch):
    """One pass in random order. Returns the mean loss and the fraction of hits."""
    model.train()
    order = torch.randperm(len(labels))
    loss_sum, hits, steps = 0.0, 0, len(labels) // batch
    for step in range(steps):
        pick = order[step * batch : (step + 1) * batch]
        logits = model(normalise(augment(samples[pick])))
        loss = loss_of(logits, labels[pick])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        loss_sum += loss.item()
        hits += int((logits.argmax(1) == labels[pick]).sum())
    return loss_sum / steps, hits / (steps * batch)


def train(model, args, log, training, held_out):
    samples, labels = training
    optimiser = torch.optim.AdamW(model.parameters(), weight_decay=args.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, args.lr, total_steps=args.epochs * (len(labels) // args.batch), pct_start=0.15
    )
    loss_of = nn.CrossEntropyLoss(label_smoothing=args.label_smoothing)
    for epoch in range(1, args.epochs + 1):
        start = time.monotonic()
        loss, accuracy = train_epoch(
            model, optimiser, schedule, loss_of, samples, labels, args.batch
        )
        seconds = time.monotonic() - start
        correct, _, _ = evaluate(model, *held_out)
        log(
            f"epoch {epoch:2d}/{args.epochs}: loss {loss:.4f}, train top-1 {accuracy:.4f}, "
            f"held-out top-1 {correct / len(held_out[1]):.4f}, {seconds:.1f} s"
        )


def export(model, path):
    """BatchNormalization stays a node of its own (PRESERVE): the reader shall fold it."""
    model.eval()
    torch.onnx.export(
        model,
        torch.zeros(1, 3, 32, 32),
        path,
        opset_version=OPSET,
        training=torch.onnx.TrainingMode.PRESERVE,
        do_constant_folding=False,
        input_names=["input"],
        output_names=["logits"],
        dynamic_axes={"input": {0: "batch"}, "logits": {0: "batch"}},
    )


def check_with_onnxruntime(path, samples, labels, reference, log):
    try:
        import onnxruntime
    except ImportError:
        log("onnxruntime: not installed, the exported file was not scored")
        return
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    logits = numpy.concatenate(
        [session.run(["logits"], {"input": normalise(p).numpy()})[0] for p in samples.split(500)]
    )
    reference = reference.numpy()
    correct = int((logits.argmax(1) == labels.numpy()).sum())
    error = numpy.abs(logits - reference).max() / numpy.abs(reference).max()
    log(
        f"onnxruntime {onnxruntime.__version__}: held-out top-1 {correct} of {len(labels)} = "
        f"{correct / len(labels):.4f}; largest difference from PyTorch {error:.1e} of the "
        f"largest logit"
    )


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--train", required=True, help="HDF5 file to learn from")
    parser.add_argument("--held-out", required=True, help="HDF5 file to score on, another seed")
    parser.add_argument("--output", required=True, help="ONNX file to write")
    parser.add_argument("--log", required=True, help="text file for the lines printed here")
    parser.add_argument("--net", choices=NETS, default="mobilenet_v2", help="which of them")
    parser.add_argument("--seed", type=int, default=1, help="initial weights and order of samples")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--lr", type=float, default=4e-3, help="peak of the one-cycle schedule")
    parser.add_argument("--weight-decay", type=float, default=0.02)
    parser.add_argument("--label-smoothing", type=float, default=0.05)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def main():
    args = parse_arguments()
    keep_freed_memory()
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    log = Log(args.log)
    training, held_out = load(args.train), load(args.held_out)
    model = NETS[args.net]().to(memory_format=torch.channels_last)
    parameters = sum(p.numel() for p in model.parameters())
    log(f"torch {torch.__version__}, CPU, threads {args.threads}, seed {args.seed}")
    log(
        f"train {os.path.basename(args.train)} ({len(training[1])} samples), "
        f"held out {os.path.basename(args.held_out)} ({len(held_out[1])} samples)"
    )
    log(
        f"{args.net}, {parameters} parameters; {args.epochs} epochs, batch {args.batch}, AdamW "
        f"with one-cycle peak {args.lr}, weight decay {args.weight_decay}, label smoothing "
        f"{args.label_smoothing}"
    )
    start = time.monotonic()
    train(model, args, log, training, held_out)
    log(f"trained in {time.monotonic() - start:.0f} s")

    correct, confusion, logits = evaluate(model, *held_out)
    total = len(held_out[1])
    log(f"PyTorch: held-out top-1 {correct} of {total} = {correct / total:.4f}")
    log("confusion matrix of the held-out set, a row a true label, a column a prediction:")
    for row in confusion.tolist():
        log("  " + " ".join(f"{count:5d}" for count in row))
    model = model.to(memory_format=torch.contiguous_format)
    export(model, args.output)
    log(
        f"wrote {os.path.basename(args.output)}: {os.path.getsize(args.output)} bytes, opset "
        f"{OPSET}, BatchNormalization not folded"
    )
    check_with_onnxruntime(args.output, *held_out, logits, log)


if __name__ == "__main__":
    main()
