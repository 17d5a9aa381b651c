// Plain values that go in and out of the queue, in stage order.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "model/counts.hpp"
#include "model/header_group.hpp"
#include "model/ids.hpp"
#include "model/job.hpp"
#include "model/line_index.hpp"
#include "model/money.hpp"
#include "model/states.hpp"

namespace offpeak {

// ---- intake: a job file on its way in, before it is a job. Its id becomes the job's.

enum class IntakeSource : std::uint8_t { folder, socket };
enum class IntakeState : std::uint8_t {
  claiming,  // announced; the file may or may not be in claimed/ yet
  checking,  // the whole file is in claimed/<id>
  rejected,  // socket only: the error document waits for the client that sent it
};

// What POST /v1/jobs and `offpeak submit` may say beside the file; it wins over the file's own options.
struct IntakeOverrides {
  std::optional<std::string> name;
  std::optional<std::int64_t> priority;
  std::optional<bool> hold;
  bool again = false;  // the same content is allowed once more
  bool operator==(const IntakeOverrides&) const = default;
};

struct Intake {
  JobId id;
  IntakeSource source = IntakeSource::folder;
  std::string name;  // in incoming/, or made from the query; its suffixes say format and compression
  IntakeState state = IntakeState::claiming;
  IntakeOverrides overrides;
  std::string document;  // the error document, once there is one: the file is rejected, or on its way there
  Instant created_at{};
};

// How a file was when it was taken. Whoever kept it open can still write to it.
struct TakenFile {
  std::uint64_t bytes = 0;
  std::int64_t modified_ns = 0;
  bool operator==(const TakenFile&) const = default;
};

// A file that was dropped and did not become a job, or that grew after it was taken.
struct RejectedFile {
  RejectedId id;       // given by the queue
  std::string file;    // its name in incoming/
  std::string stored;  // its name in rejected/, or empty: it is not there
  Instant at{};
  std::int64_t error_count = 0;
  std::string errors = "[]";                // the first 100, a JSON array
  std::optional<JobId> job = std::nullopt;  // whose file changed after it had been taken
  bool seen = false;
};

// Whose files in claimed/ the state knows.
struct KnownClaims {
  std::set<JobId> jobs;
  std::set<JobId> intakes;
  std::set<JobId> purged;  // by retention
};

// An outcome that the provider never gave, for a run of requests.
struct MadeOutcome {
  Seq first = 0;
  std::uint32_t count = 1;
  OutcomeType type = OutcomeType::errored;
  std::string result;  // the result value as it stands in results.jsonl
};

// A file whose check has ended well: the job that it becomes, and what of its index is not stored yet.
struct NewJob {
  Job job;
  std::optional<TakenFile> taken = std::nullopt;
  bool again = false;  // allowed to have the content of another job
  bool hold = false;
  std::uint32_t first_segment = 0;
  std::vector<std::string> segments;
  std::vector<MadeOutcome> made;
};

struct Accepted {
  std::optional<JobId> duplicate_of;  // set: nothing was queued
};

// ---- pack

struct PendingRange {
  RequestRange range;
  std::uint32_t attempts = 0;  // counted attempts so far
  Instant since{};             // pending since
  Instant not_before{};        // backing off until
  // 0, or: at most this many go together, since a batch of twice as many was refused, or one failed altogether.
  std::uint32_t most_together = 0;
  Instant refused_at{};  // when it was first refused so
};

struct PackJob {
  JobId job;
  std::int64_t priority = 0;
  HeaderGroup headers;
  std::vector<PendingRange> pending;  // in input order; ready ones only
};

struct AccountState {
  bool paused = false;
  std::string reason;
  Instant next_try_at{};
  int tries = 0;
  std::optional<Instant> since = std::nullopt;
};

// The network or the provider asked for a pause before the next create call.
struct CreateDelay {
  int tries = 0;  // failures in a row; 0: none
  std::string reason;
  Instant not_before{};
  std::optional<Instant> since = std::nullopt;  // of the first of them
};

struct PackView {
  std::vector<PackJob> jobs;                 // with something ready, highest priority first, then by id
  std::optional<Instant> next_ready_at;      // the soonest not_before of what is not ready yet
  bool intent_uploading = false;             // one is written and not sent yet
  std::int64_t queued_requests = 0;          // in unsettled intents and batches in processing
  std::int64_t open_batches = 0;             // not ended, unsettled intents included
  std::set<std::uint32_t> unsettled_counts;  // request counts of unsettled intents
  AccountState account;
  CreateDelay delay;
  bool submitting_paused = false;       // by the operator
  bool unexplained_batches = false;     // the start-up guard holds submitting
  std::optional<Instant> restored_at;   // Queue::restored_at: not all is decided that it may have forgotten
  std::uint64_t learned_max_bytes = 0;  // 0, or: a 413 taught that bodies must be smaller
  Nanodollars spent_today = 0;
  bool refused_last = false;              // the last create was refused and named nobody: others go in between
  std::set<HeaderGroup> refused_headers;  // refused twice or more since one with them was accepted
};

struct NewIntent {
  std::string nonce;
  HeaderGroup headers;
  struct Part {
    RequestRange range;
    std::uint32_t attempts = 0;
    std::uint32_t most_together = 0;
    Instant refused_at{};
  };
  std::vector<Part> parts;  // in wire order
  std::uint32_t requests = 0;
  std::uint64_t bytes = 0;               // of the HTTP body
  std::optional<std::string> watermark;  // the newest batch id the provider listed; nothing: it listed none
  std::optional<Instant> watermark_at;   // its created_at
};

// ---- submit and settle

struct Intent {
  IntentId id;
  std::string nonce;
  IntentState state = IntentState::uploading;
  HeaderGroup headers;
  std::uint32_t requests = 0;
  std::uint64_t bytes = 0;
  std::optional<std::string> watermark;
  std::optional<Instant> watermark_at;
  Instant created_at{};
  std::optional<Instant> committed_at;
  std::optional<Instant> settled_at;  // when its answer was stored, or the verdict
  std::optional<std::string> reason;
  std::optional<Instant> next_action_at;
};

// A run of one job's requests inside an intent: places [first_place, first_place + range.count).
struct Assignment {
  std::uint32_t first_place = 0;
  RequestRange range;
  std::uint32_t attempts = 0;  // counted attempts before this one
  std::uint32_t most_together = 0;
  Instant refused_at{};
};

// Where a job's bytes are.
struct JobBytes {
  JobId job;
  std::string data_name;  // in claimed/
  std::string defaults;
};

// What creates with the same headers were answered that named no request, since one of them was accepted.
struct HeaderRefusals {
  std::string words;                   // of the last one; empty: none
  std::uint32_t halvings = 0;          // refused with these words, and sent again in halves
  std::uint32_t alone = 0;             // refused with them since a request alone was, itself included
  std::optional<Instant> accepted_at;  // kept from the first refusal on
  bool operator==(const HeaderRefusals&) const = default;
};

enum class RefusalKind : std::uint8_t {
  again,         // go again as they are: not sent, throttled, account fault
  halve,         // go again in halves; alone: see alone_is_errored
  aside,         // go again as they are, from `not_before` on or when one with the same headers is accepted
  name_request,  // `place` becomes errored, the others go again
};

struct Refusal {
  RefusalKind kind = RefusalKind::again;
  std::string reason;
  std::uint32_t place = 0;                        // name_request
  bool alone_is_errored = false;                  // halve, and the batch was one request: it becomes errored
  std::string result;                             // what an errored request gets as its result value
  std::uint64_t learned_max_bytes = 0;            // 0, or the size to stay below from now on (413)
  Instant not_before{};                           // aside
  std::optional<HeaderRefusals> header_refusals;  // to be remembered of the headers; accepted_at is not written
  std::string hold_reason;                        // not empty: every job with these headers is held so
};

// ---- poll and results

struct Batch {
  BatchId id;
  std::string provider_id;
  IntentId intent;
  BatchState state = BatchState::in_progress;
  std::uint32_t requests = 0;
  std::uint64_t bytes = 0;
  Instant created_at{};  // the provider's
  Instant expires_at{};
  bool times_are_ours = false;  // the create's answer had none that could be read
  std::optional<Instant> ended_at, archived_at, collected_at;
  std::int64_t processing = 0, succeeded = 0, errored = 0, canceled = 0, expired = 0;  // the provider's counts
  bool proven = false;          // a result line carried our nonce, or the create was answered
  bool twin = false;            // came late, after its intent was taken as not created: only what was paid is used
  bool cancel_wanted = false;   // only canceled jobs are in it
  std::uint32_t downloads = 0;  // begun so far; the raw file of download n is <id>.<n>.jsonl
  std::uint32_t failures = 0;   // collecting attempts that failed in a row
  std::optional<std::string> reason;
  std::optional<Instant> next_action_at;
  std::string nonce;
};

// A batch that every list must show, or something older than it, unless it was deleted.
struct ListedBatch {
  std::string id;
  Instant created_at{};
};

// Lists are read down to the oldest watermark that something is still compared with.
struct AuditFloor {
  std::optional<std::string> id;
  std::optional<Instant> created_at;  // neither: the workspace was empty then
  bool to_the_end = false;            // what is older is wanted, too
  bool copies_only = false;           // no verdict is compared with it: what may be there is a second copy of a create
};

// What was sent by one key and is not settled: nobody else's list may settle it.
struct OldWork {
  std::int64_t unknown_intents = 0;
  std::int64_t open_batches = 0;
  std::int64_t audited_intents = 0;
  std::int64_t requests = 0;  // in the first two
  bool none() const { return unknown_intents + open_batches + audited_intents == 0; }
};

// How the reason begins of a batch that the provider answers 404 for.
inline constexpr std::string_view not_shown = "the provider answers 404 for batch";

// What one poll saw of a batch.
struct BatchSeen {
  BatchId id;
  BatchState state = BatchState::in_progress;
  std::int64_t processing = 0, succeeded = 0, errored = 0, canceled = 0, expired = 0;
  std::optional<Instant> ended_at, archived_at;
};

// What a result line means for its request.
enum class ResultAction : std::uint8_t {
  outcome,        // final
  another,        // another attempt after a backoff
  account_again,  // back to pending, attempt not counted, the workspace pauses
  hold_again,     // canceled, not by us: back to pending, and the job is held
};

// A line whose request is known, but not what became of it.
struct Unreadable {
  std::string why;       // in plain words
  bool is_json = false;  // its bytes are JSON
  bool operator==(const Unreadable&) const = default;
};
inline constexpr const char* unreadable_error_type = "offpeak_unreadable_result";
inline constexpr const char* missing_error_type = "offpeak_result_missing";
inline constexpr const char* doubted_error_type = "offpeak_counts_differ";

struct ResultRow {
  RequestRange request;  // count 1
  ResultAction action = ResultAction::outcome;
  OutcomeType type = OutcomeType::succeeded;
  std::uint64_t offset = 0;  // of the result value in the raw download
  std::uint32_t bytes = 0;
  std::uint32_t checksum = 0;
  std::optional<Unreadable> unreadable;  // then those are of the whole line, and the type is errored
  Nanodollars cost = 0;
  std::string error_type;   // errored
  std::string stop_reason;  // succeeded
  std::string model;        // for counting what the price table does not know; empty where it does
  Usage usage;
};

struct RecordedResults {
  std::uint64_t recorded = 0;  // new to us
  std::uint64_t known = 0;     // recorded before
};

struct CollectRules {
  Duration backoff{};
  Duration max_backoff{};
  double jitter = 0.5;  // in [0, 1)
  // After enough downloads. Empty: requests without a line keep the batch from being collected, and what its lines say
  // that goes again goes again. Else they become errored with this result value, and are not sent again.
  std::string missing_result = {};
  std::string doubted_result = {};
  std::string reason = {};        // kept with the batch: what was odd about it
  bool account_was_well = false;  // some succeeded, and none met an account fault
};

struct Collected {
  bool complete = false;  // every request of the batch has its line; the batch is collected
  std::uint64_t missing = 0;
  std::uint64_t again = 0;    // requests that went back to pending
  std::uint64_t doubted = 0;  // requests that would have, and became errored
  std::vector<JobId> jobs;
};

// ---- reconcile: what only an operator can decide

// A batch at the provider that no intent explains.
struct UnexplainedBatch {
  std::string provider_id;
  std::int64_t requests = 0;
  Instant created_at{};
  std::string state;            // seen (told), open (holds submitting), claiming, claimed, dismissed
  bool cancel_wanted = false;   // and not yet asked of the provider
  std::uint32_t failures = 0;   // of its claim, in a row
  std::uint64_t matched = 0;    // claimed: lines that are a request of ours
  std::uint64_t unmatched = 0;  // claimed: the others
  std::optional<std::string> reason = std::nullopt;
  std::optional<Instant> next_action_at = std::nullopt;
  IntentId copy_of = {};  // the intent whose create it may be another copy of
  Instant seen_at{};      // by our clock

