#include "sim/waits.hpp"

#include <fmt/format.h>

namespace offpeak::simtest {

// As lib/control puts it together for the job object and for the status.
Told told(const WaitLook& look) {
  Told told;
  ListOptions options;
  options.limit = 1000;
  for (const auto& job : look.queue.jobs(options)) {
    if (!job.done_at) told.jobs.push_back({job.id, job.reason});
  }
  const auto status = look.queue.status(look.now);
  told.stuck = !look.queue.unexplained().empty();
  told.ok = !look.stages.trouble() && !status.account.paused && !told.stuck;
  return told;
}

std::vector<std::string> silent_waits(const WaitLook& look) {
  std::vector<std::string> silent;
  const auto said = told(look);
  for (const auto& job : said.jobs) {
    if (job.reason.value_or("").empty()) silent.push_back(fmt::format("job {}", job.id.value));
  }
  if (said.ok && said.stuck) silent.emplace_back("the daemon");
  return silent;
}

}  // namespace offpeak::simtest
