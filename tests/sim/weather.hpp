// Weather: what one seed has in store: the provider's manners and faults, the configuration, and how often what else
// goes wrong. Made from the seed alone.
//
// The provider keeps the one promise that the product rests on (a batch that was made is listed within settle_unknown)
// in all seeds but those marked as breaking it; there the late batches are forgiven, and everything else must hold.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "config/config.hpp"
#include "sim/faults.hpp"
#include "sim/features.hpp"
#include "sim/settings.hpp"

namespace offpeak::simtest {

// The least settle_unknown of any configuration, and the most that a list lags where the promise is kept.
inline constexpr Duration least_settle = std::chrono::minutes(15);
inline constexpr Duration most_lag = std::chrono::minutes(12);

struct Weather {
  sim::Settings provider;
  std::vector<sim::FaultRule> faults;
  Config config;

  // A download is kept in files of about this size: every line one, a few lines one, or all of them.
  std::uint64_t result_file_bytes = 0;
  bool lag_broken = false;  // batches appear later than settle_unknown
  bool restores = false;    // an old backup is put back
  Duration storm{};         // how long things go wrong
  int drops = 0;
  int most_requests = 24;  // of a job file
  int crashes = 0;         // kills at random moments and disk operations, power cuts among them
  int disk_faults = 0;     // operations that fail
  int full_disks = 0;
  int clock_jumps = 0;
  int commands = 0;  // of the operator
  int reloads = 0;

  // ---- what the features add
  Features features;
  bool single = false;                     // one small job
  int strangers = 0;                       // batches of others
  int workspace_changes = 0;               // to another one and back
  bool snapshot = false;                   // a backup by the snapshot verbs is put back
  Duration most_lag = simtest::most_lag;   // of lists, where the promise is kept
  std::optional<Duration> settle_unknown;  // in every configuration
  // The other workspace: as this one, and another's.
  sim::Settings other_provider() const;
};

// Small: the same kinds of trouble over as many days, with fewer requests and fewer waits to wake up from; made for
// builds with sanitizers.
enum class Size : std::uint8_t { whole, small };

Weather make_weather(std::uint64_t seed, Size size = Size::whole, Features features = {});
// What the features add to the weather of a seed; nothing of it depends on the old weather's chance.
void add_features(Weather& weather, std::uint64_t seed, Features features);

// Another configuration in force from now on: what a reload may change.
void change_config(Config& config, const Weather& weather, Random& random);

}  // namespace offpeak::simtest
