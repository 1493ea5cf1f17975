// Lodestone's engine under load: one or more sessions of one model, fed from the sample library.
//
// What counts as service: waiting for a free instance, copying samples into one batch (a batch of
// one is read where the library holds it), the engine's run. Normalising and loading do not.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "engine/runtime/session.h"
#include "loadgen/system_under_test.h"
#include "sut/batch_workers.h"
#include "sut/sut_list.h"

namespace lode::sut {

/// Batches of at most `batch` samples go to the instances as these become free (batch_workers.h).
class EngineSut final : public loadgen::SystemUnderTest {
 public:
  /// Usage errors: the model's input does not fit the samples; a fixed batch is not `batch`.
  [[nodiscard]] static Result<std::unique_ptr<loadgen::SystemUnderTest>> create(
      const SutRequest& request, const SampleLibrary& library);
  ~EngineSut() override { stop(); }

  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] std::uint64_t samples_in_flight() const override {
    return workers_->samples_in_flight();
  }
  /// Plans every batch that the queries of `plan` come to, and starts the instances' threads. Usage
  /// error: outputs are wanted, and the model's is not one f32 [samples,classes].
  [[nodiscard]] Status start(const loadgen::TestPlan& plan, loadgen::CompletionSink& sink) override;
  [[nodiscard]] Status expect_query(std::uint64_t samples) override;
  void issue(std::span<const loadgen::QuerySample> query) override;
  void flush() override {}
  /// Waits for the batches in the engine; those in the queue are dropped.
  void stop() override;

 private:
  /// How a batch of one size is run.
  struct BatchPlan {
    bool is_ready = false;
    bool is_static = true;  ///< false: the outputs' shapes depend on data, each run allocates them
    Shape input_shape;
    std::vector<MutableTensorView> outputs;
  };
  struct Instance {
    std::unique_ptr<engine::Session> session;
    std::vector<BatchPlan> plans;  ///< by number of samples
    engine::Tensor input;          ///< a whole batch
    std::vector<engine::Tensor> outputs;
    std::vector<loadgen::QuerySampleResponse> responses;
  };

  EngineSut(const SutRequest& request, const SampleLibrary& library);
  [[nodiscard]] Status check_input();
  [[nodiscard]] Status make_instances(const SutRequest& request);
  [[nodiscard]] Status prepare_query(std::uint64_t samples);
  /// Batches of 1, 2, 4 and so on up to the largest: what waits together is cut into these.
  [[nodiscard]] Status prepare_any_batch();
  [[nodiscard]] Status prepare_batch(Instance& instance, std::uint64_t samples);
  /// That what the model says can be scored, if this test asks for outputs.
  [[nodiscard]] Status check_scores(const TensorView& output, std::uint64_t samples) const;
  [[nodiscard]] Status point_outputs(Instance& instance, BatchPlan& plan);
  /// Rows of the engine's call for a batch of `samples`: a fixed batch is filled up.
  [[nodiscard]] std::uint64_t rows_of(std::uint64_t samples) const {
    return is_fixed_batch_ ? batch_ : samples;
  }

  void run_batch(Instance& instance, std::span<const loadgen::QuerySample> batch);
  /// Samples of the largest batch that is planned and not above `samples`; `samples` if none is.
  [[nodiscard]] static std::size_t planned_size(const Instance& instance, std::size_t samples);
  [[nodiscard]] Status compute(Instance& instance, std::span<const loadgen::QuerySample> batch);
  [[nodiscard]] Status respond(Instance& instance, std::span<const loadgen::QuerySample> batch,
                               const TensorView& output);
  [[nodiscard]] TensorView gather(Instance& instance, const BatchPlan& plan,
                                  std::span<const loadgen::QuerySample> batch) const;

  std::string name_;
  std::shared_ptr<const engine::Model> model_;
  const SampleLibrary& library_;
  std::uint64_t batch_;
  std::int64_t image_size_ = 0;  ///< for models of symbolic height and width
  bool is_fixed_batch_ = false;
  bool wants_outputs_ = false;
  loadgen::CompletionSink* sink_ = nullptr;
  std::vector<Instance> instances_;
  std::atomic<bool> failed_{false};
  std::unique_ptr<BatchWorkers> workers_;
};

}  // namespace lode::sut