  bool holds_submitting() const { return !copy_of && (state == "open" || state == "claiming"); }
};

// One of several batches that may be an unknown intent's.
struct Candidate {
  std::string provider_id;
  Instant created_at{};
  Instant expires_at{};
  bool ended = false;
  bool cancel_wanted = false;
};

enum class Decided : std::uint8_t { done, no_such_thing, not_in_this_state };

// Requests of one segment of a job's index that have no outcome yet.
struct OpenLines {
  JobBytes job;
  struct Line {
    Seq seq = 0;
    LineEntry entry;
  };
  std::vector<Line> lines;
  std::optional<Seq> next;  // the first of the segment behind it; nothing at the job's end
};

// What the results of an unexplained batch say about the requests that it ran.
struct ClaimedBatch {
  std::string provider_id;
  std::string nonce;                    // of its lines
  std::uint32_t requests = 0;           // in the batch, as the provider counts
  std::vector<Assignment> assignments;  // by place; places that match no request of ours are in none
  std::uint64_t matched = 0;
  std::uint64_t unmatched = 0;
  Instant created_at{};
  Instant expires_at{};
};

// Where a batch went whose results carry the nonce of one of our intents.
enum class BookedAs : std::uint8_t {
  nobodys,      // no intent has this nonce
  adopted,      // of an unknown intent
  twin,         // of an intent that was taken as not created
  duplicate,    // the intent has its batch already: what this one ran was run twice
  in_flight,    // the intent is being sent: its own answer will tell
  unexplained,  // an id of ours, and no intent: it holds submitting until it is claimed or dismissed
};
std::string_view to_text(BookedAs as);
struct Booked {
  BookedAs as = BookedAs::nobodys;
  IntentId intent;
};

// ---- export

// Where an outcome's result value lies.
struct OutcomeRow {
  Seq seq = 0;
  OutcomeType type = OutcomeType::succeeded;
  BatchId batch;  // none for an outcome made by offpeak
  std::uint32_t download = 0;
  std::uint64_t offset = 0;
  std::uint32_t bytes = 0;
  std::uint32_t checksum = 0;
  std::string made_result;               // made by offpeak: the value itself
  std::optional<Unreadable> unreadable;  // what lies there is the provider's whole line
};

// A job whose results are written, as it is to be recorded.
struct FinishedJob {
  JobId id;
  JobState state = JobState::done;
  Instant done_at{};
  std::string changed = "";  // its file changed after it had been taken: a sentence for people
};

struct JobTallies {
  std::map<std::string, std::int64_t> stop_reasons;
  std::map<std::string, std::int64_t> usage;            // input_tokens, output_tokens, ...
  std::map<std::string, std::int64_t> unpriced_models;  // requests by model id
  std::map<std::string, std::int64_t> oddities;         // errored without an error of the provider's, by error type
};

// ---- retention

struct PurgeableJob {
  JobId id;
  std::string data_name;  // of its bytes, in claimed/
};

struct PurgeableBatch {
  BatchId id;
  IntentId intent;
  std::uint32_t downloads = 0;  // raw files <id>.<1 to n>.jsonl
};

// ---- what waits, as the queue knows it; lib/waits puts it into words

// The reasons of jobs that are held because the operator wished so: nothing is asked of anybody.
inline constexpr std::string_view held_by_operator = "held by the operator";
inline constexpr std::string_view held_by_options = "held from the start by its options";

// A batch that is not collected.
struct WaitingBatch {
  BatchId id;
  std::string provider_id;
  BatchState state = BatchState::in_progress;
  bool twin = false;
  std::uint32_t failures = 0;  // collecting attempts that failed in a row
  Instant created_at{};
  Instant expires_at{};
  std::optional<Instant> ended_at = std::nullopt;
  std::optional<std::string> reason = std::nullopt;
  std::optional<Instant> next_action_at = std::nullopt;
  std::int64_t requests = 0;  // of the job that is asked about; else of the batch
};

// A create call whose end is not known yet.
struct WaitingIntent {
  IntentId id;
  IntentState state = IntentState::uploading;
  Instant created_at{};
  std::optional<Instant> committed_at = std::nullopt;
  std::optional<std::string> reason = std::nullopt;
  std::optional<Instant> next_action_at = std::nullopt;
  std::int64_t requests = 0;  // of the job that is asked about; else of the intent
};

// Where an open job's requests are.
struct JobWaits {
  std::int64_t ready = 0;  // pending, and may go now
  std::optional<Instant> ready_since = std::nullopt;
  std::uint32_t most_together = 0;  // of the first that is ready: refused together, it goes in smaller batches

