// The file as a whole: bytes to ModelProto, versions, what the engine refuses of a model.
#include "engine/onnx/import.h"

#include <fcntl.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl.h>
#include <sys/stat.h>

#include <unistd.h>

#include <climits>
#include <cstring>
#include <functional>
#include <memory>
#include <new>
#include <system_error>

#include "engine/graph/quote.h"
#include "engine/onnx/graph_reader.h"
#include "engine/onnx/tensor_reader.h"
#include "engine/onnx/weight_scan.h"

namespace lode::engine {

namespace {

namespace io = google::protobuf::io;

// IR 3 made the operator set import mandatory. The highest released when this was written is 13;
// from 9 on the IR added only metadata and what is refused here by other means (functions, small
// integer types).
constexpr std::int64_t kMinIrVersion = 3;
constexpr std::int64_t kMaxIrVersion = 13;

constexpr std::string_view kNotOnnx = "is not a valid ONNX model or is truncated";

// Protobuf's own limit on a message.
constexpr std::int64_t kMaxFileBytes = INT_MAX;

bool parse(io::ZeroCopyInputStream& stream, google::protobuf::MessageLite& message) {
  io::CodedInputStream coded(&stream);
  coded.SetTotalBytesLimit(INT_MAX);
  return message.ParseFromCodedStream(&coded) && coded.ConsumedEntireMessage();
}

Result<OperatorSets> read_operator_sets(const onnx::ModelProto& model) {
  OperatorSets sets;
  for (const onnx::OperatorSetIdProto& set : model.opset_import()) {
    const auto [entry, is_new] = sets.emplace(normalised_domain(set.domain()), set.version());
    if (!is_new && entry->second != set.version()) {
      return runtime_error("imports versions {} and {} of operator set {}", entry->second,
                           set.version(), quote(entry->first.empty() ? "ai.onnx" : entry->first));
    }
  }
  if (sets.empty()) {
    return runtime_error("imports no operator set: the model is incomplete or truncated");
  }
  return sets;
}

Result<Graph> read_model(onnx::ModelProto& model, const DataSources& sources) {
  if (!model.has_ir_version() || !model.has_graph()) return runtime_error("{}", kNotOnnx);
  if (model.ir_version() < kMinIrVersion || model.ir_version() > kMaxIrVersion) {
    return runtime_error("IR version {} is not supported, {} to {} are", model.ir_version(),
                         kMinIrVersion, kMaxIrVersion);
  }
  if (model.functions_size() > 0) {
    return runtime_error("function {} is not supported: inline the model's functions",
                         quote(model.functions(0).name()));
  }
  if (model.training_info_size() > 0) {
    return runtime_error("holds training information: export it for inference");
  }
  LODE_TRY(const OperatorSets operator_sets, read_operator_sets(model));
  return read_graph(*model.mutable_graph(), operator_sets, sources);
}

// The bytes of a model, as a stream from their beginning and at any place.
struct ModelBytes {
  std::int64_t size = 0;  // 0: not known, as of a pipe
  std::function<std::unique_ptr<io::ZeroCopyInputStream>()> open;
  std::function<Status(std::int64_t offset, std::span<std::byte> to)> read;
};

// The message, large raw data left out and named in `sources` where it can be read afterwards.
bool parse_model(const ModelBytes& bytes, onnx::ModelProto& model, DataSources& sources) {
  if (bytes.size > 0) {
    const auto stream = bytes.open();
    if (auto scan = scan_weights(*stream, bytes.size)) {
      for (const auto& range : scan->initialisers) {
        sources.initialisers.emplace_back();
        if (range) sources.initialisers.back() = RawData{range->offset, range->bytes, bytes.read};
      }
      return model.ParseFromString(scan->rest);
    }
  }
  return parse(*bytes.open(), model);
}

// Parses and reads; the file's name goes in front of every error.
Result<Graph> import_model(const ModelBytes& bytes, std::string_view name,
                           const std::filesystem::path& folder) {
  try {
    onnx::ModelProto model;
    DataSources sources{.folder = folder, .initialisers = {}};
    if (!parse_model(bytes, model, sources)) return runtime_error("{}", kNotOnnx).within(name);
    Result<Graph> graph = read_model(model, sources);
    if (!graph.ok()) return graph.error().within(name);
    return graph;
  } catch (const std::bad_alloc&) {
    return runtime_error("{}: not enough memory to load the model", name);
  }
}

// An open file, closed at the end.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  [[nodiscard]] int number() const { return number_; }

