// docs/run-record.schema.json against what to_json() writes.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

#include "base/file_io.h"
#include "tests/results/sample_record.h"

namespace lode::record {
namespace {

using Json = nlohmann::json;

bool fits_schema(const Json& record) {
  const auto text = read_file(std::string(LODE_SOURCE_DIR) + "/docs/run-record.schema.json");
  EXPECT_TRUE(text.ok());
  const Json schema_json = Json::parse(*text);
  valijson::Schema schema;
  valijson::SchemaParser(valijson::SchemaParser::kDraft7)
      .populateSchema(valijson::adapters::NlohmannJsonAdapter(schema_json), schema);
  valijson::Validator validator;
  return validator.validate(schema, valijson::adapters::NlohmannJsonAdapter(record), nullptr);
}

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
