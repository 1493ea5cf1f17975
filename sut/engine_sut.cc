#include "sut/engine_sut.h"

#include <algorithm>
#include <cstring>

namespace lode::sut {
namespace {

constexpr int kInstancesMax = 1024;
constexpr std::uint64_t kBatchMax = 1U << 16;

/// "[3,224,224]" of [N,3,224,224].
Shape without_batch(const Shape& shape) {
  return Shape(shape.extents().subspan(std::min<std::size_t>(shape.rank(), 1)));
}

bool fits(const Shape& wanted, const Shape& given) {
  return std::equal(wanted.begin(), wanted.end(), given.begin(), given.end(),
                    [](std::int64_t want, std::int64_t have) { return want < 0 || want == have; });
}

/// Scores are read as f32 [rows,classes]; further extents of 1 change nothing.
bool are_scores(DType dtype, const Shape& shape, std::int64_t rows) {
  return dtype == DType::kF32 && shape.rank() >= 2 && shape[0] == rows &&
         std::all_of(shape.begin() + 2, shape.end(), [](std::int64_t n) { return n == 1; });
}

}  // namespace

Result<std::unique_ptr<loadgen::SystemUnderTest>> EngineSut::create(const SutRequest& request,
                                                                    const SampleLibrary& library) {
  LODE_ASSERT(request.model != nullptr);
  if (request.batch < 1 || request.batch > kBatchMax) {
    return usage_error("batch {} is out of range; use 1 to {}", request.batch, kBatchMax);
  }
  if (request.instances < 1 || request.instances > kInstancesMax) {
    return usage_error("instances {} is out of range; use 1 to {}", request.instances,
                       kInstancesMax);
  }
  std::unique_ptr<EngineSut> sut(new EngineSut(request, library));
  LODE_CHECK_OK(sut->check_input());
  LODE_CHECK_OK(sut->make_instances(request));
  return std::unique_ptr<loadgen::SystemUnderTest>(std::move(sut));
}

EngineSut::EngineSut(const SutRequest& request, const SampleLibrary& library)
    : name_(fmt::format("engine, {} x {} thread{}, batch {}", request.instances, request.threads,
                        request.threads == 1 ? "" : "s", request.batch)),
      model_(request.model),
      library_(library),
      batch_(request.batch) {}

Status EngineSut::check_input() {
  if (model_->inputs().size() != 1) {
    return usage_error("the model has {} inputs; the engine SUT feeds models of one input",
                       model_->inputs().size());
  }
  const engine::PortInfo& input = model_->inputs().front();
  if (input.dtype != DType::kF32) {
    return usage_error("model input '{}' is {}; samples are f32", input.name,
                       dtype_name(input.dtype));
  }
  const Shape wanted = without_batch(input.shape);
  const Shape& given = library_.sample_shape();
  if (input.shape.empty() || !fits(wanted, given)) {
    return usage_error(
        "model input '{}' wants {}, dataset has {}; import the dataset at the "
        "model's size, or choose another model",
        input.name, wanted.to_string(), given.to_string());
  }
  const bool has_symbolic_size = !wanted.is_static();
  if (has_symbolic_size) image_size_ = given[given.rank() - 1];
  is_fixed_batch_ = !model_->has_symbolic_batch();
  if (is_fixed_batch_ && input.shape[0] != static_cast<std::int64_t>(batch_)) {
    return usage_error(
        "batch {}: the model has the fixed batch {}; set batch to {}, or export the "
        "model with a symbolic batch",
        batch_, input.shape[0], input.shape[0]);
  }
  LODE_TRY(const std::vector<Shape> shapes,
           model_->input_shapes(static_cast<std::int64_t>(batch_), image_size_));
  if (fits(without_batch(shapes.front()), given)) return {};
  return usage_error("model input '{}' takes {} here, dataset has {}", input.name,
                     without_batch(shapes.front()).to_string(), given.to_string());
}

Status EngineSut::make_instances(const SutRequest& request) {
  instances_.resize(static_cast<std::size_t>(request.instances));
  std::size_t next_cpu = 0;
  for (Instance& instance : instances_) {
    engine::SessionOptions options{.threads = request.threads, .cpus = {}};
    for (int t = 0; t < request.threads && !request.cpus.empty(); ++t) {
      options.cpus.push_back(request.cpus[next_cpu++ % request.cpus.size()]);
    }
    LODE_TRY(instance.session, engine::Session::create(model_, options));
    instance.plans.resize(batch_ + 1);
    instance.responses.resize(batch_);
  }
  workers_ = std::make_unique<BatchWorkers>(
      instances_.size(), batch_,
      [this](std::size_t worker, std::span<const loadgen::QuerySample> batch) {
        run_batch(instances_[worker], batch);
      });
  return {};
}

Status EngineSut::start(const loadgen::TestPlan& plan, loadgen::CompletionSink& sink) {
  sink_ = &sink;
  wants_outputs_ = plan.wants_outputs;
  failed_.store(false);
  if (wants_outputs_ && model_->outputs().size() != 1) {
    return usage_error(
        "the model has {} outputs; accuracy is that of models with one, f32 "
        "[samples,classes]",
        model_->outputs().size());
  }
  LODE_CHECK_OK(prepare_query(plan.samples_per_query_max));
  for (const std::uint64_t samples : plan.query_sizes) LODE_CHECK_OK(prepare_query(samples));
  if (plan.queries_overlap) LODE_CHECK_OK(prepare_any_batch());
  workers_->start(plan);
  return {};
}

Status EngineSut::expect_query(std::uint64_t samples) {
  workers_->reserve(samples);
  return prepare_query(samples);
}

Status EngineSut::prepare_query(std::uint64_t samples) {
  for (Instance& instance : instances_) {
    for (const std::uint64_t size : {samples >= batch_ ? batch_ : 0, samples % batch_}) {
      if (size == 0) continue;
      LODE_CHECK_OK(prepare_batch(instance, size));
      const BatchPlan& plan = instance.plans[size];
      if (plan.is_static) LODE_CHECK_OK(check_scores(plan.outputs.front(), size));
    }
  }
  return {};
}

Status EngineSut::prepare_any_batch() {
  for (std::uint64_t samples = 1; samples < batch_; samples *= 2) {
    LODE_CHECK_OK(prepare_query(samples));
  }
  return prepare_query(batch_);
}

Status EngineSut::prepare_batch(Instance& instance, std::uint64_t samples) {
  BatchPlan& plan = instance.plans[samples];
  if (plan.is_ready) return {};
  const auto rows = static_cast<std::int64_t>(rows_of(samples));
  LODE_TRY(const std::vector<Shape> shapes, model_->input_shapes(rows, image_size_));
  LODE_CHECK_OK(instance.session->prepare(shapes));
  LODE_TRY(const engine::PlanInfo info, instance.session->plan_info(shapes));
  plan.input_shape = shapes.front();
  plan.is_static = info.is_static;
  if (instance.input.shape().element_count() < plan.input_shape.element_count()) {
    instance.input = engine::Tensor(DType::kF32, plan.input_shape);
  }
  if (plan.is_static) LODE_CHECK_OK(point_outputs(instance, plan));
  plan.is_ready = true;
  return {};
}

Status EngineSut::check_scores(const TensorView& output, std::uint64_t samples) const {
  const auto rows = static_cast<std::int64_t>(rows_of(samples));
  if (!wants_outputs_ || are_scores(output.dtype, output.shape, rows)) return {};
  return usage_error(
      "model output '{}' is {} {} for {} samples; accuracy needs f32 [{},classes], a row of scores "
      "for each",
      model_->outputs().front().name, dtype_name(output.dtype), output.shape.to_string(), rows,
      rows);
}

/// Outputs are small: every batch size has its own, so that no plan's views ever move.
Status EngineSut::point_outputs(Instance& instance, BatchPlan& plan) {
  LODE_TRY(const std::vector<engine::PortInfo> ports,
           instance.session->output_ports(std::span(&plan.input_shape, 1)));
  for (const engine::PortInfo& port : ports) {
    engine::Tensor buffer(port.dtype, port.shape);
    plan.outputs.push_back(buffer.mutable_view());
    instance.outputs.push_back(std::move(buffer));
  }
  return {};
}

void EngineSut::issue(std::span<const loadgen::QuerySample> query) {
  workers_->issue(query);
}

std::size_t EngineSut::planned_size(const Instance& instance, std::size_t samples) {
  for (std::size_t size = samples; size > 0; --size) {
    if (instance.plans[size].is_ready) return size;
  }
  return samples;
}

void EngineSut::run_batch(Instance& instance, std::span<const loadgen::QuerySample> batch) {
  while (!batch.empty() && !failed_.load(std::memory_order_relaxed)) {
    const std::size_t count = planned_size(instance, batch.size());
    const Status status = compute(instance, batch.first(count));
    if (!status.ok()) {
      failed_.store(true);
      return sink_->fail(status.error().within(name_));
    }
    batch = batch.subspan(count);
  }
}

Status EngineSut::compute(Instance& instance, std::span<const loadgen::QuerySample> batch) {
  LODE_CHECK_OK(prepare_batch(instance, batch.size()));
  const BatchPlan& plan = instance.plans[batch.size()];
  const TensorView input = gather(instance, plan, batch);
  if (!plan.is_static) {
    LODE_TRY(const std::vector<engine::Tensor> outputs,
             instance.session->run_allocating(std::span(&input, 1)));
    return respond(instance, batch, outputs.front().view());
  }
  LODE_CHECK_OK(instance.session->run(std::span(&input, 1), plan.outputs));
  return respond(instance, batch, plan.outputs.front());
}

TensorView EngineSut::gather(Instance& instance, const BatchPlan& plan,
                             std::span<const loadgen::QuerySample> batch) const {
  const auto bytes_of = [&](const loadgen::QuerySample& sample) {
    return std::as_bytes(library_.sample(sample.index));
  };
  if (plan.input_shape[0] == 1) {
    return {bytes_of(batch.front()).data(), DType::kF32, plan.input_shape};
  }
  std::byte* row = instance.input.mutable_view().data;
  for (const loadgen::QuerySample& sample : batch) {
    const std::span<const std::byte> bytes = bytes_of(sample);
    std::memcpy(row, bytes.data(), bytes.size());
    row += bytes.size();
  }
  // A fixed batch is filled up with its last sample, whose further rows are not looked at.
  const std::span<const std::byte> last = bytes_of(batch.back());
  for (auto rows = static_cast<std::int64_t>(batch.size()); rows < plan.input_shape[0]; ++rows) {
    std::memcpy(row, last.data(), last.size());
    row += last.size();
  }
  return {instance.input.view().data, DType::kF32, plan.input_shape};
}

Status EngineSut::respond(Instance& instance, std::span<const loadgen::QuerySample> batch,
                          const TensorView& output) {
  LODE_CHECK_OK(check_scores(output, batch.size()));
  const std::size_t row_bytes = wants_outputs_ ? output.byte_size() / rows_of(batch.size()) : 0;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    instance.responses[i] = {batch[i].id, {output.data + i * row_bytes, row_bytes}};
  }
  sink_->complete(std::span(instance.responses).first(batch.size()));
  return {};
}

void EngineSut::stop() {
  if (workers_) workers_->stop();
  sink_ = nullptr;
}

}  // namespace lode::sut
