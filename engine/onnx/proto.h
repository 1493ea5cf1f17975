// The generated ONNX messages. Private to this folder: nothing else sees protobuf.
#pragma once

#include <onnx/onnx_pb.h>
