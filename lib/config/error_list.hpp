// Collects the errors of one text and hands them out in its order; TOML tables are walked by name, not by
// place. Errors of one place keep the order in which they were found; overrides come last.
#pragma once

#include <cstdint>
#include <map>
#include <tuple>
#include <utility>
#include <vector>

#include "config/config.hpp"

namespace offpeak {

class ErrorList {
 public:
  static constexpr auto override_name = "--set";

  void add(ConfigError error) {
    const Rank rank(error.file == override_name, error.line, error.column);
    errors_.emplace(rank, std::move(error));
  }
  bool empty() const { return errors_.empty(); }
  std::vector<ConfigError> take() {
    std::vector<ConfigError> taken;
    for (auto& [rank, error] : errors_) taken.push_back(std::move(error));
    errors_.clear();
    return taken;
  }

 private:
  using Rank = std::tuple<bool, std::uint32_t, std::uint32_t>;
  std::multimap<Rank, ConfigError> errors_;
};

}  // namespace offpeak
