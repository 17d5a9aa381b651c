// Target: the path and query of a request line, taken apart. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace offpeak {

using QueryMembers = std::vector<std::pair<std::string, std::string>>;

struct Target {
  std::vector<std::string> segments;  // of the path, decoded: /v1/jobs/7 is v1, jobs, 7
  QueryMembers query;                 // decoded, in order
};

// Takes "/path?query" and the absolute form "http://any-host/path?query". ErrorKind::invalid for anything else, for
// a bad percent escape, and for a query member given twice.
Result<Target> parse_target(std::string_view text);

// The member's value, or nothing.
std::optional<std::string_view> query_member(const QueryMembers& query, std::string_view name);

// Plain decimal digits that fit, with an optional minus sign; nothing for anything else.
std::optional<std::int64_t> parse_integer(std::string_view text);

}  // namespace offpeak
