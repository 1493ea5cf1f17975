// Every scenario of this build, by name of its policy.
#include <array>

#include "loadgen/policies/policy.h"

namespace lode::loadgen {

const Policy* find_policy(Scenario scenario) {
  static const std::array kPolicies = {&single_stream_policy(), &multi_stream_policy(),
                                       &server_policy(), &offline_policy()};
  for (const Policy* policy : kPolicies) {
    if (policy->scenario() == scenario) return policy;
  }
  return nullptr;
}

}  // namespace lode::loadgen
