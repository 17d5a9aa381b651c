#include "daemon/options.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <ostream>

#include "base/files.hpp"
#include "base/text.hpp"

namespace offpeak {

namespace {

std::string absolute_folder(const std::string& folder) {
  std::error_code ec;
  auto path = std::filesystem::absolute(folder, ec).lexically_normal().string();
  if (ec) return folder;
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

// The shipped configuration with every key commented out, so that the file says what could be set and sets
// nothing.
std::string commented_config(const std::string& root) {
  std::string text = fmt::format(
      "# Made by offpeakd --root. Everything lies under {}; [paths] is decided by --root.\n"
      "# Take the # away from a key to change it.\n\n",
      escape_for_display(root, 4096));
  std::string_view rest = shipped_config();
  while (!rest.empty()) {
    const auto line = rest.substr(0, std::min(rest.find('\n'), rest.size() - 1) + 1);
    rest.remove_prefix(line.size());
    const bool is_key = line.front() != '#' && line.front() != '[' && line.front() != '\n';
    text.append(is_key ? "# " : "").append(line);
  }
  return text;
}

Result<void> prepare_root(const std::string& root) {
  SystemFiles files;
  if (auto made = files.make_folders(root, 0750); !made) return made.error();
  const auto path = join_path(root, "offpeak.toml");
  if (files.info(path)) return {};
  auto file = files.open(path, OpenFor::writing_new);
  if (!file) return file.error();
  return (*file)->append(commented_config(root));
}

void print(const std::vector<ConfigError>& errors, std::ostream& err) {
  for (const auto& error : errors) err << "offpeakd: " << to_text(error) << '\n';
}

}  // namespace

std::variant<DaemonOptions, int> parse_options(int argc, const char* const* argv, std::ostream& out,
                                               std::ostream& err) {
  DaemonOptions options;
  bool check = false;
  CLI::App app("Runs LLM requests that can wait, at the provider's half-price batch rate.", "offpeakd");
  app.set_version_flag("--version", "offpeakd " OFFPEAK_VERSION);
  app.add_option("--config", options.config_file, fmt::format("the configuration (default {})", default_config_file))
      ->type_name("FILE");
  app.add_option("--root", options.root, "run everything under one folder, as any user: for trying and testing")
      ->type_name("DIR");
  app.add_option("--set", options.overrides, "override a key of the configuration, such as batch.linger=1s; repeatable")
      ->type_name("SECTION.KEY=VALUE")
      ->expected(1)
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_flag("--check-config", check, "check the configuration and exit: 0 where it is good, else 78");
  app.footer(
      "The API key comes from provider.api_key_file, else from ANTHROPIC_API_KEY. SIGHUP reloads, SIGTERM "
      "ends.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error, out, err) == 0 ? 0 : exit_usage;
  }
  options.verb = check ? Verb::check_config : Verb::run;
  if (!options.root.empty()) options.root = absolute_folder(options.root);
  return options;
}

std::string config_file_of(const DaemonOptions& options) {
  if (!options.config_file.empty()) return options.config_file;
  if (!options.root.empty()) return join_path(options.root, "offpeak.toml");
  return default_config_file;
}

SettingsOrErrors read_settings(const DaemonOptions& options) {
  std::vector<std::string> overrides;
  auto missing = MissingConfig::is_an_error;
  if (!options.root.empty()) {
    overrides = {"paths.spool=" + join_path(options.root, "spool"), "paths.state=" + join_path(options.root, "state"),
                 "paths.socket=" + join_path(options.root, "offpeak.sock")};
    // The root's own file is made at the first start; before that, or once it was removed, the defaults hold.
    if (options.config_file.empty()) missing = MissingConfig::means_defaults;
  }
  overrides.insert(overrides.end(), options.overrides.begin(), options.overrides.end());
  return load_settings(config_file_of(options), overrides, missing);
}

std::optional<Settings> settings_at_start(const DaemonOptions& options, std::ostream& err) {
  if (!options.root.empty() && options.config_file.empty()) {
    if (const auto prepared = prepare_root(options.root); !prepared) {
      err << "offpeakd: --root: " << prepared.error().message << '\n';
      return std::nullopt;
    }
  }
  auto settings = read_settings(options);
  if (const auto* errors = std::get_if<std::vector<ConfigError>>(&settings)) {
    print(*errors, err);
    return std::nullopt;
  }
  return std::move(std::get<Settings>(settings));
}

int check_config(const DaemonOptions& options, std::ostream& out, std::ostream& err) {
  const auto settings = read_settings(options);
  if (const auto* errors = std::get_if<std::vector<ConfigError>>(&settings)) {
    print(*errors, err);
    return exit_configuration;
  }
  out << config_file_of(options) << ": ok\n";
  return 0;
}

}  // namespace offpeak
