// What waits, and what is said of it: the judge of "whatever waits has a reason". One function stands between the judge
// and the daemon: told() says what /v1/jobs and /v1/status would say.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "daemon/stages.hpp"
#include "queue/queue.hpp"

namespace offpeak::simtest {

struct WaitLook {
  Queue& queue;
  const Stages& stages;
  const Config& config;
  Instant now;
};

struct Told {
  struct OpenJob {
    JobId id;
    std::optional<std::string> reason;
  };
  std::vector<OpenJob> jobs;  // every open one
  bool ok = true;             // the status says "ok"
  bool stuck = false;         // something cannot go on without a human
};

// What the daemon would tell at this moment.
Told told(const WaitLook& look);

// Each open job, and the status, of which nothing says why it waits; by a name that stays the same while it does.
std::vector<std::string> silent_waits(const WaitLook& look);

}  // namespace offpeak::simtest