  std::int64_t backing_off = 0;  // pending, and may not go yet
  std::optional<Instant> back_at = std::nullopt;
  std::uint32_t attempts = 0;   // counted attempts so far, of the first of them
  std::string error_type = "";  // of the last one, where it ended in an error
  bool more = false;            // there are more runs than were read: the counts are of the first ones

  std::vector<WaitingIntent> intents = {};  // oldest first
  std::vector<WaitingBatch> batches = {};   // oldest first
};

// What happened, is over, and is still to be known: by kind, how often, and the last one in words.
struct Noted {
  std::int64_t count = 0;
  Instant last_at{};
  std::string what;
};

// ---- control

struct Status {
  RequestCounts counts;  // over all jobs
  std::int64_t jobs_open = 0;
  std::int64_t open_batches = 0;
  std::int64_t unknown_intents = 0;
  std::int64_t intakes = 0;
  AccountState account;
  CreateDelay delay;
  bool submitting_paused = false;
  bool intake_paused = false;
  std::vector<UnexplainedBatch> unexplained;  // open and claiming
  std::int64_t strangers_seen = 0;            // told, and nobody has decided about them
  std::vector<UnexplainedBatch> strangers;    // the latest of them
  std::int64_t rejected_unseen = 0;
  std::optional<RejectedFile> rejected_newest;  // of those that nobody has looked at, with its first error
  std::vector<Job> held;                        // the first 20 of those that wait for a human
  std::int64_t held_by_operator = 0;            // held because the operator wished so
  std::optional<Instant> submitting_paused_since;
  std::optional<Instant> intake_paused_since;
  std::vector<WaitingIntent> unsettled;  // unknown creates, the first 20
  std::vector<WaitingBatch> troubled;    // not collected, with a reason, or a late twin; the first 20
  std::int64_t duplicate_batches = 0;    // that ran what another batch ran too
  std::map<std::string, Noted> noted;    // by kind
  Nanodollars spent_today = 0;
  std::int64_t unpriced_today = 0;  // requests whose model has no price: spent_today does not count them
};

// Proves that inputs = outcomes: every accepted request in exactly one place, and every sum equal to what it sums up.
inline constexpr std::size_t audit_problems_max = 100;  // listed; all are counted

struct AuditReport {
  std::int64_t jobs = 0;
  std::int64_t requests = 0;  // accepted
  std::int64_t outcomes = 0;  // of them, found as rows
  std::int64_t waiting = 0;   // pending, assigned or submitted, found as rows
  std::int64_t intents = 0;
  std::int64_t batches = 0;
  // False where a job went on while it was read, slice by slice: its kinds of outcomes were then not compared one by
  // one, everything else was.
  bool at_rest = true;
  std::int64_t problem_count = 0;
  std::vector<std::string> problems;  // the first audit_problems_max, in plain words

  bool ok() const { return problem_count == 0; }
  void add_problem(std::string problem);
};

// Where an audit stands between two slices.
struct AuditProgress {
  std::optional<JobId> only;  // one job; none: everything
  AuditReport report;

  enum class Part : std::uint8_t { next_job, requests, sums, intents, orphans, totals, finished };
  Part part = Part::next_job;
  JobId job;                 // being read
  Seq next = 0;              // its next request
  IntentId intent;           // the last one that was read
  std::int64_t totals = -1;  // the last part of job_total that was read
  bool damaged = false;      // a row of this job could not be read: its sums say nothing
  std::uint64_t moves = 0;
  RequestCounts found;  // outcomes of this job, as rows say
};

struct ListOptions {
  std::uint32_t limit = 100;
  std::int64_t after = 0;  // ids greater than this
  std::string state;       // empty: all
};

}  // namespace offpeak
