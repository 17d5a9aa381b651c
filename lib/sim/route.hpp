// Which operation a call's method and target mean. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/faults.hpp"

namespace offpeak::sim {

struct Route {
  enum class Kind : std::uint8_t { api, control, not_found, wrong_method };
  Kind kind = Kind::not_found;
  Verb verb = Verb::none;                                  // of the API
  std::string id;                                          // the batch it is about
  std::string control;                                     // "ledger" of /_sim/ledger
  std::vector<std::pair<std::string, std::string>> query;  // decoded, in order

  std::optional<std::string> parameter(std::string_view name) const;
};

Route parse_route(std::string_view method, std::string_view target);

}  // namespace offpeak::sim
