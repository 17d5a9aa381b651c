// Log: one line per fact, a fixed event name with fields. `error` means somebody must act and says how. Never prompts,
// answers or keys; control characters are escaped and long values cut. Any thread.
#pragma once

#include <fmt/format.h>

#include <atomic>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "base/datagram.hpp"

namespace offpeak {

enum class LogLevel : std::uint8_t { error, warning, info, debug };

struct LogField {
  LogField(std::string_view field_key, std::string_view text) : key(field_key), value(text) {}
  LogField(std::string_view field_key, const char* text) : key(field_key), value(text) {}
  LogField(std::string_view field_key, const std::string& text) : key(field_key), value(text) {}
  LogField(std::string_view field_key, bool flag) : key(field_key), value(flag ? "true" : "false") {}
  template <class Number>
    requires std::is_arithmetic_v<Number>
  LogField(std::string_view field_key, Number number) : key(field_key), value(fmt::format("{}", number)) {}
  template <class Tagged>
    requires requires(const Tagged& id) { id.value + 1; }
  LogField(std::string_view field_key, const Tagged& id) : key(field_key), value(fmt::format("{}", id.value)) {}

  std::string_view key;
  std::string value;
};
using LogFields = std::initializer_list<LogField>;

class Log {
 public:
  explicit Log(LogLevel level = LogLevel::info) : level_(level) {}
  virtual ~Log() = default;

  void error(std::string_view event, LogFields fields = {}) { write(LogLevel::error, event, fields); }
  void warning(std::string_view event, LogFields fields = {}) { write(LogLevel::warning, event, fields); }
  void info(std::string_view event, LogFields fields = {}) { write(LogLevel::info, event, fields); }
  void debug(std::string_view event, LogFields fields = {}) { write(LogLevel::debug, event, fields); }
  void tell(LogLevel level, std::string_view event, LogFields fields) { write(level, event, fields); }
  void set_level(LogLevel level) { level_ = level; }

 protected:
  virtual void emit(LogLevel level, std::string_view event, LogFields fields) = 0;

 private:
  void write(LogLevel level, std::string_view event, LogFields fields) {
    if (level <= level_.load()) emit(level, event, fields);
  }
  std::atomic<LogLevel> level_;
};

// "2026-11-21T10:00:00.123Z info job.done job=7 name=reviews" to a file descriptor.
class TextLog final : public Log {
 public:
  TextLog(int fd, LogLevel level) : Log(level), fd_(fd) {}

 protected:
  void emit(LogLevel level, std::string_view event, LogFields fields) override;

 private:
  int fd_;
};

// Native journald fields: MESSAGE, PRIORITY, SYSLOG_IDENTIFIER, OFFPEAK_EVENT, OFFPEAK_<KEY>.
class JournalLog final : public Log {
 public:
  explicit JournalLog(LogLevel level, std::string journal = "/run/systemd/journal/socket")
      : Log(level), journal_(std::move(journal)) {}

 protected:
  void emit(LogLevel level, std::string_view event, LogFields fields) override;

 private:
  std::string journal_;
  DatagramSocket socket_;
};

// Drops everything.
class NoLog final : public Log {
 protected:
  void emit(LogLevel, std::string_view, LogFields) override {}
};

// event key=value ..., as the text log writes it after time and level.
std::string log_line(std::string_view event, LogFields fields);

}  // namespace offpeak
