// The one list of networks. A line here, a declaration in models/architectures.h, and a file.
#include "models/zoo.h"

#include <array>
#include <climits>
#include <new>
#include <string>

#include "base/units.h"
#include "models/architectures.h"

namespace lode::models {

namespace {

// Published: parameters ("num_params") and multiply-adds ("GFLOPS", which counts a multiply-add as
// one) of torchvision's table of classification weights, which agree with the papers' rounding.
// MobileNetV1 is not in it: multiply-adds are the paper's (table 4), parameters those that Keras's
// MobileNet calls trainable.
constexpr std::array kZoo = {
    ZooEntry{"mobilenetv1",
             mobilenet_v1,
             224,
             {4'231'976, 569'000'000},
             "depthwise 3x3 and pointwise convolutions in one chain, ReLU"},
    ZooEntry{"mobilenetv2",
             mobilenet_v2,
             224,
             {3'504'872, 301'000'000},
             "inverted residuals: ReLU6, linear ends, adds of few channels"},
    ZooEntry{"mobilenetv3-small",
             mobilenet_v3_small,
             224,
             {2'542'856, 57'000'000},
             "the overhead of small layers; 5x5 depthwise, squeeze-and-excite, HardSwish"},
    ZooEntry{"mobilenetv3-large",
             mobilenet_v3_large,
             224,
             {5'483'032, 217'000'000},
             "5x5 depthwise, squeeze-and-excite with HardSigmoid, HardSwish"},
    ZooEntry{"efficientnet-b0",
             efficientnet_b0,
             224,
             {5'288'548, 386'000'000},
             "squeeze-and-excite in every block, SiLU as Sigmoid and Mul"},
    ZooEntry{"efficientnet-b1",
             efficientnet_b1,
             240,
             {7'794'184, 687'000'000},
             "the same, deeper, on a larger image"},
    ZooEntry{"efficientnet-b3",
             efficientnet_b3,
             300,
             {12'233'232, 1'827'000'000},
             "the same, wider: channels that fill no vector evenly, odd extents"},
    ZooEntry{"densenet121",
             densenet121,
             224,
             {7'978'856, 2'834'000'000},
             "normalisation and ReLU in front of convolutions, long chains of Concat"},
    ZooEntry{"densenet169", densenet169, 224, {14'149'480, 3'360'000'000}, "the same, deeper"},
    ZooEntry{"densenet201",
             densenet201,
             224,
             {20'013'928, 4'291'000'000},
             "the same, deeper still: concatenations up to 1920 channels"},
    ZooEntry{"vgg16",
             vgg16,
             224,
             {138'357'544, 15'470'000'000},
             "3x3 convolutions on large planes; fully connected weights of 490 MB"},
    ZooEntry{"vgg19",
             vgg19,
             224,
             {143'667'240, 19'632'000'000},
             "the same with three more layers: arithmetic and memory at their limits"},
    ZooEntry{"resnet18",
             resnet18,
             224,
             {11'689'512, 1'814'000'000},
             "3x3 convolutions with residual adds"},
    ZooEntry{"resnet50",
             resnet50,
             224,
             {25'557'032, 4'089'000'000},
             "bottlenecks: wide 1x1 and narrow 3x3 convolutions, residual adds"},
    ZooEntry{"squeezenet1.1",
             squeezenet_1_1,
             224,
             {1'235'496, 349'000'000},
             "no normalisation; few channels, Concat of two branches, odd extents"},
};

Result<std::int64_t> checked_size(const ZooEntry& entry, const ZooOptions& options) {
  const std::int64_t size = options.size == 0 ? entry.default_size : options.size;
  if (size < kZooSizeMin) {
    return usage_error(
        "zoo model '{}': an image of {}x{} is too small for its strides; the least "
        "is {}x{}",
        entry.name, size, size, kZooSizeMin, kZooSizeMin);
  }
  if (options.classes < 1) {
    return usage_error("zoo model '{}': {} classes; at least 1 is needed", entry.name,
                       options.classes);
  }
  return size;
}

}  // namespace

std::span<const ZooEntry> zoo() {
  return kZoo;
}

Result<const ZooEntry*> find_zoo_entry(std::string_view name) {
  std::string names;
  for (const ZooEntry& entry : kZoo) {
    if (entry.name == name) return &entry;
    names.append(names.empty() ? "" : ", ").append(entry.name);
  }
  return usage_error("the zoo has no model '{}'; there are {}", name, names);
}

Result<Costs> zoo_costs(const ZooEntry& entry, const ZooOptions& options) {
  LODE_TRY(const std::int64_t size, checked_size(entry, options));
  NetBuilder net(nullptr, options.seed, options.classes);
  const Feature logits = entry.build(net, net.image(options.batch, size));
  LODE_ASSERT(logits.channels == options.classes && logits.height == 1 && logits.width == 1);
  return net.costs();
}

Result<engine::Graph> build_zoo_model(const ZooEntry& entry, const ZooOptions& options) {
  LODE_TRY(const std::int64_t size, checked_size(entry, options));
  LODE_TRY(const Costs costs, zoo_costs(entry, options));
  const std::int64_t byte_count = costs.parameters * static_cast<std::int64_t>(sizeof(float));
  if (byte_count > INT_MAX) {
    return usage_error(
        "zoo model '{}' at {}x{} with {} classes has weights of {}; a file holds at "
        "most 2 GB: choose a smaller size or fewer classes",
        entry.name, size, size, options.classes,
        format_bytes(static_cast<std::uint64_t>(byte_count)));
  }
  try {
    engine::Graph graph;
    graph.name = entry.name;
    NetBuilder net(&graph, options.seed, options.classes);
    net.logits(entry.build(net, net.image(options.batch, size)), options.batch);
    LODE_CHECK_OK(verify(graph));
    return graph;
  } catch (const std::bad_alloc&) {
    return runtime_error("zoo model '{}': not enough memory for weights of {}", entry.name,
                         format_bytes(static_cast<std::uint64_t>(byte_count)));
  }
}

}  // namespace lode::models
