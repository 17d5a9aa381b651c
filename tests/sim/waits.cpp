#include "sim/waits.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "waits/waits.hpp"

namespace offpeak::simtest {

Told told(const WaitLook& look) {
  const auto status = look.queue.status(look.now);
  const auto facts = look.stages.facts();
  const Look at{status, facts, look.config, look.now};
  Told told;
  ListOptions options;
  options.limit = 1000;
  for (const auto& job : look.queue.jobs(options)) {
    if (job.done_at) continue;
    const auto wait = wait_of(job, look.queue.job_waits(job.id, look.now), at);
    told.jobs.push_back({job.id, wait ? std::optional(wait->what) : std::nullopt});
  }
  told.stuck = status.account.paused || facts.guard ||
               std::ranges::any_of(status.unexplained, [](const auto& batch) { return batch.state == "open"; });
  told.ok = health_of(waits_of(at)) == Health::ok;
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
