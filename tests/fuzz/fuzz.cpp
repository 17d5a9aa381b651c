#include "fuzz.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "reference_json.hpp"

namespace offpeak::fuzz {

std::string_view as_text(const std::uint8_t* data, std::size_t size) {
  return size == 0 ? std::string_view("") : std::string_view(reinterpret_cast<const char*>(data), size);
}

void require(bool holds, std::string_view fact, std::string_view about) {
  if (holds) return;
  fmt::print(stderr, "\nbroken: {}\n", fact);
  for (const char c : about.substr(0, 2000)) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = byte >= 0x20 && byte < 0x7F;
    fmt::print(stderr, "{}", plain ? std::string(1, c) : fmt::format("\\x{:02x}", byte));
  }
  fmt::print(stderr, "\n");
  std::fflush(stderr);
  std::abort();
}

std::string_view take_line(std::string_view& rest) {
  const auto end = std::min(rest.find('\n'), rest.size());
  const auto line = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return line;
}

bool is_displayable(std::string_view text) {
  while (!text.empty()) {
    const auto character = take_utf8(text);
    if (!character || *character < 0x20 || (*character >= 0x7F && *character < 0xA0)) return false;
  }
  return true;
}

bool lies_in(std::string_view slice, std::string_view whole) {
  const auto first = reinterpret_cast<std::uintptr_t>(slice.data());
  const auto begin = reinterpret_cast<std::uintptr_t>(whole.data());
  return first >= begin && first + slice.size() <= begin + whole.size();
}

std::uint64_t hash_of(std::string_view text) {
  std::uint64_t hash = 14695981039346656037U;  // FNV-1a
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
  return hash;
}

}  // namespace offpeak::fuzz
