// What offpeakd tells its service manager, and where its log goes. Every call is harmless where there is no
// service manager. Any thread; the I/O thread in practice, so that a watchdog ping proves that the loop
// turns.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "base/clock.hpp"
#include "base/log.hpp"

namespace offpeak {

// READY=1 at the end of a start and of a reload; RELOADING=1 at the beginning of a reload, STOPPING=1 of the
// end.
void notify_ready(std::string_view status);
void notify_reloading();
void notify_stopping();
// One line for `systemctl status`.
void notify_status(std::string_view status);
void notify_watchdog();

// How often to ping: half of what the unit's WatchdogSec= allows. Nothing where no watchdog waits for this
// process.
std::optional<Duration> watchdog_interval();

// Native journal fields where stderr is the journal, else text lines to stderr.
std::unique_ptr<Log> make_log(LogLevel level);

// Is `fd` the stream that $JOURNAL_STREAM ("device:inode", or nullptr) names?
bool is_journal_stream(const char* journal_stream, int fd);

}  // namespace offpeak
