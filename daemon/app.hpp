// App: builds every part of the daemon in order, owns it, starts it, stops it. The one place that knows all rooms.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>

#include "base/log.hpp"
#include "base/task.hpp"
#include "daemon/options.hpp"

namespace offpeak {

inline constexpr int exit_ok = 0;
inline constexpr int exit_failed = 1;
inline constexpr int exit_state_damaged = 65;  // EX_DATAERR: the database is not what was written
inline constexpr int exit_state_in_use = 75;   // EX_TEMPFAIL: another offpeakd owns the state folder

// Runs the daemon until SIGTERM, SIGINT or a failure; returns the process's exit status.
int run_daemon(const DaemonOptions& options, Settings settings, Log& log);

}  // namespace offpeak
