// CallBudget: when may the next call to the provider start? A token bucket for all calls together, and a gate
// that a throttled answer closes. Pure: time and chance come in as values.
#pragma once

#include <optional>

#include "base/clock.hpp"

namespace offpeak {

struct CallLimits {
  // The smallest published tier allows 1000 a minute for all batch endpoints; "may be enforced as one a
  // second".
  double calls_per_minute = 600;
  double burst = 10;
  Duration first_backoff = std::chrono::seconds(1);  // after a throttled answer without retry-after
  Duration most_backoff = std::chrono::minutes(1);
  Duration most_wait = std::chrono::minutes(10);  // of what a retry-after may ask
};

class CallBudget {
 public:
  CallBudget(CallLimits limits, SteadyTime now);

  // The earliest time at which a call may start; not after `now` where one may start now.
  SteadyTime ready_at(SteadyTime now);
  // A call starts now.
  void take(SteadyTime now);
  void succeeded() { throttled_in_a_row_ = 0; }
  // `unit` is a random number in [0, 1).
  void throttled(SteadyTime now, std::optional<Duration> retry_after, double unit);

 private:
  void refill(SteadyTime now);

  CallLimits limits_;
  double tokens_;
  SteadyTime filled_at_;
  SteadyTime closed_until_;
  int throttled_in_a_row_ = 0;
};

}  // namespace offpeak
