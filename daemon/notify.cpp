#include "daemon/notify.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <charconv>
#include <cstdint>
#include <cstdlib>

#include "base/datagram.hpp"
#include "base/text.hpp"

namespace offpeak {

namespace {

constexpr std::size_t status_bytes_max = 512;

// A status never breaks the line that it stands on: the protocol is one assignment a line.
std::string status_line(std::string_view status) { return "STATUS=" + escape_for_display(status, status_bytes_max); }

// The protocol of sd_notify(3). It fails only where nobody listens, or where the socket is gone: nothing that a daemon
// could act on.
void send(const std::string& state) {
  const char* socket = std::getenv("NOTIFY_SOCKET");
  if (socket != nullptr) DatagramSocket().send(socket, state);
}

// A whole number from the environment; nothing where there is none.
std::optional<std::uint64_t> number_in(const char* name) {
  const char* text = std::getenv(name);
  if (text == nullptr) return std::nullopt;
  const std::string_view digits = text;
  std::uint64_t number = 0;
  const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (failed != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return number;
}

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

// The protocol of sd_watchdog_enabled(3).
std::optional<Duration> watchdog_interval() {
  const auto limit_usec = number_in("WATCHDOG_USEC");
  if (!limit_usec || *limit_usec == 0 || *limit_usec == UINT64_MAX) return std::nullopt;
  if (std::getenv("WATCHDOG_PID") != nullptr && number_in("WATCHDOG_PID") != static_cast<std::uint64_t>(::getpid())) {
    return std::nullopt;
  }
  return std::max(Duration(static_cast<std::int64_t>(*limit_usec / 2000)), Duration(1));
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
