"""ONNX Runtime's CPU provider.

threads is intra_op_num_threads, and inter_op_num_threads is 1. Options, in ONNX Runtime's words:
intra_op_num_threads, inter_op_num_threads, graph_optimization_level (disable_all, basic, extended,
all), execution_mode (sequential, parallel), and any session configuration entry by its dotted name
(session.intra_op.allow_spinning=0). It computes in what the model holds.
"""
from lodestone_sut import SutError, fill_up, numpy, scores_of, serve

try:
    import onnxruntime
except ImportError as missing:
    onnxruntime = None
    WHY = (f"the package onnxruntime is not there ({missing}); python3 -m venv ENV && ENV/bin/pip "
           "install onnxruntime numpy, then LODE_PYTHON=ENV/bin/python")

LEVELS = {"disable_all": "ORT_DISABLE_ALL", "basic": "ORT_ENABLE_BASIC",
          "extended": "ORT_ENABLE_EXTENDED", "all": "ORT_ENABLE_ALL"}
MODES = {"sequential": "ORT_SEQUENTIAL", "parallel": "ORT_PARALLEL"}


def one_of(name, value, known):
    if value not in known:
        raise SutError(f"option {name}: '{value}' is not known; use {', '.join(known)}")
    return known[value]


def count(name, value):
    if not value.isdigit():
        raise SutError(f"option {name}: '{value}' is no whole number")
    return int(value)


def session_options(settings):
    made = onnxruntime.SessionOptions()
    made.intra_op_num_threads = settings.threads
    made.inter_op_num_threads = 1
    made.log_severity_level = 3
    for name, value in settings.options.items():
        if name in ("intra_op_num_threads", "inter_op_num_threads"):
            setattr(made, name, count(name, value))
        elif name == "graph_optimization_level":
            made.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel,
                                                    one_of(name, value, LEVELS))
        elif name == "execution_mode":
            made.execution_mode = getattr(onnxruntime.ExecutionMode, one_of(name, value, MODES))
        elif "." in name:
            made.add_session_config_entry(name, value)
        else:
            raise SutError(f"option {name} is not known; there are intra_op_num_threads, "
                           "inter_op_num_threads, graph_optimization_level, execution_mode and "
                           "dotted session configuration entries")
    return made


class OnnxRuntime:
    def __init__(self, settings):
        if onnxruntime is None:
            raise SutError(WHY)
        self.name = f"onnxruntime {onnxruntime.__version__}"
        self.session = onnxruntime.InferenceSession(
            settings.model_path(), session_options(settings), providers=["CPUExecutionProvider"])
        inputs = self.session.get_inputs()
        if len(inputs) != 1 or inputs[0].type != "tensor(float)":
            raise SutError("the model must have one input of type float")
        self.input = inputs[0].name
        extents = [n if isinstance(n, int) and n > 0 else None for n in inputs[0].shape]
        self.rows = settings.fixed_batch(self.input, extents)
        scores = self.run(numpy.zeros((self.rows or 1, *settings.sample_shape), numpy.float32))
        self.outputs = 0 if scores is None else scores.shape[1]

    def run(self, samples):
        rows = self.rows or len(samples)
        outputs = self.session.run(None, {self.input: fill_up(samples, rows)})
        scores = scores_of(outputs, rows)
        return None if scores is None else scores[:len(samples)]


if __name__ == "__main__":
    serve(OnnxRuntime)
