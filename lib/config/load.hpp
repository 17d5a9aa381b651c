// Reads the configuration and the price table that it names, from files. Called by offpeakd at start and at
// SIGHUP, and by `offpeak config check`. May block.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "config/config.hpp"
#include "model/money.hpp"

namespace offpeak {

struct Settings {
  Config config;
  PriceTable prices;
};
using SettingsOrErrors = std::variant<Settings, std::vector<ConfigError>>;

inline constexpr auto default_config_file = "/etc/offpeak/offpeak.toml";

// What to do where the configuration file does not exist.
enum class MissingConfig : std::uint8_t { is_an_error, means_defaults };

// Relative paths start at the folder of `config_file`. Where the price table of the default name is missing,
// the one that was built in is taken.
SettingsOrErrors load_settings(const std::string& config_file, const std::vector<std::string>& overrides,
                               MissingConfig missing = MissingConfig::is_an_error);

// config/offpeak.toml and config/prices.toml as shipped, built into the programs.
std::string_view shipped_config();
std::string_view shipped_prices();

}  // namespace offpeak
