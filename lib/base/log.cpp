#include "base/log.hpp"

#include <errno.h>
#include <unistd.h>

#include "base/clock.hpp"
#include "base/text.hpp"

namespace offpeak {

namespace {

constexpr std::size_t value_bytes_max = 1024;

std::string_view level_name(LogLevel level) {
  switch (level) {
    case LogLevel::error:
      return "error";
    case LogLevel::warning:
      return "warning";
    case LogLevel::info:
      return "info";
    case LogLevel::debug:
      return "debug";
  }
  return "";
}

int syslog_priority(LogLevel level) {
  switch (level) {
    case LogLevel::error:
      return 3;
    case LogLevel::warning:
      return 4;
    case LogLevel::info:
      return 6;
    case LogLevel::debug:
      return 7;
  }
  return 6;
}

// With a backslash before each backslash and quote, so that a value cannot end its own quotes. No more than is shown.
std::string with_escaped_quotes(std::string_view value) {
  std::string text;
  for (const char c : value.substr(0, value_bytes_max + 1)) {
    if (c == '\\' || c == '"') text += '\\';
    text += c;
  }
  return text;
}

}  // namespace

std::string log_line(std::string_view event, LogFields fields) {
  std::string line(event);
  for (const auto& field : fields) {
    const std::string value = escape_for_display(with_escaped_quotes(field.value), value_bytes_max);
    const bool quote = value.empty() || value.find_first_of(" \"\\=") != std::string::npos;
    line += ' ';
    line += field.key;
    line += '=';
    if (quote) line += '"';
    line += value;
    if (quote) line += '"';
  }
  return line;
}

void TextLog::emit(LogLevel level, std::string_view event, LogFields fields) {
  const std::string line =
      fmt::format("{} {} {}\n", to_rfc3339(SystemClock().now()), level_name(level), log_line(event, fields));
  // One write a line, so that lines of several threads do not mix. A log that cannot be written stops nothing.
  [[maybe_unused]] const auto written = ::write(fd_, line.data(), line.size());
}

void JournalLog::emit(LogLevel level, std::string_view event, LogFields fields) {
  // The journal's native protocol: a line for each field. No value holds a line's end: they are all escaped.
  std::string entry =
      fmt::format("MESSAGE={}\nPRIORITY={}\nSYSLOG_IDENTIFIER={}\nOFFPEAK_EVENT={}\n", log_line(event, fields),
                  syslog_priority(level), ::program_invocation_short_name, event);
  for (const auto& field : fields) {
    entry += "OFFPEAK_";
    for (const char c : field.key) entry += static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    entry += '=' + escape_for_display(field.value, value_bytes_max) + '\n';
  }
  // A log that cannot be written stops nothing.
  socket_.send(journal_, entry);
}

}  // namespace offpeak
