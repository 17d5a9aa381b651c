#include "config/load.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <stdexcept>

#include "base/files.hpp"
#include "config/prices.hpp"
#include "config/read_file.hpp"

namespace offpeak {

namespace {

constexpr std::size_t file_bytes_max = 1'000'000;

std::string absolute_path(const std::string& path) {
  std::error_code ec;
  const auto absolute = std::filesystem::absolute(path, ec);
  return ec ? path : absolute.lexically_normal().string();
}

std::vector<ConfigError> only(const std::string& file, const Error& error, std::string hint) {
  return {ConfigError{file, 0, 0, error.message, std::move(hint)}};
}

std::variant<PriceTable, std::vector<ConfigError>> load_prices(const std::string& path, const std::string& folder) {
  const auto text = read_text_file(path, file_bytes_max);
  if (text) return parse_prices(*text, path);
  if (text.error().kind == ErrorKind::not_found && path == join_path(folder, MoneyConfig{}.prices)) {
    auto built_in = parse_prices(shipped_prices(), "the price table built in");
    // Nobody's configuration is wrong where this fails: the machine had no memory for it.
    if (const auto* errors = std::get_if<std::vector<ConfigError>>(&built_in)) {
      throw std::runtime_error(to_text(errors->front()));
    }
    return built_in;
  }
  return only(path, text.error(), "money.prices names this file; the one that is shipped is prices.toml");
}

}  // namespace

SettingsOrErrors load_settings(const std::string& config_file, const std::vector<std::string>& overrides,
                               MissingConfig missing) {
  const auto path = absolute_path(config_file);
  const auto folder = folder_of(path);
  auto text = read_text_file(path, file_bytes_max);
  if (!text) {
    const bool defaults = missing == MissingConfig::means_defaults && text.error().kind == ErrorKind::not_found;
    if (!defaults) {
      return only(config_file, text.error(), "name the file with --config, or try offpeak out with --root DIR");
    }
    text = std::string();
  }
  auto parsed = parse_config(*text, config_file, folder, overrides);
  if (auto* errors = std::get_if<std::vector<ConfigError>>(&parsed)) return std::move(*errors);
  Settings settings;
  settings.config = std::move(std::get<Config>(parsed));
  auto prices = load_prices(settings.config.money.prices, folder);
  if (auto* errors = std::get_if<std::vector<ConfigError>>(&prices)) return std::move(*errors);
  settings.prices = std::move(std::get<PriceTable>(prices));
  return settings;
}

namespace {

struct ShippedFile {
  std::string_view name;
  std::string_view text;
};

// Made by systemd/CMakeLists.txt from config/*.toml.
constexpr ShippedFile shipped_files[] = {
#include "config/shipped.inc"
};

std::string_view shipped(std::string_view name) {
  for (const auto& file : shipped_files) {
    if (file.name == name) return file.text;
  }
  return {};
}

}  // namespace

std::string_view shipped_config() { return shipped("offpeak.toml"); }
std::string_view shipped_prices() { return shipped("prices.toml"); }

}  // namespace offpeak
