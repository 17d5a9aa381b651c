// What the program holds by operator new, and the most that it held: tests of this folder alone. Memory that C libraries
// take is not in it.
#pragma once

#include <cstddef>

namespace offpeak::testing {

// While one lives, an allocation that would take more than `most` bytes above what was held at its beginning fails.
class MemoryGauge {
 public:
  explicit MemoryGauge(std::size_t most);
  ~MemoryGauge();
  MemoryGauge(const MemoryGauge&) = delete;
  MemoryGauge& operator=(const MemoryGauge&) = delete;
  // The most that was held above what was held at its beginning.
  std::size_t peak() const;
};

}  // namespace offpeak::testing
