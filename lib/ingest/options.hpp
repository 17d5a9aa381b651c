// The options of a job file: the value of "offpeak" in its first line or beside "requests". Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/fault.hpp"
#include "model/money.hpp"

namespace offpeak {

inline constexpr std::size_t options_bytes_max = 16 * 1024 * 1024;  // a shared system prompt may be long
inline constexpr std::size_t option_name_bytes_max = 200;
inline constexpr std::int64_t priority_max = 1'000'000;  // and its negative
inline constexpr std::int64_t max_attempts_max = 100;

enum class OnInvalid : std::uint8_t { reject, skip };

struct JobOptions {
  std::optional<std::string> name;
  std::optional<std::int64_t> priority;
  std::optional<bool> hold;
  std::optional<std::uint32_t> max_attempts;
  std::optional<std::vector<std::string>> betas;
  std::optional<std::string> version;
  std::optional<Nanodollars> max_cost;  // 0: none
  std::string defaults;                 // the raw object, or empty
  OnInvalid on_invalid = OnInvalid::reject;
  bool rerun = false;
  bool operator==(const JobOptions&) const = default;
};

// `value` is valid JSON. Every fault there is, with offsets in `value`; `options` holds what was right.
std::vector<Fault> parse_options(std::string_view value, JobOptions& options);

}  // namespace offpeak
