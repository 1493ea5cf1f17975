#include "sut/process/process_sut.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <thread>

#include "base/percentile.h"

namespace lode::sut {
namespace {

constexpr int kInstancesMax = 1024;
/// So that the slots of one batch fit into one message.
constexpr std::uint64_t kBatchMax = MessageReader::kPayloadMax / sizeof(std::uint32_t);
constexpr std::uint64_t kOutputAlignment = 64;
/// Long enough for both sides to have gone to sleep, and for a processor to have done so, too.
constexpr std::chrono::milliseconds kPause(2);

/// This process's environment with `own` above it.
std::vector<std::string> environment_with(std::vector<std::string> own) {
  const std::size_t count = own.size();
  for (std::string& entry : environment_entries()) {
    const std::string name = entry.substr(0, entry.find('=') + 1);
    const auto end = own.begin() + static_cast<std::ptrdiff_t>(count);
    const bool is_replaced = std::any_of(
        own.begin(), end, [&](const std::string& each) { return each.starts_with(name); });
    if (!is_replaced) own.push_back(std::move(entry));
  }
  return own;
}

std::string list_text(const Shape& shape) {
  std::string text;
  for (const std::int64_t extent : shape) {
    text += fmt::format("{}{}", text.empty() ? "" : ",", extent);
  }
  return text;
}

}  // namespace

Result<std::unique_ptr<loadgen::SystemUnderTest>> ProcessSut::create(const SutRequest& request) {
  LODE_ASSERT(request.process.samples != nullptr);
  if (request.batch < 1 || request.batch > kBatchMax) {
    return usage_error("batch {} is out of range; use 1 to {} with a process", request.batch,
                       kBatchMax);
  }
  if (request.instances < 1 || request.instances > kInstancesMax) {
    return usage_error("instances {} is out of range; use 1 to {}", request.instances,
                       kInstancesMax);
  }
  LODE_TRY(const ProcessCommand command, resolve_command(request.process.command));
  std::unique_ptr<ProcessSut> sut(new ProcessSut(request));
  sut->instances_.resize(static_cast<std::size_t>(request.instances));
  for (std::size_t i = 0; i < sut->instances_.size(); ++i) {
    const Status launched = sut->launch(command, i);
    if (!launched.ok()) return sut->told(launched.error());
  }
  sut->workers_ = std::make_unique<BatchWorkers>(
      sut->instances_.size(), request.batch,
      [raw = sut.get()](std::size_t worker, std::span<const loadgen::QuerySample> batch) {
        raw->run_batch(raw->instances_[worker], batch);
      });
  return std::unique_ptr<loadgen::SystemUnderTest>(std::move(sut));
}

Error ProcessSut::told(const Error& error) const {
  return error.within(fmt::format("process '{}'", request_.process.command));
}

std::vector<int> ProcessSut::cpus_of(std::size_t index) const {
  std::vector<int> own;
  const auto threads = static_cast<std::size_t>(request_.threads);
  for (std::size_t t = 0; t < threads && !request_.cpus.empty(); ++t) {
    own.push_back(request_.cpus[(index * threads + t) % request_.cpus.size()]);
  }
  return own;
}

Result<std::string> ProcessSut::settings_of(std::size_t index) const {
  const SharedSamples& samples = *request_.process.samples;
  std::vector<SettingLine> lines = {
      {"protocol", std::to_string(kProtocolVersion)},
      {"model", request_.process.model},
      {"precision", request_.process.precision},
      {"threads", std::to_string(request_.threads)},
      {"batch", std::to_string(request_.batch)},
      {"instance", std::to_string(index)},
      {"spin_ns", std::to_string(request_.process.spin_ns)},
      {"sample_shape", list_text(samples.sample_shape())},
      {"sample_bytes", std::to_string(samples.sample_bytes())},
      {"sample_stride", std::to_string(samples.stride())},
      {"sample_slots", std::to_string(samples.slots())},
  };
  LODE_TRY(const std::vector<SettingLine> options, parse_assignments(request_.process.options));
  for (const SettingLine& option : options) {
    lines.push_back({fmt::format("option.{}", option.name), option.value});
  }
  return write_settings(lines);
}

Status ProcessSut::launch(const ProcessCommand& command, std::size_t index) {
  Instance& instance = instances_[index];
  LODE_TRY(const std::string settings, settings_of(index));
  if (settings.size() > MessageReader::kPayloadMax) {
    return usage_error("its options are longer than {} bytes", MessageReader::kPayloadMax);
  }
  LODE_TRY(const std::vector<SettingLine> environment,
           parse_assignments(request_.process.environment));
  LODE_TRY(SharedMemory outputs, SharedMemory::create("lode-outputs"));
  instance.outputs = std::make_unique<SharedMemory>(std::move(outputs));
  const std::string& word = command.words.front();
  const std::optional<std::string> program = find_program(word);
  if (!program) return usage_error("cannot start '{}': there is no such program", word);
  // The user's own come first: what stands there is what counts.
  std::vector<std::string> own;
  for (const SettingLine& line : environment) {
    own.push_back(fmt::format("{}={}", line.name, line.value));
  }
  own.insert(own.end(), command.environment.begin(), command.environment.end());
  ChildCommand child;
  child.program = *program;
  child.words = command.words;
  child.environment = environment_with(std::move(own));
  // What a library prints must not end up between messages, nor between results.
  child.output = STDERR_FILENO;
  child.files = {request_.process.samples->memory().file(), instance.outputs->file()};
  child.cpus = cpus_of(index);
  child.is_apart = true;
  LODE_TRY(instance.channel, Channel::start(std::move(child), request_.process.spin_ns));
  instance.channel->watch(request_.process.interrupted);
  instance.slots.resize(request_.batch);
  instance.responses.resize(request_.batch);
  LODE_TRY(const Message ready,
           instance.channel->exchange(MessageType::kConfigure, settings, MessageType::kReady,
                                      request_.process.start_timeout_ns));
  LODE_TRY(const ReadyFacts facts, parse_ready(ready.text()));
  LODE_CHECK_OK(take(facts, index));
  return allocate_outputs(instance);
}

Status ProcessSut::take(const ReadyFacts& facts, std::size_t index) {
  const std::string& wanted = request_.process.precision;
  if (!wanted.empty() && !facts.precision.empty() && wanted != facts.precision) {
    return usage_error(
        "precision {} was asked for, but it computes in {}; name that or leave "
        "precision out",
        wanted, facts.precision);
  }
  if (index > 0 && facts.outputs != outputs_) {
    return runtime_error("its instances give {} and {} outputs", outputs_, facts.outputs);
  }
  outputs_ = facts.outputs;
  output_stride_ =
      (outputs_ * sizeof(float) + kOutputAlignment - 1) / kOutputAlignment * kOutputAlignment;
  const std::string said = facts.name.empty() ? request_.process.command : facts.name;
  name_ = fmt::format("process {}, {} x {} thread{}, batch {}", said, request_.instances,
                      request_.threads, request_.threads == 1 ? "" : "s", request_.batch);
  facts_.precision = facts.precision;
  facts_.processes.push_back(instances_[index].channel->pid());
  return {};
}

Status ProcessSut::allocate_outputs(Instance& instance) {
  return instance.outputs->allocate(request_.batch * output_stride_, /*others_write=*/true);
}

Status ProcessSut::start(const loadgen::TestPlan& plan, loadgen::CompletionSink& sink) {
  if (plan.wants_outputs && outputs_ == 0) {
    return told(
        usage_error("gives no outputs, and accuracy mode scores them; use --mode "
                    "performance, or have it say outputs=N when ready"));
  }
  wants_outputs_ = plan.wants_outputs;
  failed_.store(false);
  for (Instance& instance : instances_) {
    const Status begun = begin_test(instance, plan);
    if (!begun.ok()) return told(begun.error());
  }
  const Status measured = measure_transport(instances_.front());
  if (!measured.ok()) return told(measured.error());
  sink_ = &sink;
  workers_->start(plan);
  return {};
}

Status ProcessSut::begin_test(Instance& instance, const loadgen::TestPlan& plan) {
  if (!instance.is_usable) return runtime_error("has failed before, and is not started again");
  instance.channel->resume();
  const SettingLine lines[] = {
      {"wants_outputs", plan.wants_outputs ? "1" : "0"},
      {"outputs", std::to_string(outputs_)},
      {"output_stride", std::to_string(output_stride_)},
      {"output_bytes", std::to_string(instance.outputs->bytes().size())},
  };
  LODE_TRY(const std::string settings, write_settings(lines));
  instance.is_usable = false;
  LODE_TRY(const Message started,
           instance.channel->exchange(MessageType::kStart, settings, MessageType::kStarted,
                                      request_.process.start_timeout_ns));
  instance.is_usable = true;
  (void)started;
  return {};
}

/// A message as for a whole batch there, and an empty one back, in the process itself: all that a
/// query costs here but what the process does for it.
Status ProcessSut::measure_transport(Instance& instance) {
  const RealClock clock;
  const auto round_trip = [&]() -> Result<std::int64_t> {
    const std::int64_t begin_ns = clock.now_ns();
    LODE_TRY(const Message pong, instance.channel->exchange(
                                     MessageType::kPing, std::as_bytes(std::span(instance.slots)),
                                     MessageType::kPong, request_.process.answer_timeout_ns));
    (void)pong;
    return clock.now_ns() - begin_ns;
  };
  std::vector<std::int64_t> times_ns;
  for (std::size_t i = 0; i < kRoundTrips; ++i) {
    LODE_TRY(const std::int64_t ns, round_trip());
    times_ns.push_back(ns);
  }
  std::vector<std::int64_t> paused_ns;
  for (std::size_t i = 0; i < kPausedRoundTrips; ++i) {
    std::this_thread::sleep_for(kPause);
    LODE_TRY(const std::int64_t ns, round_trip());
    paused_ns.push_back(ns);
  }
  std::sort(times_ns.begin(), times_ns.end());
  std::sort(paused_ns.begin(), paused_ns.end());
  facts_.transport = loadgen::TransportCost{.round_trips = kRoundTrips,
                                            .p50_ns = percentile(times_ns, 0.5),
                                            .p99_ns = percentile(times_ns, 0.99),
                                            .paused_round_trips = kPausedRoundTrips,
                                            .paused_p50_ns = percentile(paused_ns, 0.5),
                                            .paused_p99_ns = percentile(paused_ns, 0.99)};
  return {};
}

Status ProcessSut::expect_query(std::uint64_t samples) {
  workers_->reserve(samples);
  return {};
}

void ProcessSut::issue(std::span<const loadgen::QuerySample> query) {
  workers_->issue(query);
}

void ProcessSut::run_batch(Instance& instance, std::span<const loadgen::QuerySample> batch) {
  const std::lock_guard lock(*instance.in_use);
  if (failed_.load(std::memory_order_relaxed) || !instance.is_usable) return;
  const std::span<std::uint32_t> slots = std::span(instance.slots).first(batch.size());
  for (std::size_t i = 0; i < batch.size(); ++i) {
    slots[i] = request_.process.samples->slot(batch[i].index);
  }
  const Result<Message> done =
      instance.channel->exchange(MessageType::kRun, std::as_bytes(slots), MessageType::kDone,
                                 request_.process.answer_timeout_ns);
  if (done.ok()) return respond(instance, batch);
  instance.is_usable = false;
  failed_.store(true);
  // Whoever stopped the test knows already.
  if (done.error().kind != ErrorKind::kInterrupted) sink_->fail(told(done.error()));
}

void ProcessSut::respond(Instance& instance, std::span<const loadgen::QuerySample> batch) {
  const std::byte* row = instance.outputs->bytes().data();
  const std::size_t row_bytes = wants_outputs_ ? outputs_ * sizeof(float) : 0;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    instance.responses[i] = {batch[i].id, {}};
    if (row_bytes > 0) instance.responses[i].data = {row + i * output_stride_, row_bytes};
  }
  sink_->complete(std::span(instance.responses).first(batch.size()));
}

void ProcessSut::end_test(Instance& instance) {
  // A call that was left behind ends within the grace that interrupt() gave it.
  const std::lock_guard lock(*instance.in_use);
  if (instance.is_usable) {
    instance.channel->resume();
    const Result<Message> stopped = instance.channel->exchange(
        MessageType::kStop, std::string_view(), MessageType::kStopped, Channel::kGraceNs);
    if (stopped.ok()) return;
    if (stopped.error().kind != ErrorKind::kInterrupted) sink_->fail(told(stopped.error()));
  }
  instance.is_usable = false;
  instance.channel->close();
}

void ProcessSut::stop() {
  if (sink_ == nullptr) return;
  for (const Instance& instance : instances_) instance.channel->interrupt();
  workers_->stop();
  for (Instance& instance : instances_) end_test(instance);
  sink_ = nullptr;
}

}  // namespace lode::sut
