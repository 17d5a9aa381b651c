// StateLog: a state that lasts is told when it begins, when its reason changes, once an hour while it lasts, and once
// when it ends. Whoever meets it again and again just says so each time. I/O thread.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/log.hpp"

namespace offpeak {

class StateLog {
 public:
  // `log` and `clock` outlive it. `event` and `end_event` are names of events.
  StateLog(Log& log, const Clock& clock, LogLevel level, std::string_view event, std::string_view end_event)
      : log_(log), clock_(clock), level_(level), event_(event), end_event_(end_event) {}

  // It is so. `about` names one of several that may last at the same time. Another `reason` than the last one that was
  // told is told again, but not more often than once a minute.
  void lasts(std::string_view about, std::string_view reason, LogFields fields);
  // It is not so any more; nothing is told where it was not.
  void ended(std::string_view about);

 private:
  struct State {
    SteadyTime began{};
    SteadyTime told{};
    std::string reason;
    std::int64_t times = 0;
  };
  Log& log_;
  const Clock& clock_;
  LogLevel level_;
  std::string event_;
  std::string end_event_;
  std::map<std::string, State, std::less<>> states_;
};

}  // namespace offpeak
