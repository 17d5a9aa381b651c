#include "base/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <vector>

namespace offpeak {

namespace {

bool is_control(std::string_view sequence) {
  const auto lead = static_cast<unsigned char>(sequence[0]);
  if (sequence.size() == 1) return lead < 0x20 || lead == 0x7F;
  return sequence.size() == 2 && lead == 0xC2 && static_cast<unsigned char>(sequence[1]) < 0xA0;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

struct Unit {
  std::string_view name;
  double factor;
};

// A decimal number followed by one of `units`, multiplied out.
template <std::size_t N>
std::optional<double> parse_with_unit(std::string_view text, const std::array<Unit, N>& units) {
  double number = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (ec != std::errc() || number < 0 || !std::isfinite(number)) return std::nullopt;
  auto unit = std::string_view(end, text.data() + text.size());
  while (!unit.empty() && unit.front() == ' ') unit.remove_prefix(1);
  if (unit.empty() && number == 0) return 0;
  for (const auto& known : units) {
    if (unit == known.name && number * known.factor < 9e18) return number * known.factor;
  }
  return std::nullopt;
}

}  // namespace

std::size_t utf8_length(std::string_view bytes) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const auto follows = [&](std::size_t i) { return i < bytes.size() && (at(i) & 0xC0) == 0x80; };
  const unsigned char lead = at(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead < 0xE0) return follows(1) ? 2 : 0;
  if (lead >= 0xE0 && lead < 0xF0) {
    if (!follows(1) || !follows(2)) return 0;
    if ((lead == 0xE0 && at(1) < 0xA0) || (lead == 0xED && at(1) >= 0xA0)) return 0;
    return 3;
  }
  if (lead >= 0xF0 && lead < 0xF5) {
    if (!follows(1) || !follows(2) || !follows(3)) return 0;
    if ((lead == 0xF0 && at(1) < 0x90) || (lead == 0xF4 && at(1) >= 0x90)) return 0;
    return 4;
  }
  return 0;
}

std::string escape_for_display(std::string_view bytes, std::size_t most_bytes) {
  std::string text;
  while (!bytes.empty()) {
    const auto length = utf8_length(bytes);
    std::string piece(bytes.substr(0, std::max<std::size_t>(length, 1)));
    if (length == 0 || is_control(piece)) {
      std::string escaped;
      for (const char c : piece) escaped += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
      bytes.remove_prefix(piece.size());
      piece = std::move(escaped);
    } else {
      bytes.remove_prefix(length);
    }
    if (text.size() + piece.size() > most_bytes) return text + "...";
    text += piece;
  }
  return text;
}

std::string safe_file_name(std::string_view name, std::size_t most_bytes) {
  std::string safe;
  for (const char c : name.substr(0, most_bytes)) {
    const bool kept =
        (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
    safe += kept ? c : '_';
  }
  if (safe.empty() || safe == "." || safe == "..") return "_";
  return safe;
}

std::optional<std::string_view> nearest_word(std::string_view wrong, std::span<const std::string_view> known) {
  std::optional<std::string_view> nearest;
  std::size_t best = std::max<std::size_t>(wrong.size() / 2, 2) + 1;
  for (const auto word : known) {
    if (const auto distance = edit_distance(wrong, word); distance < best) {
      best = distance;
      nearest = word;
    }
  }
  return nearest;
}

std::optional<Duration> parse_duration(std::string_view text) {
  static constexpr std::array<Unit, 5> units{
      {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};
  const auto millis = parse_with_unit(text, units);
  // A hundred years bound every wait, so that adding one to a time cannot overflow.
  if (!millis || *millis > 36'525.0 * 86'400'000) return std::nullopt;
  return Duration(std::llround(*millis));
}

std::string to_text(Duration duration) {
  static constexpr std::array<Unit, 4> units{{{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1000}}};
  const auto millis = duration.count();
  for (const auto& unit : units) {
    const auto factor = static_cast<std::int64_t>(unit.factor);
    if (millis >= factor && millis % factor == 0) return fmt::format("{}{}", millis / factor, unit.name);
  }
  return fmt::format("{}ms", millis);
}

std::optional<std::uint64_t> parse_bytes(std::string_view text) {
  static constexpr std::array<Unit, 7> units{
      {{"B", 1}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"KiB", 1024}, {"MiB", 1048576}, {"GiB", 1073741824}}};
  const auto bytes = parse_with_unit(text, units);
  if (!bytes) return std::nullopt;
  return static_cast<std::uint64_t>(std::llround(*bytes));
}

}  // namespace offpeak