 private:
  int number_;
};

// A stream that leaves the error it met behind.
class WatchedFile final : public io::FileInputStream {
 public:
  WatchedFile(int descriptor, int& error) : FileInputStream(descriptor), error_(error) {}
  ~WatchedFile() override { error_ = GetErrno(); }

 private:
  int& error_;
};

Status read_at(int descriptor, std::int64_t offset, std::span<std::byte> to) {
  while (!to.empty()) {
    const ssize_t got = ::pread(descriptor, to.data(), to.size(), offset);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      return runtime_error("cannot be read from the file: {}",
                           got < 0 ? std::generic_category().message(errno) : "it ends before");
    }
    to = to.subspan(static_cast<std::size_t>(got));
    offset += got;
  }
  return {};
}

Error too_large(std::string_view name) {
  return runtime_error("{}: is larger than 2 GB: store its weights as external data", name);
}

}  // namespace

Result<Graph> import_onnx(const std::filesystem::path& path) {
  const std::string name = path.string();
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  const int descriptor = file.number();
  if (descriptor < 0) {
    return runtime_error("cannot open model '{}': {}", name,
                         std::generic_category().message(errno));
  }
  ModelBytes bytes;
  struct stat status {};
  if (::fstat(descriptor, &status) == 0) {
    if (S_ISDIR(status.st_mode)) return runtime_error("{}: is a folder, not a model file", name);
    if (status.st_size > kMaxFileBytes) return too_large(name);
    if (S_ISREG(status.st_mode)) bytes.size = status.st_size;
  }
  int read_error = 0;
  bytes.open = [descriptor, &read_error]() -> std::unique_ptr<io::ZeroCopyInputStream> {
    ::lseek(descriptor, 0, SEEK_SET);  // a pipe is opened once, and is at its beginning
    return std::make_unique<WatchedFile>(descriptor, read_error);
  };
  bytes.read = [descriptor](std::int64_t offset, std::span<std::byte> to) {
    return read_at(descriptor, offset, to);
  };
  const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
  Result<Graph> graph = import_model(bytes, name, folder);
  if (read_error != 0) {
    return runtime_error("{}: cannot be read: {}", name,
                         std::generic_category().message(read_error));
  }
  return graph;
}

Result<Graph> import_onnx_bytes(std::string_view bytes, std::string_view name,
                                const std::filesystem::path& folder) {
  if (bytes.size() > static_cast<std::size_t>(kMaxFileBytes)) return too_large(name);
  ModelBytes model;
  model.size = static_cast<std::int64_t>(bytes.size());
  model.open = [bytes] {
    return std::make_unique<io::ArrayInputStream>(bytes.data(), static_cast<int>(bytes.size()));
  };
  model.read = [bytes](std::int64_t offset, std::span<std::byte> to) -> Status {
    std::memcpy(to.data(), bytes.data() + offset, to.size());
    return {};
  };
  return import_model(model, name, folder);
}

Result<Tensor> import_tensor_bytes(std::string_view bytes, std::string_view name) {
  if (bytes.size() > static_cast<std::size_t>(kMaxFileBytes)) return too_large(name);
  try {
    onnx::TensorProto proto;
    io::ArrayInputStream stream(bytes.data(), static_cast<int>(bytes.size()));
    if (!parse(stream, proto)) {
      return runtime_error("{}: is not a valid ONNX tensor or is truncated", name);
    }
    Result<Tensor> tensor = take_tensor(proto, {});
    if (!tensor.ok()) return tensor.error().within(name);
    return tensor;
  } catch (const std::bad_alloc&) {
    return runtime_error("{}: not enough memory to load the tensor", name);
  }
}

}  // namespace lode::engine
