#include "config/config.hpp"

#include <fmt/format.h>

#include "base/files.hpp"
#include "base/text.hpp"
#include "config/error_list.hpp"
#include "config/keys.hpp"

namespace offpeak {

namespace {

constexpr std::size_t socket_path_bytes_max = 107;  // sun_path of unix(7), without its final NUL

// Where a value was given; line 0 for an override.
struct Place {
  std::string file;
  std::uint32_t line = 0;
  std::uint32_t column = 0;
};

class Reader {
 public:
  explicit Reader(std::string file_name) : file_name_(std::move(file_name)) {}

  void read_file(std::string_view text);
  void read_override(const std::string& assignment);
  void check_intervals();
  void resolve_paths(const std::string& folder);
  std::variant<Config, std::vector<ConfigError>> finish();

 private:
  void read_section(std::string_view name, const toml::table& section);
  void fail(const Place& place, std::string message, std::string hint);
  void fail(const Place& place, const Key& key, const KeyFault& fault);
  Place in_file(const toml::source_region& region) const {
    return {file_name_, region.begin.line, region.begin.column};
  }
  const Place* given(const std::string& key) const {
    const auto found = given_.find(key);
    return found != given_.end() ? &found->second : nullptr;
  }

  std::string file_name_;
  Config config_;
  ErrorList errors_;
  std::map<std::string, Place> given_;  // by "section.key": the last place that set it
};

std::string full_name(const Key& key) { return fmt::format("{}.{}", key.section, key.name); }

void Reader::fail(const Place& place, std::string message, std::string hint) {
  errors_.add({place.file, place.line, place.column, std::move(message), std::move(hint)});
}

void Reader::fail(const Place& place, const Key& key, const KeyFault& fault) {
  fail(place, fmt::format("{} {}", full_name(key), fault.message), fault.hint);
}

void Reader::read_file(std::string_view text) {
  toml::table root;
  try {
    root = toml::parse(text);
  } catch (const toml::parse_error& error) {
    fail(in_file(error.source()), escape_for_display(error.description(), 300), "the file is not valid TOML here");
    return;
  }
  for (const auto& [key, value] : root) {
    const auto place = in_file(key.source());
    const auto* section = value.as_table();
    if (is_section(key.str())) {
      if (section != nullptr) {
        read_section(key.str(), *section);
      } else {
        fail(place, fmt::format("{} is a section", key.str()), fmt::format("write it as [{}]", key.str()));
      }
    } else {
      const auto fault = section != nullptr ? unknown_section(key.str()) : unknown_key("", key.str());
      fail(place, fault.message, fault.hint);
    }
  }
}

void Reader::read_section(std::string_view name, const toml::table& section) {
  for (const auto& [key, value] : section) {
    const auto place = in_file(key.source());
    const auto* known = find_key(name, key.str());
    if (known == nullptr) {
      const auto fault = unknown_key(name, key.str());
      fail(place, fault.message, fault.hint);
      continue;
    }
    given_[full_name(*known)] = place;
    if (const auto fault = known->take(value, config_)) fail(in_file(value.source()), *known, *fault);
  }
}

// The value as TOML where it is TOML, else nothing: "10s" needs no quotes on a command line.
std::optional<toml::table> as_toml(const std::string& value) {
  try {
    auto table = toml::parse("value = " + value);
    if (table.size() == 1) return table;
  } catch (const toml::parse_error&) {
    return std::nullopt;
  }
  return std::nullopt;
}

void Reader::read_override(const std::string& assignment) {
  const Place place{ErrorList::override_name, 0, 0};
  const auto equals = assignment.find('=');
  const auto dot = assignment.find('.');
  if (equals == std::string::npos || dot == std::string::npos || dot > equals) {
    fail(place, fmt::format("{} is not SECTION.KEY=VALUE", escape_for_display(assignment, 80)),
         "for example --set batch.linger=10s");
    return;
  }
  const auto section = assignment.substr(0, dot);
  const auto name = assignment.substr(dot + 1, equals - dot - 1);
  const auto* key = find_key(section, name);
  if (key == nullptr) {
    const auto fault = is_section(section) ? unknown_key(section, name) : unknown_section(section);
    fail(place, fault.message, fault.hint);
    return;
  }
  given_[full_name(*key)] = place;
  const auto text = assignment.substr(equals + 1);
  const auto table = as_toml(text);
  const auto typed = table ? key->take(*table->get("value"), config_) : Taken();
  if (table && !typed) return;
  // A string without quotes may look like another type: version=2023-06-01 is a date in TOML.
  const auto plain = key->take(toml::value<std::string>(text), config_);
  if (plain) fail(place, *key, table ? *typed : *plain);
}

void Reader::check_intervals() {
  auto& poll = config_.poll;
  if (poll.min_interval <= poll.max_interval) return;
  const auto* min_place = given("poll.min_interval");
  const auto* max_place = given("poll.max_interval");
  // Where only one was given, the other's default yields to it.
  if (min_place == nullptr) {
    poll.min_interval = poll.max_interval;
  } else if (max_place == nullptr) {
    poll.max_interval = poll.min_interval;
  } else {
    fail(*max_place,
         fmt::format("poll.max_interval is {}, shorter than poll.min_interval of {}", to_text(poll.max_interval),
                     to_text(poll.min_interval)),
         "raise one or lower the other");
  }
}

void Reader::resolve_paths(const std::string& folder) {
  const auto resolve = [&](std::string& path) {
    if (!path.empty() && path.front() != '/') path = join_path(folder, path);
  };
  resolve(config_.paths.spool);
  resolve(config_.paths.state);
  resolve(config_.paths.socket);
  resolve(config_.provider.ca_file);
  resolve(config_.money.prices);
  auto& key_file = config_.provider.api_key_file;
  if (key_file.find('/') != std::string::npos) resolve(key_file);

  if (const auto size = config_.paths.socket.size(); size > socket_path_bytes_max) {
    const auto* place = given("paths.socket");
    fail(place != nullptr ? *place : Place{file_name_, 0, 0},
         fmt::format("paths.socket has {} bytes, {} are allowed for a socket: {}", size, socket_path_bytes_max,
                     escape_for_display(config_.paths.socket, 200)),
         "choose a shorter path");
  }
}

std::variant<Config, std::vector<ConfigError>> Reader::finish() {
  if (errors_.empty()) return std::move(config_);
  return errors_.take();
}

}  // namespace

std::string to_text(const ConfigError& error) {
  auto text = error.file;
  if (error.line != 0) text += fmt::format(":{}:{}", error.line, error.column);
  text += ": " + error.message;
  if (!error.hint.empty()) text += fmt::format(" (hint: {})", error.hint);
  return text;
}

std::variant<Config, std::vector<ConfigError>> parse_config(std::string_view text, const std::string& file_name,
                                                            const std::string& folder,
                                                            const std::vector<std::string>& overrides) {
  Reader reader(file_name);
  reader.read_file(text);
  for (const auto& assignment : overrides) reader.read_override(assignment);
  reader.check_intervals();
  reader.resolve_paths(folder);
  return reader.finish();
}

}  // namespace offpeak
