// StopDeadline: once armed, ends the process with status 0 when the time is over, whatever hangs. Everything durable is
// durable already (crash-only), so a hard end loses nothing.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/clock.hpp"

namespace offpeak {

class StopDeadline {
 public:
  void arm(Duration limit) {
    if (waiter_.joinable()) return;
    waiter_ = std::jthread([this, limit](std::stop_token stop) {
      std::unique_lock lock(mutex_);
      if (!disarmed_.wait_for(lock, stop, limit, [] { return false; }) && !stop.stop_requested()) std::_Exit(0);
    });
  }

 private:
  std::mutex mutex_;
  std::condition_variable_any disarmed_;
  std::jthread waiter_;  // last: it stops before what it waits on dies
};

}  // namespace offpeak
