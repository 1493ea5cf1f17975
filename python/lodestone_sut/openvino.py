"""OpenVINO on the CPU.

threads is INFERENCE_NUM_THREADS; NUM_STREAMS is 1, PERFORMANCE_HINT is LATENCY, and precision fp32
or none is INFERENCE_PRECISION_HINT=f32 (fp16: f16). Options are properties of the CPU plugin by
their names, and override these. A quantized model computes in what it holds.
"""
from lodestone_sut import SutError, fill_up, numpy, scores_of, serve

try:
    import openvino
except ImportError as missing:
    openvino = None
    WHY = (f"the package openvino is not there ({missing}); python3 -m venv ENV && ENV/bin/pip "
           "install openvino numpy, then LODE_PYTHON=ENV/bin/python")

HINTS = {"fp32": "f32", "fp16": "f16"}
# What a property's type is called: the ways in which OpenVINO prints one.
TYPE_NAMES = {"float": "f32", "float16": "f16", "float32": "f32"}


def type_name(value):
    name = value.get_type_name() if hasattr(value, "get_type_name") else str(value)
    return TYPE_NAMES.get(name, name)


class OpenVino:
    def __init__(self, settings):
        if openvino is None:
            raise SutError(WHY)
        self.name = f"openvino {openvino.__version__}"
        core = openvino.Core()
        model = core.read_model(settings.model_path())
        if len(model.inputs) != 1:
            raise SutError(f"the model must have one input, and has {len(model.inputs)}")
        port = model.input(0)
        shape = port.get_partial_shape()
        extents = [n.get_length() if n.is_static else None for n in shape]
        name = port.get_any_name()
        self.rows = settings.fixed_batch(name, extents)
        # With extents of its own a model is compiled for them, as a user of one size would have it.
        model.reshape({port: [self.rows or -1, *settings.sample_shape]})
        properties = {"INFERENCE_NUM_THREADS": settings.threads, "NUM_STREAMS": 1,
                      "PERFORMANCE_HINT": "LATENCY",
                      "INFERENCE_PRECISION_HINT": HINTS.get(settings.precision, "f32"),
                      **settings.options}
        try:
            compiled = core.compile_model(model, "CPU", properties)
        except RuntimeError as error:
            raise SutError(f"cannot be compiled with {properties}: {error}") from error
        self.precision = self.checked_precision(settings.precision, compiled)
        self.request = compiled.create_infer_request()
        scores = self.run(numpy.zeros((self.rows or 1, *settings.sample_shape), numpy.float32))
        self.outputs = 0 if scores is None else scores.shape[1]

    @staticmethod
    def checked_precision(asked, compiled):
        """What was asked for, if that is what the plugin took."""
        taken = type_name(compiled.get_property("INFERENCE_PRECISION_HINT"))
        if asked in HINTS and taken != HINTS[asked]:
            raise SutError(f"precision {asked} was asked for, and OpenVINO computes in {taken}")
        return asked

    def run(self, samples):
        rows = self.rows or len(samples)
        self.request.infer([fill_up(samples, rows)], share_inputs=True)
        outputs = [tensor.data for tensor in self.request.output_tensors]
        scores = scores_of(outputs, rows)
        return None if scores is None else scores[:len(samples)]


if __name__ == "__main__":
    serve(OpenVino)
