// Virtual time for tests: nothing waits. run_until_idle() runs what is ready; advance() moves the clock to each timer in
// turn. Inline workers keep everything on one thread, so a run is the same every time.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <map>

#include "base/clock.hpp"

namespace offpeak::testing {

class VirtualClock final : public Clock {
 public:
  explicit VirtualClock(boost::asio::io_context& context) : context_(context) {}

  Instant now() const override { return wall_; }
  SteadyTime steady_now() const override { return steady_; }
  void arm(boost::asio::steady_timer& timer, SteadyTime deadline) override;
  void disarm(boost::asio::steady_timer& timer) override;

  // Moves the wall clock alone: an NTP step.
  void jump_wall(Duration by) { wall_ += by; }
  // Runs everything that is ready now, without moving time.
  void run_until_idle();
  // Runs, moving time to each timer in turn, until `duration` has passed.
  void advance(Duration duration);
  // The same until `done()`; false where `most` passed before.
  bool advance_until(const std::function<bool()>& done, Duration most);

 private:
  bool fire_next(SteadyTime limit);

  boost::asio::io_context& context_;
  Instant wall_ = Instant(std::chrono::sys_days(std::chrono::year(2026) / 11 / 21));
  SteadyTime steady_ = SteadyTime(std::chrono::hours(1));
  std::multimap<SteadyTime, boost::asio::steady_timer*> armed_;
};

}  // namespace offpeak::testing
