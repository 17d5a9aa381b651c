// Chance without a state: the same words always give the same number. Every decision of the simulator comes
// from here, so that a seed repeats a run whatever the order of the calls. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/digest.hpp"

namespace offpeak::sim {

constexpr std::uint64_t mix(std::uint64_t a, std::uint64_t b = 0, std::uint64_t c = 0) {
  std::uint64_t z = a + 0x9E3779B97F4A7C15 * (b + 1) + 0xD1B54A32D192ED03 * (c + 1);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

// In [0, 1).
constexpr double unit(std::uint64_t word) { return static_cast<double>(word >> 11) * 0x1.0p-53; }

inline std::uint64_t low_word(const Digest128& digest) {
  std::uint64_t word = 0;
  for (std::size_t i = 0; i < 8; ++i) word = word << 8 | digest.bytes[i];
  return word;
}

// "01" and 22 base-58 digits, as the provider's ids have them behind their prefix.
inline void append_id_digits(std::string& out, std::uint64_t word) {
  constexpr std::string_view digits = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
  out += "01";
  std::uint64_t high = word;
  std::uint64_t low = mix(word, 0x1D);
  for (int i = 0; i < 11; ++i) {
    out += digits[high % 58];
    out += digits[low % 58];
    high /= 58;
    low /= 58;
  }
}

}  // namespace offpeak::sim
