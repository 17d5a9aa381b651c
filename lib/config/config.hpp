// Purpose   TOML and environment become a checked Config
// Gets      the file's text, --set overrides, the environment
// Gives     a Config, or every error at once with line, column and the nearest known key
// Promises  a Config that exists is valid; relative paths are resolved; no secret is kept in it but the key's place
// When it fails  ConfigErrors; the daemon exits 78
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"

namespace offpeak {

struct PathsConfig {
  std::string spool = "/var/spool/offpeak";
  std::string state = "/var/lib/offpeak";
  std::string socket = "/run/offpeak/offpeak.sock";

  std::string incoming() const { return spool + "/incoming"; }
  std::string claimed() const { return spool + "/claimed"; }
  std::string rejected() const { return spool + "/rejected"; }
  std::string results() const { return spool + "/results"; }
  std::string database() const { return state + "/offpeak.db"; }
  std::string downloads() const { return state + "/downloads"; }
  bool operator==(const PathsConfig&) const = default;
};

enum class AuthScheme : std::uint8_t { x_api_key, bearer };

struct ProviderConfig {
  std::string base_url = "https://api.anthropic.com";
  std::string api_key_file = "anthropic-api-key";
  AuthScheme auth = AuthScheme::x_api_key;
  std::string version = "2023-06-01";
  std::vector<std::string> betas;
  bool exclusive = true;
  std::string ca_file;
  Duration connect_timeout = std::chrono::seconds(10);
  Duration answer_timeout = std::chrono::minutes(10);
  Duration settle_unknown = std::chrono::minutes(15);
  bool operator==(const ProviderConfig&) const = default;
};

struct BatchConfig {
  std::uint32_t max_requests = 100'000;   // 1..100,000
  std::uint64_t max_bytes = 256'000'000;  // of HTTP body, 1 KB..256 MB
  Duration linger = std::chrono::seconds(10);
  std::uint32_t max_open_batches = 50;
  std::uint32_t max_queued_requests = 200'000;
  bool operator==(const BatchConfig&) const = default;
};

struct PollConfig {
  Duration min_interval = std::chrono::seconds(10);
  Duration max_interval = std::chrono::seconds(60);
  bool operator==(const PollConfig&) const = default;
};

struct RetryConfig {
  std::uint32_t max_attempts = 5;
  Duration backoff = std::chrono::seconds(30);
  Duration max_backoff = std::chrono::hours(1);
  bool operator==(const RetryConfig&) const = default;
};

struct IntakeConfig {
  Duration settle = std::chrono::seconds(2);
  Duration rescan = std::chrono::seconds(30);
  std::uint64_t max_file_bytes = 64'000'000'000;
  std::uint64_t reserve = 1'000'000'000;
  bool operator==(const IntakeConfig&) const = default;
};

// What intake leaves free on a file system of so many bytes: `reserve`, but no more than 5 % of it, so that a small
// disk can be used at all.
constexpr std::uint64_t left_alone(std::uint64_t reserve, std::uint64_t total_bytes) {
  return reserve < total_bytes / 20 ? reserve : total_bytes / 20;
}

struct MoneyConfig {
  double daily_cap_usd = 0;  // 0: none
  std::string prices = "prices.toml";
  bool operator==(const MoneyConfig&) const = default;
};

struct RetentionConfig {
  Duration jobs = std::chrono::days(30);
  bool operator==(const RetentionConfig&) const = default;
};

struct LogConfig {
  LogLevel level = LogLevel::info;
  bool operator==(const LogConfig&) const = default;
};

struct Config {
  PathsConfig paths;
  ProviderConfig provider;
  BatchConfig batch;
  PollConfig poll;
  RetryConfig retry;
  IntakeConfig intake;
  MoneyConfig money;
  RetentionConfig retention;
  LogConfig log;
  bool operator==(const Config&) const = default;
};

// Line and column count from 1; 0 where the error has no place in the file (an override, say).
struct ConfigError {
  std::string file;
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  std::string message;
  std::string hint;
};
// "offpeak.toml:12:3: unknown key batch.lingr (hint: did you mean linger?)"
std::string to_text(const ConfigError& error);

using Environment = std::function<const char*(const char*)>;

// `text` is the file's content, `file_name` only names it in errors, `folder` is where relative paths start.
// `overrides` are "section.key=value" as given to --set; a value that is not TOML is taken as a string.
std::variant<Config, std::vector<ConfigError>> parse_config(std::string_view text, const std::string& file_name,
                                                            const std::string& folder,
                                                            const std::vector<std::string>& overrides);

// The key: $CREDENTIALS_DIRECTORY/<bare name>, or the path; then ANTHROPIC_API_KEY. White space around it is cut.
// An error says where was looked and what to do. Never logged.
std::variant<std::string, ConfigError> load_api_key(const ProviderConfig& provider, const Environment& environment);
// The path of the key file, which need not exist. Empty if the configuration names no file and systemd passed no
// credentials.
std::optional<std::string> api_key_path(const ProviderConfig& provider, const Environment& environment);

// A sentence where settle_unknown is shorter than the time in which a last byte that left may still make a batch
// (model/limits.hpp: settle_unknown_least): what is then taken as not created may be run and paid twice.
std::optional<std::string> settle_warning(const ProviderConfig& provider);

}  // namespace offpeak
