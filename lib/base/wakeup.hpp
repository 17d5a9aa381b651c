// Wakeup: a bell that carries no data. notify() before wait_until() is not lost; many notifies are one. A stage that
// wakes up looks into the database for what to do. I/O thread only; one waiter at a time.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/clock.hpp"
#include "base/task.hpp"

namespace offpeak {

class Wakeup {
 public:
  Wakeup(Clock& clock, const boost::asio::any_io_executor& executor) : clock_(clock), timer_(executor) {}
  ~Wakeup() { clock_.disarm(timer_); }
  Wakeup(const Wakeup&) = delete;
  Wakeup& operator=(const Wakeup&) = delete;

  void notify();
  // True where notified, false where the deadline passed. Throws operation_aborted where the task is canceled.
  Task<bool> wait_until(SteadyTime deadline);
  Task<bool> wait_for(Duration duration) { return wait_until(clock_.steady_now() + duration); }
  // Waits without a deadline.
  Task<> wait();

 private:
  Clock& clock_;
  boost::asio::steady_timer timer_;
  bool notified_ = false;
};

}  // namespace offpeak
