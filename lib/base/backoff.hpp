// Backoff with full jitter: the n-th wait is between half and all of min(first * 2^n, most).
#pragma once

#include <algorithm>

#include "base/clock.hpp"

namespace offpeak {

// `tries` counts the failures so far, from 1; `unit` is a random number in [0, 1).
inline Duration backoff(Duration first, Duration most, int tries, double unit) {
  const int doublings = std::clamp(tries - 1, 0, 40);
  const double full = std::min(static_cast<double>(first.count()) * static_cast<double>(std::int64_t{1} << doublings),
                               static_cast<double>(most.count()));
  return Duration(static_cast<std::int64_t>(full * (0.5 + unit / 2)));
}

}  // namespace offpeak
