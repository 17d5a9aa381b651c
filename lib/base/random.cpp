#include "base/random.hpp"

#include <sys/random.h>

#include <cerrno>
#include <system_error>

namespace offpeak {

std::string Random::hex(std::size_t bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  std::uint64_t word = 0;
  for (std::size_t i = 0; i < bytes; ++i) {
    if (i % 8 == 0) word = next();
    text += digits[(word >> 4) & 15];
    text += digits[word & 15];
    word >>= 8;
  }
  return text;
}

std::uint64_t SystemRandom::next() {
  std::uint64_t word = 0;
  if (getrandom(&word, sizeof word, 0) != static_cast<ssize_t>(sizeof word)) {
    throw std::system_error(errno, std::generic_category(), "getrandom");
  }
  return word;
}

std::uint64_t SeededRandom::next() {
  state_ += 0x9E3779B97F4A7C15;
  std::uint64_t z = state_;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

}  // namespace offpeak
