"""A system under test for Lodestone, written in Python: `lode run --sut process:my_sut.py`.

    import numpy
    from lodestone_sut import serve

    class Brightness:
        outputs = 2                          # f32 values for each sample; 0: none
        def __init__(self, settings):        # settings.model, .threads, .batch, .options ...
            self.name = "brightness 1.0"
        def run(self, samples):              # f32 [count,C,H,W], read-only
            mean = samples.mean(axis=(1, 2, 3))
            return numpy.stack([mean, 1 - mean], axis=1)

    serve(Brightness)

Samples are in memory that Lodestone shares: `run` gets a view of one sample, or of several that lie
side by side, and a copy otherwise. docs/adding-a-sut.md describes the protocol underneath.
"""
import gc
import mmap
import os
import select
import struct
import sys
import time
import traceback

try:
    import numpy
except ImportError:
    numpy = None  # serve() says so, where Lodestone hears it.

PROTOCOL = 1
_REQUESTS, _ANSWERS, _SAMPLES, _OUTPUTS = 3, 4, 5, 6
_CONFIGURE, _READY, _START, _STARTED, _RUN, _DONE, _PING, _PONG, _STOP, _STOPPED, _ERROR = range(
    1, 12)
_HEADER = struct.Struct("=4s3I")
_MAGIC = b"LSUT"
_MOST_BYTES = 1 << 16


class SutError(Exception):
    """What a user can mend: told in one line, without a traceback."""


class Settings:
    """What Lodestone says before it asks for anything.

    model         path, or None        sample_shape  extents of a sample, (C, H, W)
    precision     "fp32", or None      threads       of this process
    batch         most samples at once options       dict of texts, from --sut-options
    instance      number of this process, from 0
    """

    def __init__(self, lines):
        self.model = lines.get("model") or None
        self.precision = lines.get("precision") or None
        self.threads = int(lines["threads"])
        self.batch = int(lines["batch"])
        self.instance = int(lines["instance"])
        self.sample_shape = tuple(int(n) for n in lines["sample_shape"].split(",") if n)
        self.options = {name[len("option."):]: value for name, value in lines.items()
                        if name.startswith("option.")}
        self.spin_ns = int(lines["spin_ns"])
        self.sample_bytes = int(lines["sample_bytes"])
        self.sample_stride = int(lines["sample_stride"])
        self.sample_slots = int(lines["sample_slots"])

    def model_path(self):
        """The model's path; an error if there is none."""
        if self.model is None:
            raise SutError("needs a model; add --model FILE.onnx")
        return self.model

    def fixed_batch(self, name, extents):
        """The batch that a model's input is fixed to, or None; `extents` has None for what is
        open. An error if samples do not fit the input, or the batch is another."""
        wanted, given = list(extents[1:]), list(self.sample_shape)
        fits = len(wanted) == len(given) and all(w in (None, g) for w, g in zip(wanted, given))
        if not fits:
            raise SutError(f"model input '{name}' wants {wanted}, dataset has {given}")
        if extents[0] not in (None, self.batch):
            raise SutError(f"the model has the fixed batch {extents[0]}; set batch to that")
        return extents[0]


def scores_of(outputs, rows):
    """A network's only output as [rows, values]; None if there are several or it has no row for
    each sample: such a network can be timed, and not scored."""
    if len(outputs) != 1 or outputs[0].ndim < 2 or outputs[0].shape[0] != rows:
        return None
    return outputs[0].reshape(rows, -1)


def fill_up(samples, rows):
    """`samples` with the last one repeated until there are `rows`, as a fixed batch wants."""
    missing = rows - len(samples)
    if missing <= 0:
        return samples
    return numpy.concatenate([samples, samples[-1:].repeat(missing, 0)])


class _Pipes:
    def __init__(self):
        self._data = b""
        self._spin_ns = 0
        self._poll = select.poll()
        self._poll.register(_REQUESTS, select.POLLIN)

    def spin(self, spin_ns):
        """From now on a wait looks for so long before it blocks."""
        self._spin_ns = spin_ns
        os.set_blocking(_REQUESTS, spin_ns == 0)

    def _read(self):
        until = time.perf_counter_ns() + self._spin_ns
        while True:
            try:
                return os.read(_REQUESTS, _HEADER.size + _MOST_BYTES)
            except BlockingIOError:
                if time.perf_counter_ns() > until:
                    self._poll.poll()
                else:
                    os.sched_yield()  # Who asks may be on this very processor.

    def receive(self):
        """(type, sequence, payload) of the next message; exits where there is none any more."""
        data = self._data or self._read()
        while True:
            if not data:
                sys.exit(0)
            if len(data) >= _HEADER.size:
                _, kind, sequence, size = _HEADER.unpack_from(data)
                end = _HEADER.size + size
                if len(data) >= end:
                    self._data = data[end:]
                    return kind, sequence, data[_HEADER.size:end]
            more = self._read()
            data = data + more if more else b""

    @staticmethod
    def send(kind, sequence, payload=b""):
        data = _HEADER.pack(_MAGIC, kind, sequence, len(payload)) + payload
        while data:
            data = data[os.write(_ANSWERS, data):]


