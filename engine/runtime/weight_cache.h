// Packed weights of one model, shared by its plans and sessions.
#pragma once

#include <map>
#include <mutex>
#include <string>

#include "engine/ops/operator.h"

namespace lode::engine {

/// Safe to use from several threads; an object is made once, while others who ask wait.
class SharedWeightCache final : public WeightCache {
 public:
  std::shared_ptr<const void> get(
      std::string_view key, const std::function<std::shared_ptr<const void>()>& make) override {
    const std::lock_guard lock(mutex_);
    const auto found = objects_.find(key);
    if (found != objects_.end()) return found->second;
    return objects_.emplace(key, make()).first->second;
  }

 private:
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<const void>, std::less<>> objects_;
};

}  // namespace lode::engine
