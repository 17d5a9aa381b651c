#include "support/virtual_clock.hpp"

namespace offpeak::testing {

void VirtualClock::arm(boost::asio::steady_timer& timer, SteadyTime deadline) {
  disarm(timer);
  timer.expires_at(SteadyTime::max());
  armed_.emplace(deadline, &timer);
}

void VirtualClock::disarm(boost::asio::steady_timer& timer) {
  for (auto it = armed_.begin(); it != armed_.end(); ++it) {
    if (it->second == &timer) {
      armed_.erase(it);
      return;
    }
  }
}

void VirtualClock::run_until_idle() {
  context_.restart();
  while (context_.poll() > 0) {
  }
}

bool VirtualClock::fire_next(SteadyTime limit) {
  if (armed_.empty() || armed_.begin()->first > limit) return false;
  const auto [deadline, timer] = *armed_.begin();
  armed_.erase(armed_.begin());
  if (deadline > steady_) {
    wall_ += std::chrono::duration_cast<Duration>(deadline - steady_);
    steady_ = deadline;
  }
  timer->cancel();
  return true;
}

void VirtualClock::advance(Duration duration) {
  const auto end = steady_ + duration;
  run_until_idle();
  while (fire_next(end)) run_until_idle();
  wall_ += std::chrono::duration_cast<Duration>(end - steady_);
  steady_ = end;
}

bool VirtualClock::advance_until(const std::function<bool()>& done, Duration most) {
  const auto end = steady_ + most;
  run_until_idle();
  while (!done()) {
    if (!fire_next(end)) return false;
    run_until_idle();
  }
  return true;
}

}  // namespace offpeak::testing
