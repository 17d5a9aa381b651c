#include "daemon/cli/human.hpp"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <ctime>

namespace offpeak::cli {

std::string human_count(std::int64_t count) {
  auto digits = fmt::format("{}", count);
  const std::size_t first = count < 0 ? 1 : 0;
  for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > static_cast<std::ptrdiff_t>(first); at -= 3) {
    digits.insert(static_cast<std::size_t>(at), ",");
  }
  return digits;
}

std::string human_bytes(std::int64_t bytes) {
  static constexpr std::array<const char*, 5> units{"B", "kB", "MB", "GB", "TB"};
  auto size = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (size >= 999.5 && unit + 1 < units.size()) {
    size /= 1000;
    ++unit;
  }
  if (unit == 0 || size >= 99.95) return fmt::format("{:.0f} {}", size, units[unit]);
  return fmt::format("{:.1f} {}", size, units[unit]);
}

std::string human_duration(Duration duration) {
  const auto seconds = std::max<std::int64_t>(duration.count() / 1000, 0);
  if (seconds < 60) return fmt::format("{}s", seconds);
  if (seconds < 3600) return fmt::format("{}m {:02}s", seconds / 60, seconds % 60);
  if (seconds < 86'400) return fmt::format("{}h {:02}m", seconds / 3600, seconds % 3600 / 60);
  return fmt::format("{}d {}h", seconds / 86'400, seconds % 86'400 / 3600);
}

std::string human_usd(double usd) {
  if (usd == 0) return "$0";
  if (std::abs(usd) < 0.01) return fmt::format("${:.4f}", usd);
  return fmt::format("${:.2f}", usd);
}

std::string human_percent(std::int64_t part, std::int64_t whole) {
  if (whole <= 0) return "-";
  return fmt::format("{}%", static_cast<std::int64_t>(100.0 * static_cast<double>(part) / static_cast<double>(whole)));
}

std::string human_time(std::optional<Instant> at) {
  if (!at) return "-";
  const std::time_t seconds = to_millis(*at) / 1000;
  std::tm parts{};
  if (::localtime_r(&seconds, &parts) == nullptr) return to_rfc3339(*at);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &parts);
  return text.data();
}

}  // namespace offpeak::cli
