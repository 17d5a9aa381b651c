// The start-up guard (product contract 6.7): before anything is sent, the provider's list is compared with what we
// know. Batches newer than the newest we know that no intent explains tell of a restored backup, or of another program:
// their requests may be ours and paid for. A new, empty state takes the newest listed batch as known.
#pragma once

#include <set>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/random.hpp"
#include "base/wakeup.hpp"
#include "config/config.hpp"
#include "provider/provider.hpp"
#include "queue/queue.hpp"

namespace offpeak {

// Those of `newer` that are neither known nor can be an unknown intent's (same request count). Pure.
std::vector<UnexplainedBatch> unexplained_of(const std::vector<ProviderBatch>& newer,
                                             const std::set<std::string>& known,
                                             const std::vector<Intent>& unknown_intents, bool exclusive);

class Guard {
 public:
  Guard(Database& database, Provider& provider, Clock& clock, Random& random, Log& log, const Config& config)
      : database_(database), provider_(provider), clock_(clock), random_(random), log_(log), config_(config) {}

  // Returns when the list was read and compared. Until then nothing may be packed.
  Task<> pass();
  // Still waiting for the provider's first list.
  bool waiting() const { return waiting_; }

 private:
  Task<bool> try_once();

  Database& database_;
  Provider& provider_;
  Clock& clock_;
  Random& random_;
  Log& log_;
  const Config& config_;
  bool waiting_ = true;
};

}  // namespace offpeak
