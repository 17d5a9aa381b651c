#include "daemon/notify.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include <cstdlib>

#include "base/text.hpp"

namespace offpeak {

namespace {

constexpr std::size_t status_bytes_max = 512;

// A status never breaks the line that it stands on: the protocol is one assignment a line.
std::string status_line(std::string_view status) { return "STATUS=" + escape_for_display(status, status_bytes_max); }

// sd_notify(3) fails only where nobody listens, or where the socket is gone: nothing that a daemon could act
// on.
void send(const std::string& state) { static_cast<void>(::sd_notify(0, state.c_str())); }

}  // namespace

void notify_ready(std::string_view status) { send("READY=1\n" + status_line(status)); }

void notify_reloading() {
  // The time lets the manager tell this reload's READY=1 from an older one; sd_notify(3) asks for
  // CLOCK_MONOTONIC.
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  send(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", now.tv_sec * 1'000'000 + now.tv_nsec / 1000));
}

void notify_stopping() { send("STOPPING=1"); }

void notify_status(std::string_view status) { send(status_line(status)); }

void notify_watchdog() { send("WATCHDOG=1"); }

std::optional<Duration> watchdog_interval() {
  std::uint64_t limit_usec = 0;
  if (::sd_watchdog_enabled(0, &limit_usec) <= 0) return std::nullopt;
  return std::max(Duration(static_cast<std::int64_t>(limit_usec / 2000)), Duration(1));
}

bool is_journal_stream(const char* journal_stream, int fd) {
  struct stat status{};
  if (journal_stream == nullptr || ::fstat(fd, &status) != 0) return false;
  return fmt::format("{}:{}", status.st_dev, status.st_ino) == journal_stream;
}

std::unique_ptr<Log> make_log(LogLevel level) {
  if (is_journal_stream(std::getenv("JOURNAL_STREAM"), STDERR_FILENO)) return std::make_unique<JournalLog>(level);
  return std::make_unique<TextLog>(STDERR_FILENO, level);
}

}  // namespace offpeak
