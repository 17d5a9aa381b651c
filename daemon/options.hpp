// The command line of offpeakd, and what it names: the configuration and the price table. Used by the main at
// start and by the app at SIGHUP. Nothing here logs; errors are text for the terminal, or values for the
// caller to log.
#pragma once

#include <iosfwd>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "config/load.hpp"

namespace offpeak {

inline constexpr int exit_usage = 2;
inline constexpr int exit_configuration = 78;

enum class Verb : std::uint8_t { run, check_config };

struct DaemonOptions {
  std::string config_file;             // empty: the default, or the root's own
  std::string root;                    // empty: none; else everything lies under this folder
  std::vector<std::string> overrides;  // "section.key=value", in order
  Verb verb = Verb::run;
};

// Either the options, or the status to exit with: help and version were printed to `out` (0), or what is
// wrong to `err` (2).
std::variant<DaemonOptions, int> parse_options(int argc, const char* const* argv, std::ostream& out, std::ostream& err);

// Which file is read: --config, else the root's offpeak.toml, else /etc/offpeak/offpeak.toml.
std::string config_file_of(const DaemonOptions& options);

// Reads everything anew, changing nothing: also for SIGHUP. --root decides the paths, whatever the file says;
// --set beats both.
SettingsOrErrors read_settings(const DaemonOptions& options);

// At start: makes the root's folder and its commented offpeak.toml where they are missing, then reads.
// Nothing where there are errors: they were printed to `err`, and the program exits 78.
std::optional<Settings> settings_at_start(const DaemonOptions& options, std::ostream& err);

// --check-config: prints "FILE: ok" to `out`, or the errors to `err`; makes nothing. The status to exit with.
int check_config(const DaemonOptions& options, std::ostream& out, std::ostream& err);

}  // namespace offpeak
