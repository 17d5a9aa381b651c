// Waiting for jobs, as `wait` and `submit --wait` do.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "daemon/cli/cli.hpp"

namespace offpeak::cli {

// Until every job is over or held: exit_done, exit_not_all_succeeded or exit_held; exit_timed_out after `timeout`.
// Goes on for a while where the daemon restarts.
int wait_for_jobs(Cli& cli, const std::vector<std::string>& ids, std::optional<Duration> timeout);

}  // namespace offpeak::cli
