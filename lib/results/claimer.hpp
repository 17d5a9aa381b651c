// Purpose   carries out what an operator decided about batches that nothing here explains
// Gets      batches to claim and batches to cancel, from the queue; the results of the former, from the provider
// Gives     an intent and a batch for what it claims, so that the collector records it; cancels at the provider
// Promises  a claim is found again after any crash and carried out once; nothing of it is guessed: a request is taken
//           for one that the batch ran where the content of both is the same; submitting waits until it is done
// When it fails  the claim waits with its reason and a time; what cannot be claimed at all is open again
//
// A download that does not say of every request of the batch what it was is made again: what is not matched is sent
// again. Only where two of them say the same is it taken as it is.
//
// I/O thread. Notified by the status socket; wakes up by itself while there is something to claim.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "base/clock.hpp"
#include "base/files.hpp"
#include "base/log.hpp"
#include "base/random.hpp"
#include "base/task.hpp"
#include "base/wakeup.hpp"
#include "base/worker.hpp"
#include "config/config.hpp"
#include "provider/provider.hpp"
#include "queue/queue.hpp"
#include "results/claim_reader.hpp"

namespace offpeak {

// All must outlive the claimer. The content of config may be replaced on the I/O thread at any time.
struct ClaimerDoors {
  Database& database;
  Provider& provider;
  Files& files;
  Worker& file_worker;
  Clock& clock;
  Random& random;
  Log& log;
  const Config& config;
};

class Claimer {
 public:
  Claimer(ClaimerDoors doors, Wakeup& bell) : doors_(doors), bell_(bell) {}
  Claimer(const Claimer&) = delete;
  Claimer& operator=(const Claimer&) = delete;

  // Until canceled.
  Task<> run();

 private:
  struct Scan;
  // What a download said that does not say everything.
  struct Doubt {
    std::uint64_t total = 0, sum = 0;
    bool operator==(const Doubt&) const = default;
  };
  struct Download {
    ClaimIds ids;
    std::optional<std::string> problem;  // then there are no ids
    std::optional<Duration> retry_after;
  };

  Task<std::optional<Duration>> round();
  Task<bool> cancel_candidate(std::string provider_id);
  Task<> advance(UnexplainedBatch claim);
  Task<bool> cancel(UnexplainedBatch claim);
  Task<bool> still_to_cancel(std::string provider_id);
  Task<> claim_ended(UnexplainedBatch claim, ProviderBatch told);
  Task<Download> download_ids(std::string provider_id);
  Task<Result<ClaimIds>> read_ids();
  Task<> claim_with(UnexplainedBatch claim, ProviderBatch told, ClaimIds ids);
  Task<Result<std::vector<Assignment>>> find_requests(std::vector<ClaimLine> lines, unsigned bits);
  Task<Result<void>> scan_job(JobId job, std::shared_ptr<Scan> scan);
  Task<> end(ClaimedBatch claimed, Booked booked);
  Task<> end_without(UnexplainedBatch claim, std::uint64_t lines, std::string reason);
  Task<> wait(UnexplainedBatch claim, std::string reason, Duration pause);
  Task<> try_again(UnexplainedBatch claim, std::string reason, std::optional<Duration> retry_after);
  Task<> give_up(UnexplainedBatch claim, std::string reason);
  bool is_doubtful(const std::string& provider_id, std::uint64_t requests, const ClaimIds& ids);
  void log_damage(JobId job, const Error& damage);
  Duration pause_asked_for(Duration retry_after) const;
  Duration look_interval() const;
  std::string download_path() const;

  ClaimerDoors doors_;
  Wakeup& bell_;                         // an operator decided something
  std::map<std::string, Doubt> doubts_;  // by provider id; a restart only asks once more
  SteadyTime cancel_not_before_{};       // of candidates, as the provider asked
  SteadyTime cancel_again_{};            // of candidates, after one that failed
};

}  // namespace offpeak
