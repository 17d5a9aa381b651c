// The socket's JSON shapes. Those of a job that is over are in model/job.hpp. Pure.
#pragma once

#include <string>
#include <string_view>

#include "queue/rows.hpp"
#include "waits/waits.hpp"

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

// {"kind","what","since","until","next_action_at","health","command"}
std::string to_json(const Wait& wait);
// An open job says what it waits for: in "reason" and "next_action_at", and in "wait" whole.
std::string job_json(const Job& job, const JobWaits& waits, const Look& look);
std::string status_json(const Look& look);

}  // namespace offpeak
