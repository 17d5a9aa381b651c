// load_api_key of config.hpp: where the key may be, in which order, and what is wrong with what was found.
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/files.hpp"
#include "config/config.hpp"
#include "config/read_file.hpp"

namespace offpeak {

namespace {

constexpr std::size_t key_bytes_max = 4096;
constexpr auto environment_name = "ANTHROPIC_API_KEY";

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view space = " \t\r\n";
  const auto first = text.find_first_not_of(space);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(space) - first + 1);
}

bool is_quote(char c) { return c == '"' || c == '\'' || c == '`'; }

// "ANTHROPIC_API_KEY=sk-..." or "export ...": a line of a shell or of an environment file. A key has no name before an
// equals sign, though it may end in one.
bool is_assignment(std::string_view text) {
  if (text.starts_with("export ")) return true;
  const auto equals = text.find('=');
  if (equals == 0 || equals == std::string_view::npos || equals + 1 == text.size()) return false;
  return std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(equals),
                     [](char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; });
}

std::variant<std::string, ConfigError> checked(const std::string& where, std::string_view key) {
  if (is_assignment(key)) {
    return ConfigError{where, 0, 0, "the API key has a name and an equals sign before it",
                       "write nothing but the key: no NAME=, no export, no quotes"};
  }
  if (is_quote(key.front()) || is_quote(key.back())) {
    return ConfigError{where, 0, 0, "the API key stands in quotes", "write nothing but the key, without quotes"};
  }
  const bool printable = std::all_of(key.begin(), key.end(), [](char c) { return c > 0x20 && c < 0x7F; });
  if (printable) return std::string(key);
  return ConfigError{where, 0, 0, "the API key holds characters that cannot go into an HTTP header",
                     "write nothing but the key, on one line"};
}

std::string missing_hint(const ProviderConfig& provider) {
  if (provider.api_key_file.find('/') != std::string::npos) {
    return fmt::format("write the key into {}, or set {}", provider.api_key_file, environment_name);
  }
  return fmt::format(
      "write the key into /etc/offpeak/anthropic-api-key and restart offpeakd.service, name its file in "
      "provider.api_key_file, or set {}",
      environment_name);
}

}  // namespace

std::optional<std::string> api_key_path(const ProviderConfig& provider, const Environment& environment) {
  const auto& name = provider.api_key_file;
  if (name.empty() || name.find('/') != std::string::npos) {
    return name.empty() ? std::nullopt : std::optional(name);
  }
  const char* folder = environment("CREDENTIALS_DIRECTORY");
  if (folder == nullptr || *folder == '\0') return std::nullopt;
  return join_path(folder, name);
}

std::variant<std::string, ConfigError> load_api_key(const ProviderConfig& provider, const Environment& environment) {
  const auto path = api_key_path(provider, environment);
  const bool credential = path && *path != provider.api_key_file;
  std::string looked;
  if (path) {
    const auto text = read_text_file(*path, key_bytes_max);
    const auto key = text ? trimmed(*text) : std::string_view();
    if (!key.empty()) return checked(*path, key);
    if (!text && text.error().kind != ErrorKind::not_found) return ConfigError{*path, 0, 0, text.error().message, ""};
    // An empty credential is the unit's way to say that there is no key file; an empty file of one's own is a
    // mistake.
    if (text && !credential) return ConfigError{*path, 0, 0, "the API key file is empty", missing_hint(provider)};
    looked = fmt::format("{} {}, and ", *path, text ? "is empty" : "does not exist");
  } else if (!provider.api_key_file.empty()) {
    looked = "$CREDENTIALS_DIRECTORY is not set, and ";
  }
  const char* text = environment(environment_name);
  const auto key = trimmed(text != nullptr ? text : "");
  if (!key.empty()) return checked(environment_name, key);
  return ConfigError{"provider.api_key_file", 0, 0,
                     fmt::format("no API key: {}{} is not set", looked, environment_name), missing_hint(provider)};
}

}  // namespace offpeak
