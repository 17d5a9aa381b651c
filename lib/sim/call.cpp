#include "sim/call.hpp"

#include <algorithm>

namespace offpeak::sim {

namespace {

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; };
  return std::ranges::equal(a, b, [&](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace

std::string_view find_header(const Headers& headers, std::string_view name) {
  for (const auto& [key, value] : headers) {
    if (equal_ignoring_case(key, name)) return value;
  }
  return {};
}

std::string whole_body(Answer& answer) {
  if (!answer.stream) return answer.body;
  std::string body;
  for (auto block = answer.stream->next(); !block.empty(); block = answer.stream->next()) body += block;
  return body;
}

}  // namespace offpeak::sim
