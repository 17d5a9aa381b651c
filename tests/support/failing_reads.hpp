// FailingReads: while one lives, SQLite's n-th read of a file fails with EIO, once or from then on. Through SQLite's own
// way of replacing a system call, so that everything above it is the real thing.
#pragma once

#include <cstdint>

namespace offpeak::testing {

class FailingReads {
 public:
  enum class Times : std::uint8_t { once, for_ever };
  // `number` counts from 1.
  FailingReads(int number, Times times);
  ~FailingReads();
  FailingReads(const FailingReads&) = delete;
  FailingReads& operator=(const FailingReads&) = delete;

  // Did any read fail?
  bool hit() const;
};

}  // namespace offpeak::testing
