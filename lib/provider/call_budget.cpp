#include "provider/call_budget.hpp"

#include <algorithm>
#include <cmath>

#include "base/backoff.hpp"

namespace offpeak {

CallBudget::CallBudget(CallLimits limits, SteadyTime now)
    : limits_(limits), tokens_(limits.burst), filled_at_(now), closed_until_(now) {}

void CallBudget::refill(SteadyTime now) {
  if (now <= filled_at_) return;
  const double minutes = std::chrono::duration<double, std::ratio<60>>(now - filled_at_).count();
  tokens_ = std::min(limits_.burst, tokens_ + minutes * limits_.calls_per_minute);
  filled_at_ = now;
}

SteadyTime CallBudget::ready_at(SteadyTime now) {
  refill(now);
  if (tokens_ >= 1) return std::max(now, closed_until_);
  // Rounded up, so that the token is really there by then.
  const double minutes = (1 - tokens_) / limits_.calls_per_minute;
  const auto wait =
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double, std::ratio<60>>(minutes));
  return std::max(now + wait + std::chrono::microseconds(1), closed_until_);
}

void CallBudget::take(SteadyTime now) {
  refill(now);
  tokens_ -= 1;
}

void CallBudget::throttled(SteadyTime now, std::optional<Duration> retry_after, double unit) {
  ++throttled_in_a_row_;
  const auto wait = retry_after ? std::min(*retry_after, limits_.most_wait)
                                : backoff(limits_.first_backoff, limits_.most_backoff, throttled_in_a_row_, unit);
  closed_until_ = std::max(closed_until_, now + wait);
}

}  // namespace offpeak
