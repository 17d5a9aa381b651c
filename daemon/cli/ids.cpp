#include "daemon/cli/ids.hpp"

#include <algorithm>
#include <charconv>

namespace offpeak::cli {

namespace {

std::optional<std::int64_t> parse_number(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (ec != std::errc() || end != text.data() + text.size() || number < 0) return std::nullopt;
  return number;
}

}  // namespace

std::optional<ThingId> parse_thing_id(const std::string& text) {
  ThingId id;
  id.number = parse_number(text);
  id.text = text;
  if (id.number) return id;
  id.batch = true;
  if (text.starts_with("msgbatch_")) return id;
  if (!text.starts_with('b')) return std::nullopt;
  id.text = text.substr(1);
  id.number = parse_number(id.text);
  if (!id.number) return std::nullopt;
  return id;
}

}  // namespace offpeak::cli
