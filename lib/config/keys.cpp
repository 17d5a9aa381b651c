#include "config/keys.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <vector>

#include "base/text.hpp"
#include "model/limits.hpp"

namespace offpeak {

namespace {

constexpr std::uint64_t bytes_max = 9'000'000'000'000'000'000;
constexpr std::uint32_t count_max = std::numeric_limits<std::int32_t>::max();

// Reads a value into one member of one section; `range` goes to the reader.
template <auto section, auto member, auto take, auto... range>
Taken into(const toml::node& value, Config& config) {
  return take(value, config.*section.*member, range...);
}

using C = Config;
constexpr std::array keys{
    Key{"paths", "spool", into<&C::paths, &PathsConfig::spool, take_path>},
    Key{"paths", "state", into<&C::paths, &PathsConfig::state, take_path>},
    Key{"paths", "socket", into<&C::paths, &PathsConfig::socket, take_path>},

    Key{"provider", "base_url", into<&C::provider, &ProviderConfig::base_url, take_base_url>},
    Key{"provider", "api_key_file", into<&C::provider, &ProviderConfig::api_key_file, take_optional_path>},
    Key{"provider", "auth", into<&C::provider, &ProviderConfig::auth, take_auth>},
    Key{"provider", "version", into<&C::provider, &ProviderConfig::version, take_header_value>},
    Key{"provider", "betas", into<&C::provider, &ProviderConfig::betas, take_header_values>},
    Key{"provider", "exclusive", into<&C::provider, &ProviderConfig::exclusive, take_flag>},
    Key{"provider", "ca_file", into<&C::provider, &ProviderConfig::ca_file, take_optional_path>},
    Key{"provider", "connect_timeout", into<&C::provider, &ProviderConfig::connect_timeout, take_duration>},
    Key{"provider", "answer_timeout", into<&C::provider, &ProviderConfig::answer_timeout, take_duration>},
    Key{"provider", "settle_unknown", into<&C::provider, &ProviderConfig::settle_unknown, take_duration>},

    Key{"batch", "max_requests", into<&C::batch, &BatchConfig::max_requests, take_count, 1, batch_requests_max>},
    Key{"batch", "max_bytes", into<&C::batch, &BatchConfig::max_bytes, take_bytes, 1000, batch_bytes_max>},
    Key{"batch", "linger", into<&C::batch, &BatchConfig::linger, take_duration>},
    Key{"batch", "max_open_batches", into<&C::batch, &BatchConfig::max_open_batches, take_count, 1, count_max>},
    Key{"batch", "max_queued_requests", into<&C::batch, &BatchConfig::max_queued_requests, take_count, 1, count_max>},

    Key{"poll", "min_interval", into<&C::poll, &PollConfig::min_interval, take_duration>},
    Key{"poll", "max_interval", into<&C::poll, &PollConfig::max_interval, take_duration>},

    Key{"retry", "max_attempts", into<&C::retry, &RetryConfig::max_attempts, take_count, 1, 1000>},
    Key{"retry", "backoff", into<&C::retry, &RetryConfig::backoff, take_duration>},
    Key{"retry", "max_backoff", into<&C::retry, &RetryConfig::max_backoff, take_duration>},

    Key{"intake", "settle", into<&C::intake, &IntakeConfig::settle, take_duration>},
    Key{"intake", "rescan", into<&C::intake, &IntakeConfig::rescan, take_duration>},
    Key{"intake", "max_file_bytes", into<&C::intake, &IntakeConfig::max_file_bytes, take_bytes, 1, bytes_max>},
    Key{"intake", "reserve", into<&C::intake, &IntakeConfig::reserve, take_bytes, 0, bytes_max>},

    Key{"money", "daily_cap_usd", into<&C::money, &MoneyConfig::daily_cap_usd, take_usd>},
    Key{"money", "prices", into<&C::money, &MoneyConfig::prices, take_path>},

    Key{"retention", "jobs", into<&C::retention, &RetentionConfig::jobs, take_duration>},

    Key{"log", "level", into<&C::log, &LogConfig::level, take_log_level>},
};

std::vector<std::string_view> section_names() {
  std::vector<std::string_view> names;
  for (const auto& key : keys) {
    if (names.empty() || names.back() != key.section) names.push_back(key.section);
  }
  return names;
}

std::string shown(std::string_view text) { return escape_for_display(text, 80); }

}  // namespace

std::span<const Key> known_keys() { return keys; }

const Key* find_key(std::string_view section, std::string_view name) {
  const auto found =
      std::find_if(keys.begin(), keys.end(), [&](const Key& k) { return k.section == section && k.name == name; });
  return found != keys.end() ? &*found : nullptr;
}

bool is_section(std::string_view name) {
  return std::any_of(keys.begin(), keys.end(), [&](const Key& k) { return k.section == name; });
}

KeyFault unknown_key(std::string_view section, std::string_view name) {
  const auto message = section.empty() ? fmt::format("unknown key {}", shown(name))
                                       : fmt::format("unknown key {}.{}", section, shown(name));
  // The right name in the wrong place says more than a name that is spelled alike.
  for (const auto& key : keys) {
    if (key.name == name) return {message, fmt::format("{} belongs to [{}]", name, key.section)};
  }
  std::vector<std::string_view> names;
  for (const auto& key : keys) {
    if (section.empty() || key.section == section) names.push_back(key.name);
  }
  if (const auto nearest = nearest_word(name, names)) return {message, fmt::format("did you mean {}?", *nearest)};
  if (section.empty()) return {message, fmt::format("the sections are {}", fmt::join(section_names(), ", "))};
  return {message, fmt::format("[{}] has {}", section, fmt::join(names, ", "))};
}

KeyFault unknown_section(std::string_view name) {
  const auto names = section_names();
  const auto message = fmt::format("unknown section [{}]", shown(name));
  if (const auto nearest = nearest_word(name, names)) return {message, fmt::format("did you mean [{}]?", *nearest)};
  return {message, fmt::format("the sections are {}", fmt::join(names, ", "))};
}

}  // namespace offpeak
