// Requests change their state only here: the counters of their job move in the same transaction. For the files of this
// room only.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "queue/sql.hpp"

namespace offpeak {

// Moves `count` of a job's requests between two counters; the change must be legal (model/states.hpp).
void move_requests(Sql& sql, JobId job, RequestState from, RequestState to, std::int64_t count);

// Adds a run to `pending`, joined with its neighbours where they wait for the same.
void add_pending(Sql& sql, const PendingRange& pending);

// Takes a run out of `pending`; it must be there. Returns what it waited for.
PendingRange take_pending(Sql& sql, RequestRange range);
// The first runs that may go now, in input order.
std::vector<PendingRange> ready_pending(Sql& sql, JobId job, Instant now, std::uint32_t most);
// What of a run is pending.
std::vector<PendingRange> pending_in(Sql& sql, RequestRange range);

// Makes `count` requests from `range.first` on final without the provider, from the state `from`.
void make_outcome(Sql& sql, RequestRange range, RequestState from, OutcomeType type, const std::string& result);

// The parts of a run that have no outcome yet. A late twin may answer requests that are somewhere else meanwhile; those
// are final, and no other verb moves them again.
std::vector<RequestRange> without_outcomes(Sql& sql, RequestRange range);
std::int64_t outcomes_in(Sql& sql, RequestRange range);

// A run comes back from an intent or a batch: pending again, or canceled where its job is being canceled.
void give_back(Sql& sql, const PendingRange& pending, RequestState from);

JobState job_state(Sql& sql, JobId job);
void set_job_state(Sql& sql, JobId job, JobState to, const std::optional<std::string>& reason);

// All requests of an intent that have no outcome, by job: from one counter to another.
void move_intent(Sql& sql, IntentId id, RequestState from, RequestState to);

// Requests that a late twin may be running wait until it is collected; longer than a batch lives nothing waits.
void hold_for_twins(Sql& sql, Instant now);
// May a late twin that is not collected yet be running a request of this intent?
bool shares_with_a_twin(Sql& sql, IntentId id);
// A late twin is collected or disproved: what waited for it may go.
void end_twin(Sql& sql, IntentId id, Instant now);

void add_rejected(Sql& sql, const RejectedFile& record);
// How many nobody has looked at, and the newest of them.
void read_unseen(Sql& sql, Status& status);

// The rows of an intent and of the run of requests at one of its places. The requests are moved by the caller.
IntentId insert_intent(Sql& sql, const NewIntent& intent, IntentState state, Instant now);
void insert_assignment(Sql& sql, IntentId id, const Assignment& assignment);

// The row of an intent's batch. A twin, and what the poller has not seen yet, begins as in_progress.
struct NewBatch {
  bool proven = false;
  bool twin = false;
  std::string_view cancel_state = "no";
};
BatchId insert_batch(Sql& sql, IntentId id, const Batch& batch, const NewBatch& as);

// The intent's batch is there: its requests are submitted.
BatchId become_created(Sql& sql, IntentId id, const Batch& batch, bool proven, Instant now);
// The intent was taken as not created, and its batch is there after all.
BatchId become_twin(Sql& sql, IntentId id, const Batch& batch, const NewBatch& as, Instant now);
// The intent was never created: its requests are pending again.
void become_not_created(Sql& sql, IntentId id, const std::string& reason, Instant now);

// The batch carries this nonce: the intent that has it gets the batch, where it has none yet. An unexplained batch is
// recorded only where `exclusive` is true.
Booked book_by_nonce(Sql& sql, const std::string& nonce, const Batch& batch, bool exclusive, Instant now);
void insert_unexplained(Sql& sql, const UnexplainedBatch& batch);

std::vector<Assignment> read_assignments(Sql& sql, IntentId id);
// Requests of a job that ended as errored without an error of the provider's: told in the job.
void add_oddity(Sql& sql, JobId job, BatchId batch, std::string_view kind, std::int64_t n);

// Lines of a batch that did not become outcomes.
std::int64_t attempts_of(Sql& sql, BatchId id);
void set_intent_state(Sql& sql, IntentId id, IntentState to, const std::optional<std::string>& reason, Instant now);

// Marks batches that carry only jobs that are being canceled. Never one that nothing proves ours: it may be somebody
// else's, taken for ours by its count.
void want_cancel_where_only_canceled(Sql& sql);

std::optional<std::int64_t> integer_fact(Sql& sql, std::string_view name);
std::optional<Instant> time_fact(Sql& sql, std::string_view name);
std::optional<std::string> text_fact(Sql& sql, std::string_view name);
void set_fact(Sql& sql, std::string_view name, std::int64_t value);
void set_fact(Sql& sql, std::string_view name, std::string_view value);
void clear_fact(Sql& sql, std::string_view name);
// Never lower than it is.
void raise_fact(Sql& sql, std::string_view name, std::int64_t least);

// Why a job is held that was recovered after a state was put back.
inline constexpr std::string_view recovered_reason =
    "recovered after a restore: it waits until every batch is known that may have run it; see offpeak reconcile";
// Where nothing tells when all is decided.
inline constexpr std::string_view recovered_for_operator =
    "it came back with a restored state, and its requests may have been sent: release it when you know";
inline constexpr std::string_view recovered_prefix = "recovered-";  // of the file names that ingest gives such jobs

// The canceled outcome as offpeak makes it.
inline constexpr const char* canceled_result = R"({"type":"canceled"})";

}  // namespace offpeak
