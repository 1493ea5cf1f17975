// docs/run-record.schema.json against what to_json() writes.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/results/fits_schema.h"
#include "tests/results/sample_record.h"

namespace lode::record {
namespace {

using Json = nlohmann::json;

TEST(RecordSchema, TakesRecordsAndRefusesBrokenOnes) {
  const Json json = Json::parse(to_json(sample_record()));
  EXPECT_TRUE(fits_schema(json));
  Record null_run = sample_record();
  null_run.model.reset();
  null_run.dataset.reset();
  null_run.accuracy.reset();
  null_run.verdict = {};
  null_run.system = {};
  EXPECT_TRUE(fits_schema(Json::parse(to_json(null_run))));

  Json broken = json;
  broken["metrics"]["latency_ns"]["p50"] = 1.5;
  EXPECT_FALSE(fits_schema(broken));
  broken = json;
  broken["verdict"]["valid"] = true;
  EXPECT_FALSE(fits_schema(broken));
  broken = json;
  broken["metrics"]["headline"]["value"] = 6.5;
  EXPECT_FALSE(fits_schema(broken));
  broken["metrics"]["headline"]["value"] = nullptr;
  EXPECT_TRUE(fits_schema(broken));
  broken = json;
  broken.erase("system");
  EXPECT_FALSE(fits_schema(broken));
  broken = json;
  broken["model"]["sha256"] = "xyz";
  EXPECT_FALSE(fits_schema(broken));
}

}  // namespace
}  // namespace lode::record
