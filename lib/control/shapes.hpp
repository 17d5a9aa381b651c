// The socket's JSON shapes of batches, intents and the status; a job's is in model/job.hpp. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "queue/rows.hpp"

namespace offpeak {

struct Amount;
struct GuardWait;

std::string to_json(const Batch& batch);
std::string to_json(const RejectedFile& file);
// As /v1/reconcile lists them.
std::string to_json(const UnexplainedBatch& batch, const Amount& amount);
std::string unknown_intent_json(const Intent& intent, const std::vector<Candidate>& candidates, const Amount& amount);

std::string lost_batch_json(const Batch& batch);
std::string guard_wait_json(const GuardWait& wait, const Amount& amount, std::string_view state);

// What the daemon knows beside the queue.
struct StatusExtras {
  Instant now{};
  std::optional<Instant> next_poll_at;
  std::optional<std::string> trouble;  // a sentence, where something keeps the daemon from working (disk full)
};

std::string status_json(const Status& status, const StatusExtras& extras);

}  // namespace offpeak
