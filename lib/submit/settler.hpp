// Purpose   finds out what became of intents whose create has an unknown outcome
// Gets      unknown intents, the provider's lists
// Gives     a batch (adopted), or "not created": the requests are pending again under a new nonce
// Promises  no verdict without clean lists spread over settle_unknown; a failed list only makes it wait
// When it fails  the intent stays unknown, with its reason and the time of the next look
#pragma once

#include <map>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/wakeup.hpp"
#include "config/config.hpp"
#include "queue/queue.hpp"
#include "submit/settle.hpp"

namespace offpeak {

class Settler {
 public:
  Settler(Database& database, Provider& provider, Clock& clock, Log& log, const Config& config, Wakeup& bell)
      : database_(database), provider_(provider), clock_(clock), log_(log), config_(config), bell_(bell) {}

  // Until canceled.
  Task<> run();
  // By when an unknown create is decided at the latest, as long as lists can be read and none shows it.
  std::map<IntentId, Instant> verdict_at() const;

 private:
  Task<> look(Intent intent);
  Task<Candidates> compare(Intent intent, WholeList list);
  Task<> show(Intent intent, std::vector<ProviderBatch> found);
  Task<std::optional<std::string>> hidden_from(Intent intent, std::set<std::string> shown, std::optional<Instant> date);
  Task<bool> record_not_created(IntentId id);
  Task<> adopt(Intent intent, ProviderBatch batch, bool proven);
  Task<> exclude(IntentId id, ProviderBatch batch, std::string nonce);
  Task<> peek(Intent intent, std::vector<ProviderBatch> ended);

  Database& database_;
  Provider& provider_;
  Clock& clock_;
  Log& log_;
  const Config& config_;
  Wakeup& bell_;  // an intent became unknown
  std::map<IntentId, Observation> seen_;
};

}  // namespace offpeak
