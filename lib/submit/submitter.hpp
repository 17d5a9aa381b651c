// Purpose   sends each intent once: all bytes but the last, commit, release; then stores what came back
// Gets      the intent that pack wrote
// Gives     a batch, proven refusals, or an unknown intent for the settler
// Promises  the last byte leaves only after `committing` is durable; nothing is ever sent again for an intent whose
//           last byte may have left, by anybody, until it is settled
// When it fails  a database failure ends the daemon (crash-only): recovery reads the truth from the intent's state
#pragma once

#include <exception>

#include "base/clock.hpp"
#include "base/files.hpp"
#include "base/log.hpp"
#include "base/random.hpp"
#include "base/state_log.hpp"
#include "base/wakeup.hpp"
#include "base/worker.hpp"
#include "config/config.hpp"
#include "provider/provider.hpp"
#include "queue/queue.hpp"
#include "submit/body.hpp"
#include "submit/consequence.hpp"

namespace offpeak {

class Submitter {
 public:
  Submitter(Database& database, Provider& provider, Files& files, Worker& file_worker, Clock& clock, Random& random,
            Log& log, const Config& config, Wakeup& bell)
      : database_(database),
        provider_(provider),
        files_(files),
        file_worker_(file_worker),
        clock_(clock),
        random_(random),
        log_(log),
        config_(config),
        bell_(bell) {}

  // Until canceled.
  Task<> run();
  // The last byte may have left and the answer is not stored yet: a stop should wait a moment.
  bool committing() const { return committing_; }
  std::optional<Instant> disk_full_since() const { return disk_full_since_; }

 private:
  class Commit;
  Task<> conclude_interrupted();
  Task<> submit(Intent intent);
  Task<CreateAnswer> send(const Intent& intent, IntentBody& body);
  Task<> conclude(Intent intent, CreateVerdict verdict, std::optional<JobId> damaged_job);
  Task<> record(Intent intent, CreateVerdict verdict, Consequence consequence, std::optional<JobId> damaged_job);
  void report(const Intent& intent, const CreateVerdict& verdict, const Consequence& consequence);

  Database& database_;
  Provider& provider_;
  Files& files_;
  Worker& file_worker_;
  Clock& clock_;
  Random& random_;
  Log& log_;
  const Config& config_;
  Wakeup& bell_;  // an intent was written
  bool committing_ = false;
  IntentId begun_;  // the one whose upload began last: never uploaded twice
  std::optional<Instant> disk_full_since_;
  StateLog full_{log_, clock_, LogLevel::error, "disk.full", "disk.has_room"};
};

}  // namespace offpeak
