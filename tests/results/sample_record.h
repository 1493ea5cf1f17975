// A record with every member set, for the tests of this folder.
#pragma once

#include <string>

#include "results/record/record.h"

namespace lode::record {

inline Record sample_record() {
  Record record;
  record.id = make_run_id(1767225599123, "test");
  record.started_at = format_utc(1767225599123);
  record.command = "lode run --model 'a b.onnx'";
  record.config = {{"scenario", std::string("multi-stream"), "--scenario"},
                   {"mode", std::string("accuracy"), "default"},
                   {"sut", std::string("engine"), "default"},
                   {"batch", std::uint64_t{8}, "run.yaml:3:1"},
                   {"qsl_seed", std::uint64_t{16159082839903944936ULL}, "default"},
                   {"sample_index_seed", std::uint64_t{1}, "default"},
                   {"schedule_seed", std::uint64_t{2}, "default"},
                   {"accuracy_target", 0.5, "--accuracy-target"},
                   {"cpus", std::vector<std::int64_t>{0, 1}, "--cpus"}};
  record.system.cpu_model = "Some CPU";
  record.system.architecture = "x86_64";
  record.system.isa = {"avx2"};
  record.system.affinity = {0, 1};
  record.system.logical_cpus = 2;
  record.system.memory_total_bytes = 1ULL << 34;
  record.system.kernel = "6.1";
  record.system.governors = {"performance"};
  record.system.turbo = false;
  record.system.load_1min = 0.25;
  record.build = {"0.1.0", "abcdef", "GCC 12", "RelWithDebInfo"};
  record.model = ModelInfo{"m.onnx", std::string(64, 'a'), "fp32", 1000, 900, "generic"};
  record.sut = SutInfo{"process x", Transport{200, 3000, 9000, 50, 40000, 90000}};
  record.dataset = DatasetInfo{"d.h5", std::string(64, 'b'), 500};
  record.scenario = "multi-stream";
  record.mode = "accuracy";
  record.verdict = {false, {{"min_duration", "1 s", "at least 10 s", "raise it"}}};
  record.metrics.headline = {"p99_latency", 6.0, "ns"};
  record.metrics.queries = 62;
  record.metrics.samples = 500;
  record.metrics.duration_ns = 9007199254740993;  // Not a double.
  record.metrics.throughput_samples_per_s = 812.3456789012345;
  record.metrics.latency_ns = Distribution{1, 5, 2, 3, 4, 5, 6, 7, 9007199254740993};
  record.metrics.service_ns = Distribution{1, 1, 1, 1, 1, 1, 1, 1, 1};
  record.metrics.peak_search = {{100.0, true, 5, 50, ""}, {200.0, false, 9, 60, "target_latency"}};
  record.warmup_queries = 5;
  record.metrics.early_stopping = {true, "", false, 0.99, 62, 662, 0, std::nullopt, 77};
  record.accuracy = Accuracy{500, 382, 460, 0.764, 0.92, std::nullopt, 0, 0.5};
  record.resources = {1 << 20, 1.5, 1.25, 0.25, 10, 0, 3, 4, 1 << 19, 0.75};
  record.monitoring = Monitoring{
      100'000'000,
      200'000'000,
      0.001,
      {100'000'000, 200'000'000},
      {{"process_cores", {0.5, std::nullopt}}, {"frequency_hz", {std::nullopt, std::nullopt}}},
      std::nullopt,
      "no RAPL here"};
  return record;
}

}  // namespace lode::record
