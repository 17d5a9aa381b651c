// Reads single TOML values into typed places. Called by the key table of the configuration and by the price
// table. Pure: a value is taken, or the fault says what is wrong with it and how it is written.
#pragma once

#include <toml++/toml.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"

namespace offpeak {

struct KeyFault {
  std::string message;  // goes behind the key's name: "must be a whole number"
  std::string hint;
};
using Taken = std::optional<KeyFault>;  // nothing: the value was taken

Taken take_flag(const toml::node& value, bool& into);
// A path; trailing slashes are cut. Not empty.
Taken take_path(const toml::node& value, std::string& into);
// The same; an empty one means the default.
Taken take_optional_path(const toml::node& value, std::string& into);
// Printable ASCII without spaces and commas, not empty: goes into an HTTP header as it is.
Taken take_header_value(const toml::node& value, std::string& into);
Taken take_header_values(const toml::node& value, std::vector<std::string>& into);
Taken take_base_url(const toml::node& value, std::string& into);
Taken take_auth(const toml::node& value, AuthScheme& into);
Taken take_log_level(const toml::node& value, LogLevel& into);
// "10s", or a plain 0.
Taken take_duration(const toml::node& value, Duration& into);
// "256MB", or a plain 0; within the given limits.
Taken take_bytes(const toml::node& value, std::uint64_t& into, std::uint64_t least, std::uint64_t most);
Taken take_count(const toml::node& value, std::uint32_t& into, std::uint32_t least, std::uint32_t most);
// US dollars: a number from 0 to a thousand million.
Taken take_usd(const toml::node& value, double& into);

}  // namespace offpeak