def _lines(payload):
    pairs = (line.partition("=") for line in payload.decode().splitlines())
    return {name: value for name, _, value in pairs}


class _Samples:
    """The shared samples as arrays of a batch."""

    def __init__(self, settings):
        shape, size = settings.sample_shape, settings.sample_slots * settings.sample_stride
        strides, step = [], 4
        for extent in reversed(shape):
            strides.insert(0, step)
            step *= extent
        if size:
            memory = mmap.mmap(_SAMPLES, size, prot=mmap.PROT_READ)
            self._all = numpy.ndarray((settings.sample_slots, *shape), numpy.float32, memory,
                                      strides=(settings.sample_stride, *strides))
        else:
            self._all = numpy.zeros((settings.sample_slots, *shape), numpy.float32)

    def batch(self, payload):
        first = int.from_bytes(payload[:4], sys.byteorder)
        if len(payload) == 4:
            return self._all[first:first + 1]
        slots = numpy.frombuffer(payload, numpy.uint32)
        if int(slots[-1]) - first == len(slots) - 1 and bool((numpy.diff(slots) == 1).all()):
            return self._all[first:first + len(slots)]
        return self._all[slots]


class _Outputs:
    """Where the outputs of a batch go, a row a sample; nowhere if the test does not want them."""

    def __init__(self, lines):
        self.wanted = lines["wants_outputs"] == "1"
        values, stride = int(lines["outputs"]), int(lines["output_stride"])
        size = int(lines["output_bytes"])
        if self.wanted:
            memory = mmap.mmap(_OUTPUTS, size)
            self._rows = numpy.ndarray((size // stride, values), numpy.float32, memory,
                                       strides=(stride, 4))

    def put(self, values):
        if self.wanted:
            self._rows[:len(values)] = values


def _answer(sut, pipes, samples, outputs, message):
    kind, sequence, payload = message
    if kind == _RUN:
        outputs.put(sut.run(samples.batch(payload)))
        pipes.send(_DONE, sequence)
    elif kind == _PING:
        pipes.send(_PONG, sequence)
    elif kind == _START:
        outputs = _Outputs(_lines(payload))
        # What was made so far stays: looking through it again would come in the middle of a test.
        gc.collect()
        gc.freeze()
        pipes.send(_STARTED, sequence)
    elif kind == _STOP:
        pipes.send(_STOPPED, sequence)
    else:
        raise SutError(f"message type {kind} is not known; this module speaks protocol {PROTOCOL}")
    return outputs


def serve(make):
    """Serves `make(settings)`, an object with run(samples), until Lodestone has no more to ask.
    Its attributes name, precision and outputs are read once, and may be left out."""
    pipes, sequence = _Pipes(), 0
    try:
        kind, sequence, payload = pipes.receive()
        lines = _lines(payload)
        if kind != _CONFIGURE or lines.get("protocol") != str(PROTOCOL):
            raise SutError(f"Lodestone speaks protocol {lines.get('protocol')}, this module "
                           f"{PROTOCOL}")
        if numpy is None:
            raise SutError(f"{sys.executable} has no numpy; name a Python that has it by "
                           "LODE_PYTHON")
        settings = Settings(lines)
        samples = _Samples(settings)
        sut = make(settings)
        facts = {"protocol": PROTOCOL, "name": getattr(sut, "name", ""),
                 "precision": getattr(sut, "precision", None) or "",
                 "outputs": getattr(sut, "outputs", 0)}
        text = "".join(f"{name}={value}\n" for name, value in facts.items())
        pipes.send(_READY, sequence, text.encode())
        pipes.spin(settings.spin_ns)
        outputs = None
        while True:
            message = pipes.receive()
            sequence = message[1]
            outputs = _answer(sut, pipes, samples, outputs, message)
    except SutError as error:
        _fail(pipes, sequence, str(error))
    except Exception as error:  # Whatever the SUT raises is its fault, and Lodestone's to know.
        traceback.print_exc()
        _fail(pipes, sequence, f"{type(error).__name__}: {error}")


def _fail(pipes, sequence, text):
    pipes.send(_ERROR, sequence, " ".join(text.split()).encode()[:_MOST_BYTES])
    sys.exit(1)
