// Purpose   hears when something changes in a folder
// Gets      a folder's path
// Gives     rings a bell; remembers names that were renamed into the folder, and who may have a file open
// Promises  a bell is only a hint: an event may be lost, a scan never is. Overflow or a lost folder ring too, and the
//           folder is watched again when it is back
// When it fails  it says so once and tries again by itself; whoever scans now and then misses nothing
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "base/task.hpp"
#include "base/wakeup.hpp"
#include "watch/open_names.hpp"

namespace offpeak {

class Watcher {
 public:
  static constexpr std::size_t names_max = 10'000;

  // I/O thread only. `bell` rings when a file may have become ready; `retry` is how often a folder that is not there is
  // tried again.
  Watcher(Clock& clock, Log& log, Wakeup& bell, std::string folder, Duration retry);

  // Runs until it is canceled.
  Task<> run();

  // The names renamed into the folder since the last call. At most names_max are kept; a forgotten one only
  // costs the settle time.
  std::set<std::string> take_moved_in();
  // Has somebody the file of that name open, as far as events told? Readers count too.
  Writers writers(std::string_view name) const { return open_names_.of(name); }

  struct Heard {
    bool lost = false;  // the watch is
    bool ring = false;
  };
  // Walks raw inotify records.
  Heard take_events(std::string_view records);

 private:
  class Inotify;
  Task<> watch_once();
  Task<bool> listen(Inotify& inotify);
  void take_event(std::uint32_t mask, std::string_view name);

  Clock& clock_;
  Log& log_;
  Wakeup& bell_;
  std::string folder_;
  Duration retry_;
  std::set<std::string> moved_in_;
  OpenNames open_names_;
  bool complained_ = false;
};

}  // namespace offpeak
