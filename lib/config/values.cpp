#include "config/values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <span>

#include "base/text.hpp"
#include "config/base_url.hpp"

namespace offpeak {

namespace {

constexpr std::size_t shown_bytes_max = 80;
constexpr double usd_max = 1e9;  // in nanodollars it still fits an int64

std::string shown(std::string_view text) { return escape_for_display(text, shown_bytes_max); }

const std::string* text_of(const toml::node& value) {
  const auto* text = value.as_string();
  return text != nullptr ? &text->get() : nullptr;
}

bool is_zero(const toml::node& value) { return value.is_integer() && value.as_integer()->get() == 0; }

KeyFault not_a_string() { return {"must be a string", "write it in double quotes"}; }

bool is_header_safe(std::string_view text) {
  const auto safe = [](char c) { return c > 0x20 && c < 0x7F && c != ','; };
  return !text.empty() && std::all_of(text.begin(), text.end(), safe);
}

bool has_control_character(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) { return (c >= 0 && c < 0x20) || c == 0x7F; });
}

KeyFault not_header_safe(std::string_view text) {
  return {fmt::format("\"{}\" cannot go into an HTTP header", shown(text)),
          "use printable ASCII characters, no spaces and no commas"};
}

struct Word {
  std::string_view name;
  int value;
};

// One of a few known words.
Taken take_word(const toml::node& value, std::span<const Word> words, int& into) {
  const auto* text = text_of(value);
  if (text == nullptr) return not_a_string();
  std::vector<std::string_view> names;
  for (const auto& word : words) {
    if (word.name == *text) {
      into = word.value;
      return std::nullopt;
    }
    names.push_back(word.name);
  }
  const auto nearest = nearest_word(*text, names);
  return KeyFault{fmt::format("\"{}\" is none of {}", shown(*text), fmt::join(names, ", ")),
                  nearest ? fmt::format("did you mean \"{}\"?", *nearest) : ""};
}

}  // namespace

Taken take_flag(const toml::node& value, bool& into) {
  if (!value.is_boolean()) return KeyFault{"must be true or false", "write it without quotes"};
  into = value.as_boolean()->get();
  return std::nullopt;
}

Taken take_optional_path(const toml::node& value, std::string& into) {
  const auto* text = text_of(value);
  if (text == nullptr) return not_a_string();
  if (has_control_character(*text)) return KeyFault{"holds a control character", "a path needs none"};
  into = *text;
  while (into.size() > 1 && into.back() == '/') into.pop_back();
  return std::nullopt;
}

Taken take_path(const toml::node& value, std::string& into) {
  const auto* text = text_of(value);
  if (text != nullptr && text->empty()) return KeyFault{"must not be empty", "leave the line out for the default"};
  return take_optional_path(value, into);
}

Taken take_header_value(const toml::node& value, std::string& into) {
  const auto* text = text_of(value);
  if (text == nullptr) return not_a_string();
  if (!is_header_safe(*text)) return not_header_safe(*text);
  into = *text;
  return std::nullopt;
}

Taken take_header_values(const toml::node& value, std::vector<std::string>& into) {
  const auto* list = value.as_array();
  if (list == nullptr) return KeyFault{"must be a list of strings", "write it as [\"first\", \"second\"]"};
  std::vector<std::string> taken;
  for (const auto& element : *list) {
    if (auto fault = take_header_value(element, taken.emplace_back())) return fault;
  }
  into = std::move(taken);
  return std::nullopt;
}

Taken take_base_url(const toml::node& value, std::string& into) {
  const auto* text = text_of(value);
  if (text == nullptr) return not_a_string();
  if (auto wrong = fault_of_base_url(*text)) {
    // What stands before an @ may be a password.
    const bool secret = text->find('@') != std::string::npos;
    return KeyFault{secret ? wrong->message : fmt::format("\"{}\" {}", shown(*text), wrong->message), wrong->hint};
  }
  into = *text;
  return std::nullopt;
}

Taken take_auth(const toml::node& value, AuthScheme& into) {
  static constexpr std::array<Word, 2> words{
      {{"x-api-key", static_cast<int>(AuthScheme::x_api_key)}, {"bearer", static_cast<int>(AuthScheme::bearer)}}};
  int word = 0;
  auto fault = take_word(value, words, word);
  if (!fault) into = static_cast<AuthScheme>(word);
  return fault;
}

Taken take_log_level(const toml::node& value, LogLevel& into) {
  static constexpr std::array<Word, 4> words{{{"error", static_cast<int>(LogLevel::error)},
                                              {"warning", static_cast<int>(LogLevel::warning)},
                                              {"info", static_cast<int>(LogLevel::info)},
                                              {"debug", static_cast<int>(LogLevel::debug)}}};
  int word = 0;
  auto fault = take_word(value, words, word);
  if (!fault) into = static_cast<LogLevel>(word);
  return fault;
}

Taken take_duration(const toml::node& value, Duration& into) {
  constexpr auto hint = "write it like \"250ms\", \"10s\", \"5m\", \"1h\" or \"30d\"";
  if (is_zero(value)) {
    into = Duration(0);
    return std::nullopt;
  }
  const auto* text = text_of(value);
  if (text == nullptr) return KeyFault{"must be a duration with its unit, as a string", hint};
  const auto duration = parse_duration(*text);
  if (!duration) return KeyFault{fmt::format("\"{}\" is not a duration", shown(*text)), hint};
  into = *duration;
  return std::nullopt;
}

Taken take_bytes(const toml::node& value, std::uint64_t& into, std::uint64_t least, std::uint64_t most) {
  constexpr auto hint = "write it like \"256MB\"; B, KB, MB, GB are powers of ten, KiB, MiB, GiB of two";
  const auto* text = text_of(value);
  if (text == nullptr && !is_zero(value)) return KeyFault{"must be a size with its unit, as a string", hint};
  const auto bytes = text != nullptr ? parse_bytes(*text) : std::optional<std::uint64_t>(0);
  if (!bytes) return KeyFault{fmt::format("\"{}\" is not a size", shown(*text)), hint};
  if (*bytes < least || *bytes > most) {
    return KeyFault{fmt::format("{} bytes are out of range", *bytes), fmt::format("{} to {} bytes", least, most)};
  }
  into = *bytes;
  return std::nullopt;
}

Taken take_count(const toml::node& value, std::uint32_t& into, std::uint32_t least, std::uint32_t most) {
  const auto range = fmt::format("{} to {}", least, most);
  if (!value.is_integer()) return KeyFault{"must be a whole number, without quotes", range};
  const auto number = value.as_integer()->get();
  if (number < least || number > most) return KeyFault{fmt::format("{} is out of range", number), range};
  into = static_cast<std::uint32_t>(number);
  return std::nullopt;
}

Taken take_usd(const toml::node& value, double& into) {
  if (!value.is_number()) return KeyFault{"must be a number of US dollars, without quotes", "0 or more"};
  const double usd =
      value.is_integer() ? static_cast<double>(value.as_integer()->get()) : value.as_floating_point()->get();
  if (!std::isfinite(usd) || usd < 0 || usd > usd_max) {
    return KeyFault{fmt::format("{} is out of range", usd), fmt::format("0 to {:.0f}", usd_max)};
  }
  into = usd;
  return std::nullopt;
}

}  // namespace offpeak
