// Random: the door to chance. Nonces need the system's; jitter takes either. I/O thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace offpeak {

class Random {
 public:
  virtual ~Random() = default;
  virtual std::uint64_t next() = 0;

  // In [0, 1).
  double unit() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }
  // In [0, bound), bound > 0.
  std::uint64_t below(std::uint64_t bound) { return next() % bound; }
  // `bytes` random bytes as lower-case hexadecimal digits.
  std::string hex(std::size_t bytes);
};

// getrandom(2); throws std::system_error where the system has none.
class SystemRandom final : public Random {
 public:
  std::uint64_t next() override;
};

// Repeatable: splitmix64.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() override;

 private:
  std::uint64_t state_;
};

}  // namespace offpeak
