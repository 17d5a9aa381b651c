// The table of the configuration's keys: what there is, how each is read, which word was meant. A new key is
// one row here, one member in config.hpp and one line in config/offpeak.toml. Called by parse_config only.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "config/config.hpp"
#include "config/values.hpp"

namespace offpeak {

struct Key {
  std::string_view section;
  std::string_view name;
  Taken (*take)(const toml::node& value, Config& config);
};

std::span<const Key> known_keys();

// nullptr where there is none.
const Key* find_key(std::string_view section, std::string_view name);
bool is_section(std::string_view name);

// What to say about a key, or a section, that is not in the table. `section` is empty for a name outside of
// any.
KeyFault unknown_key(std::string_view section, std::string_view name);
KeyFault unknown_section(std::string_view name);

}  // namespace offpeak
