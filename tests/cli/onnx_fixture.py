#!/usr/bin/env python3
"""Writes a small ONNX model, so that the cases need no binary files and no ONNX package.

  onnx_fixture.py KIND OUTPUT

  classifier        x [batch,3,32,32] -> Conv 1x1 to 10 channels, GlobalAveragePool, Flatten
  classifier64      the same for [batch,3,64,64]
  five-classes      the same with 5 channels
  nan               the same with a weight that is NaN
  unknown-operator  x -> FancyOp 'mystery'

The protobuf wire format by hand: a field is a key (number * 8 + type) and a value; type 0 is a
varint, type 2 a length and bytes. Field numbers are those of onnx.proto.
"""
import struct
import sys


def varint(value):
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def number(field, value):
    return varint(field * 8) + varint(value)


def chunk(field, content):
    if isinstance(content, str):
        content = content.encode()
    return varint(field * 8 + 2) + varint(len(content)) + content


def value_info(name, dims):
    shape = b"".join(
        chunk(1, chunk(2, dim) if isinstance(dim, str) else number(1, dim)) for dim in dims)
    return chunk(1, name) + chunk(2, chunk(1, number(1, 1) + chunk(2, shape)))


def node(operator, name, inputs, outputs):
    return (b"".join(chunk(1, each) for each in inputs) +
            b"".join(chunk(2, each) for each in outputs) + chunk(3, name) + chunk(4, operator))


def weights(name, dims, values):
    return (b"".join(number(1, dim) for dim in dims) + number(2, 1) + chunk(8, name) +
            chunk(9, struct.pack(f"<{len(values)}f", *values)))


def model(nodes, initializers, inputs, outputs):
    graph = (b"".join(chunk(1, each) for each in nodes) + chunk(2, "fixture") +
             b"".join(chunk(5, each) for each in initializers) +
             b"".join(chunk(11, each) for each in inputs) +
             b"".join(chunk(12, each) for each in outputs))
    return number(1, 8) + chunk(7, graph) + chunk(8, chunk(1, "") + number(2, 13))


def classifier(size, classes, broken=False):
    values = [((7 * i) % 11 - 5) / 10 for i in range(classes * 3)]
    if broken:
        values[0] = float("nan")
    return model(
        [node("Conv", "conv", ["x", "w"], ["features"]),
         node("GlobalAveragePool", "pool", ["features"], ["pooled"]),
         node("Flatten", "flatten", ["pooled"], ["scores"])],
        [weights("w", [classes, 3, 1, 1], values)],
        [value_info("x", ["batch", 3, size, size])],
        [value_info("scores", ["batch", classes])])


KINDS = {
    "classifier": lambda: classifier(32, 10),
    "classifier64": lambda: classifier(64, 10),
    "five-classes": lambda: classifier(32, 5),
    "nan": lambda: classifier(32, 10, broken=True),
    "unknown-operator": lambda: model(
        [node("FancyOp", "mystery", ["x"], ["y"])], [],
        [value_info("x", ["batch", 3, 32, 32])], [value_info("y", ["batch", 10])]),
}

if __name__ == "__main__":
    with open(sys.argv[2], "wb") as out:
        out.write(KINDS[sys.argv[1]]())
