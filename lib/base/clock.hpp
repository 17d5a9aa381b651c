// Clock: the door to time. Wall time (UTC) is for display and for comparing with the provider's dates; every wait and
// every duration uses the steady clock, which does not jump and goes on while the machine is suspended: the time that
// others were given has passed for them, too. Used on the I/O thread; now() and steady_now() anywhere.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/task.hpp"

namespace offpeak {

using Duration = std::chrono::milliseconds;
using Instant = std::chrono::sys_time<Duration>;           // UTC
using SteadyTime = std::chrono::steady_clock::time_point;  // never jumps; of a Clock, not of std::chrono's own

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Instant now() const = 0;
  virtual SteadyTime steady_now() const = 0;
  // Makes `timer` expire at `deadline` of this clock. The timer must be disarmed (or have expired) before it dies.
  virtual void arm(boost::asio::steady_timer& timer, SteadyTime deadline) = 0;
  virtual void disarm(boost::asio::steady_timer& timer) = 0;
};

// CLOCK_BOOTTIME. Asio's own timers stand still with a suspended machine, so a timerfd rings for them: once, at the
// soonest deadline, and not at all while nothing has one. All timers of one SystemClock have the same executor.
class SystemClock final : public Clock {
 public:
  SystemClock();
  ~SystemClock() override;
  SystemClock(const SystemClock&) = delete;
  SystemClock& operator=(const SystemClock&) = delete;

  Instant now() const override;
  SteadyTime steady_now() const override;
  void arm(boost::asio::steady_timer& timer, SteadyTime deadline) override;
  void disarm(boost::asio::steady_timer& timer) override;

 private:
  class Alarm;
  std::shared_ptr<Alarm> alarm_;  // made by the first deadline; shared with its wait, which may end after the clock
};

// Throws operation_aborted where the task is canceled.
Task<> sleep_for(Clock& clock, Duration duration);

// RFC 3339 in UTC, with milliseconds where they are not zero: 2026-01-01T00:05:23.250Z.
std::string to_rfc3339(Instant instant);
// Accepts Z or an offset, and any number of fractional digits (cut to milliseconds).
std::optional<Instant> parse_rfc3339(std::string_view text);

constexpr std::int64_t to_millis(Instant instant) { return instant.time_since_epoch().count(); }
constexpr Instant from_millis(std::int64_t millis) { return Instant(Duration(millis)); }

}  // namespace offpeak
