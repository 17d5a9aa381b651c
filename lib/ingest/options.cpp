#include "ingest/options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/json.hpp"
#include "ingest/params_rules.hpp"

namespace offpeak {

namespace {

constexpr std::array<std::string_view, 10> known_options{
    "name",     "priority",     "hold",       "max_attempts", "anthropic_beta", "anthropic_version",
    "defaults", "max_cost_usd", "on_invalid", "rerun"};

constexpr double max_cost_usd_max = 1e9;
constexpr std::size_t header_word_bytes_max = 128;

// A value that may stand in a header without quoting, and holds no comma.
bool is_header_word(std::string_view word) {
  return !word.empty() && word.size() <= header_word_bytes_max && std::ranges::all_of(word, [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.';
  });
}

class OptionsParser {
 public:
  OptionsParser(std::string_view text, JobOptions& options) : text_(text), options_(options) {}

  std::vector<Fault> parse() {
    if (json_kind(text_) != JsonKind::object) {
      add(text_, "\"offpeak\" must be an object of options");
      return std::move(faults_);
    }
    std::vector<std::string> seen;
    JsonMembers members(text_);
    for (JsonMember member; members.next(member);) {
      auto key = json_decode_key(member.key);
      if (std::ranges::find(seen, key) != seen.end()) {
        add(member.key, fmt::format("the option {} is given twice", quoted(key)));
        continue;
      }
      take(key, member);
      seen.push_back(std::move(key));
    }
    return std::move(faults_);
  }

 private:
  void take(std::string_view key, const JsonMember& member) {
    const auto value = member.value;
    if (key == "name") return take_name(value);
    if (key == "priority") return take_integer(key, value, -priority_max, priority_max, options_.priority);
    if (key == "max_attempts") return take_integer(key, value, 1, max_attempts_max, options_.max_attempts);
    if (key == "hold") return take_bool(key, value, options_.hold);
    if (key == "rerun") {
      std::optional<bool> rerun;
      take_bool(key, value, rerun);
      options_.rerun = rerun.value_or(false);
      return;
    }
    if (key == "anthropic_beta") return take_betas(value);
    if (key == "anthropic_version") return take_version(value);
    if (key == "defaults") return take_defaults(value);
    if (key == "max_cost_usd") return take_cost(value);
    if (key == "on_invalid") return take_on_invalid(value);
    const auto nearest = nearest_word(key, known_options);
    add(member.key, fmt::format("unknown option {}", quoted(key)),
        nearest ? fmt::format("did you mean \"{}\"?", *nearest)
                : fmt::format("the options are {}", fmt::join(known_options, ", ")));
  }

  void take_name(std::string_view value) {
    auto name = json_kind(value) == JsonKind::string ? json_decode_string(value) : "";
    if (name.empty() || name.size() > option_name_bytes_max) {
      return add(value, fmt::format("\"name\" must be a string of 1 to {} bytes", option_name_bytes_max));
    }
    if (escape_for_display(name, name.size()) != name) {
      return add(value, "\"name\" must not hold control characters");
    }
    options_.name = std::move(name);
  }

  template <class Number>
  void take_integer(std::string_view key, std::string_view value, std::int64_t least, std::int64_t most,
                    std::optional<Number>& out) {
    const auto number = json_integer(value);
    if (!number || *number < least || *number > most) {
      return add(value, fmt::format("\"{}\" must be an integer from {} to {}", key, least, most));
    }
    out = static_cast<Number>(*number);
  }

  void take_bool(std::string_view key, std::string_view value, std::optional<bool>& out) {
    if (json_kind(value) != JsonKind::boolean) return add(value, fmt::format("\"{}\" must be true or false", key));
    out = value == "true";
  }

  void take_betas(std::string_view value) {
    if (json_kind(value) != JsonKind::array) {
      return add(value, "\"anthropic_beta\" must be a list of strings", "write [\"...\"]");
    }
    std::vector<std::string> betas;
    JsonElements elements(value);
    for (std::string_view element; elements.next(element);) {
      auto beta = json_kind(element) == JsonKind::string ? json_decode_string(element) : "";
      if (!is_header_word(beta)) {
        return add(element, "each of \"anthropic_beta\" must be a string of letters, digits, \"-\", \"_\" and \".\"");
      }
      if (std::ranges::find(betas, beta) != betas.end()) {
        return add(element, fmt::format("the beta {} is given twice", quoted(beta)));
      }
      betas.push_back(std::move(beta));
    }
    options_.betas = std::move(betas);
  }

  void take_version(std::string_view value) {
    auto version = json_kind(value) == JsonKind::string ? json_decode_string(value) : "";
    if (!is_header_word(version)) {
      return add(value, "\"anthropic_version\" must be a string of letters, digits, \"-\", \"_\" and \".\"",
                 "for example \"2023-06-01\"");
    }
    options_.version = std::move(version);
  }

  void take_defaults(std::string_view value) {
    if (json_kind(value) != JsonKind::object) {
      return add(value, "\"defaults\" must be an object: members merged under each line's params");
    }
    const auto before = faults_.size();
    ParamsRules rules;
    rules.check(value, offset_in(text_, value), "defaults", faults_);
    if (faults_.size() == before) options_.defaults = value;
  }

  void take_cost(std::string_view value) {
    double usd = -1;
    if (json_kind(value) == JsonKind::number) std::from_chars(value.data(), value.data() + value.size(), usd);
    if (!(usd >= 0 && usd <= max_cost_usd_max)) {
      return add(value, "\"max_cost_usd\" must be a number of dollars from 0 (no limit) to 1000000000");
    }
    options_.max_cost = static_cast<Nanodollars>(usd * 1e9 + 0.5);
  }

  void take_on_invalid(std::string_view value) {
    if (value == "\"skip\"") {
      options_.on_invalid = OnInvalid::skip;
    } else if (value != "\"reject\"") {
      add(value, "\"on_invalid\" must be \"reject\" or \"skip\"");
    }
  }

  void add(std::string_view where, std::string message, std::string hint = "") {
    faults_.push_back(Fault{offset_in(text_, where), std::move(message), std::move(hint)});
  }

  std::string_view text_;
  JobOptions& options_;
  std::vector<Fault> faults_;
};

}  // namespace

std::vector<Fault> parse_options(std::string_view value, JobOptions& options) {
  return OptionsParser(value, options).parse();
}

}  // namespace offpeak
