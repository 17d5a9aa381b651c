#include "provider/retry_after.hpp"

#include <array>
#include <charconv>
#include <cmath>

namespace offpeak {

namespace {

constexpr double most_millis = 2147483647.0;

std::optional<double> number(std::string_view text) {
  double value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (ec != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<Duration> bounded(double millis) {
  if (!(millis > 0) || millis > most_millis) return std::nullopt;
  return Duration(static_cast<std::int64_t>(std::ceil(millis)));
}

// Exactly `digits` digits at `at`; -1 where they are none.
int digits_at(std::string_view text, std::size_t at, std::size_t digits) {
  int value = 0;
  for (std::size_t i = at; i < at + digits; ++i) {
    if (text[i] < '0' || text[i] > '9') return -1;
    value = value * 10 + (text[i] - '0');
  }
  return value;
}

unsigned month_number(std::string_view name) {
  constexpr std::array<std::string_view, 12> names = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  for (unsigned i = 0; i < names.size(); ++i) {
    if (names[i] == name) return i + 1;
  }
  return 0;
}

}  // namespace

std::optional<Instant> parse_http_date(std::string_view text) {
  using namespace std::chrono;
  // Sun, 06 Nov 1994 08:49:37 GMT
  if (text.size() != 29 || text.substr(3, 2) != ", " || text[7] != ' ' || text[11] != ' ' || text[16] != ' ' ||
      text[19] != ':' || text[22] != ':' || text.substr(25) != " GMT") {
    return std::nullopt;
  }
  const int d = digits_at(text, 5, 2), y = digits_at(text, 12, 4);
  const int h = digits_at(text, 17, 2), m = digits_at(text, 20, 2), s = digits_at(text, 23, 2);
  if (d < 0 || y < 0 || h < 0 || h > 23 || m < 0 || m > 59 || s < 0 || s > 60) return std::nullopt;
  const year_month_day date(year(y), month(month_number(text.substr(8, 3))), day(static_cast<unsigned>(d)));
  if (!date.ok()) return std::nullopt;
  return Instant(sys_days(date)) + hours(h) + minutes(m) + seconds(s);
}

std::optional<Duration> parse_retry_after(std::string_view retry_after_ms, std::string_view retry_after,
                                          std::string_view date, Instant now) {
  if (const auto millis = number(retry_after_ms)) {
    if (const auto wait = bounded(*millis)) return wait;
  }
  if (const auto seconds = number(retry_after)) return bounded(*seconds * 1000);
  const auto at = parse_http_date(retry_after);
  if (!at) return std::nullopt;
  return bounded(static_cast<double>((*at - parse_http_date(date).value_or(now)).count()));
}

}  // namespace offpeak
