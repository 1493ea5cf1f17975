// Validates JSON documents against the schemas of docs/.
#pragma once

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

#include "base/file_io.h"

namespace lode::record {

/// `schema`: a file of docs/.
inline bool fits_schema(const nlohmann::json& document,
                        const std::string& schema_file = "run-record.schema.json") {
  const auto text = read_file(std::string(LODE_SOURCE_DIR) + "/docs/" + schema_file);
  EXPECT_TRUE(text.ok());
  if (!text.ok()) return false;
  const auto schema_json = nlohmann::json::parse(*text);
  valijson::Schema schema;
  valijson::SchemaParser(valijson::SchemaParser::kDraft7)
      .populateSchema(valijson::adapters::NlohmannJsonAdapter(schema_json), schema);
  valijson::Validator validator;
  return validator.validate(schema, valijson::adapters::NlohmannJsonAdapter(document), nullptr);
}

}  // namespace lode::record
