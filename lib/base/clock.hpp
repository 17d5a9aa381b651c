// Clock: the door to time. Wall time (UTC) is for display and for comparing with the provider's dates; every wait and
// every duration uses the steady clock, which does not jump. Used on the I/O thread; now() and steady_now() anywhere.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/task.hpp"

namespace offpeak {

using Duration = std::chrono::milliseconds;
using Instant = std::chrono::sys_time<Duration>;           // UTC
using SteadyTime = std::chrono::steady_clock::time_point;  // never jumps

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Instant now() const = 0;
  virtual SteadyTime steady_now() const = 0;
  // Makes `timer` expire at `deadline` of this clock. The timer must be disarmed (or have expired) before it dies.
  virtual void arm(boost::asio::steady_timer& timer, SteadyTime deadline) = 0;
  virtual void disarm(boost::asio::steady_timer& timer) = 0;
};

class SystemClock final : public Clock {
 public:
  Instant now() const override;
  SteadyTime steady_now() const override { return std::chrono::steady_clock::now(); }
  void arm(boost::asio::steady_timer& timer, SteadyTime deadline) override { timer.expires_at(deadline); }
  void disarm(boost::asio::steady_timer& timer) override { timer.cancel(); }
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
