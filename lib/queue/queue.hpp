// Purpose   all the SQL: the durable index of jobs, intents, batches and outcomes
// Gets      verbs, in the order in which the stages use them
// Gives     plain values (rows.hpp)
// Promises  one function, one transaction (Database::write): all of it is durable (WAL, synchronous=FULL) when its
//           caller goes on, or nothing of it happened; counters always balance; only one process owns the database
// When it fails  QueueError: nothing of the function happened; whoever depended on it must not act. QueueDiskFull:
//           the same, and it may be tried again when there is space. QueueInUse: another daemon owns the file.
//
// Runs on the database worker, through Database. Verbs that are const read; the others are for functions that write,
// and hold no transaction of their own. Bytes of requests and results are never in here: see LineEntry and
// OutcomeRow for where they lie.
#pragma once

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/worker.hpp"
#include "model/provider_identity.hpp"
#include "queue/bells.hpp"
#include "queue/kept_status.hpp"
#include "queue/rows.hpp"
#include "queue/strangers.hpp"

namespace offpeak {

class QueueError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};
// What is stored is not what was written: nothing may be decided on it. The daemon stops; a human restores a backup.
class QueueDamaged : public QueueError {
 public:
  using QueueError::QueueError;
};
class QueueDiskFull : public QueueError {
 public:
  using QueueError::QueueError;
};
class QueueInUse : public QueueError {
 public:
  using QueueError::QueueError;
};

class Snapshot;
class Sql;          // the connection and its prepared statements; lib/queue only
class Transaction;  // lib/queue only

class Queue {
 public:
  // Opens or creates the database, takes it exclusively, refuses it where it is damaged (QueueDamaged) and runs the
  // migrations it lacks. Without the check, damage shows where it is read.
  enum class OpeningCheck : std::uint8_t { all, none };
  explicit Queue(const std::string& path, OpeningCheck check = OpeningCheck::all);
  ~Queue();
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;

  // Runs `function`, which gets this queue, as one transaction. Where it throws, nothing of it happened. Not within
  // another one.
  template <class Function>
  std::invoke_result_t<Function&, Queue&> write(Function&& function) {
    Writing writing(*this);
    if constexpr (std::is_void_v<std::invoke_result_t<Function&, Queue&>>) {
      function(*this);
      writing.commit();
    } else {
      auto result = function(*this);
      writing.commit();
      return result;
    }
  }

  // Makes what a crash left consistent: `uploading` intents were not created, `committing` ones are unknown.
  void recover(Instant now);

  // ---- ingest
  KnownClaims known_claims() const;
  // These ids are taken, whatever the state says, and so is every one below the highest that was ever given. Where the
  // state gave none so high, or files are there that it does not know, it was put back to an earlier time: recovered
  // jobs are held, and nothing is sent, until end_restore.
  void skip_job_ids(const std::set<JobId>& taken, bool unknown_files, Instant now);
  // An id that was given before and never became a job's comes first: numbers of jobs are not used up by what is none.
  JobId announce_intake(IntakeSource source, const std::string& name, const IntakeOverrides& overrides, Instant now);
  // Of files that are claimed together: one of the folder for each name, and later all of them in claimed/.
  std::vector<JobId> announce_intakes(const std::vector<std::string>& names, Instant now);
  void intakes_in_claimed(const std::vector<JobId>& ids);
  void intake_in_claimed(JobId id) { intakes_in_claimed({id}); }  // claiming -> checking
  std::vector<Intake> intakes() const;                            // claiming and checking, oldest first
  std::optional<Intake> intake(JobId id) const;
  // The index and the outcomes of skipped lines grow while the file is checked; they count once the job is accepted.
  // Segment numbers are consecutive from 0.
  void add_segments(JobId id, std::uint32_t first_number, const std::vector<std::string>& segments);
  void add_made_outcomes(JobId id, const std::vector<MadeOutcome>& outcomes);
  // The job that already has this content, if any.
  std::optional<JobId> job_with_digest(const Digest128& digest) const;
  // Queues the jobs (id, requests, and what they were accepted with; counts are made here) in the order given and ends
  // their intakes. With `again` false the same content is refused as a duplicate, also of one before it in the same
  // call: of that one nothing is stored and its intake stays.
  std::vector<Accepted> accept_jobs(const std::vector<const NewJob*>& jobs, Instant now);
  Accepted accept_job(const Job& job, bool again, bool hold, Instant now);
  // The file of the folder is about to move to rejected/: where a crash comes between that and reject_file, the
  // document tells what became of it.
  void note_rejection(JobId id, const std::string& document);
  // Ends the intake and gives its id back: nothing of it may be left in claimed/ or in the index. With what is to be
  // said of it; nothing, where there is no file to speak of.
  void reject_file(JobId id, const std::optional<RejectedFile>& record);
  // Ends it, and nobody gets its id again: something may still be there that has it.
  void retire_intake(JobId id);
  // A socket's: its document waits until forget_intake, which gives its id back.
  void reject_intake(JobId id, const std::string& document);
  void forget_intake(JobId id);
  // Its writer went on after the file had been taken: said in the job, and a record until somebody looks.
  void note_file_changed(JobId id, const std::string& what, Instant now);
  // What nobody has looked at, oldest first.
  std::vector<RejectedFile> unseen_rejected(std::uint32_t most) const;
  // Removes what add_segments and add_made_outcomes left, a slice a call; true when nothing is left.
  bool discard_index(JobId id);

  // ---- pack
  PackView pack_view(Instant now, std::uint32_t most_ranges_a_job) const;
  // Of one request; cheap for neighbours.
  std::uint32_t sent_params_bytes(JobId job, Seq seq) const;
  IntentId create_intent(const NewIntent& intent, Instant now);

  // ---- submit
  std::optional<Intent> uploading_intent() const;
  std::optional<Intent> intent(IntentId id) const;
  std::vector<Assignment> assignments(IntentId id) const;
  JobBytes job_bytes(JobId id) const;
  std::vector<LineEntry> lines(JobId job, Seq first, std::uint32_t count) const;  // fewer at the end of the job
  // False, and nothing happened: a late twin has answered one of its requests, or may be running it: it must not be
  // sent.
  bool mark_committing(IntentId id, Instant now);
  BatchId record_created(IntentId id, const Batch& batch, bool proven, Instant now);
  // The answer to this create names the batch. That proves it, unless another intent has it by its count alone: then it
  // is taken from that one, and its results have the last word. False, and nothing happened, where it is proven to be
  // another's.
  bool record_answered(IntentId id, const Batch& answered, Instant now);
  void record_refused(IntentId id, const Refusal& refusal, Instant now);
  void mark_unknown(IntentId id, const std::string& reason, Instant now);
  void pause_account(const std::string& reason, Instant next_try_at, int tries, Instant now);
  void resume_account();
  AccountState account() const;
  void delay_creates(const CreateDelay& delay, Instant now);
  void end_create_delay();
  CreateDelay create_delay() const;
  HeaderRefusals header_refusals(const HeaderGroup& headers) const;
  bool waits_with(const HeaderGroup& headers, Instant now) const;  // requests that may go now

  // ---- what the provider's list shows, whoever read it
  // Compares it with what is known and records what is not ours: a late twin is adopted, a second copy will be proven
  // by its results, a stranger is remembered, so each is told once. Returns what is new, but for what may be an
  // unsettled intent's. `start`: by the start-up guard, whose strangers hold submitting. Until it has seen its list
  // since recover(), nothing is recorded: a state that was put back must not take for seen what it has
  // forgotten.
  enum class ListLook : std::uint8_t { start, running };
  std::vector<Stranger> see_list(const std::vector<ProviderBatch>& listed, const ListMoment& moment, ListLook look);
  // Since when it is known that the state was put back to an earlier time: found out, or started after that.
  std::optional<Instant> restored_at() const;
  // Is all of it settled that may be of work which such a state has forgotten? No create is unsettled, no batch
  // unproven, none unexplained.
  bool is_restore_decided() const;
  // Right after a list was compared that was asked for while all was settled, and settle_unknown after the start, so it
  // shows whatever was sent before: true where all is settled still. Submitting and the jobs that were recovered go on.
  bool end_restore();
  // The intents that may have made a batch which is none of ours.
  std::vector<MayExplain> may_explain(const std::vector<ProviderBatch>& strange, Instant now) const;
  // How far down lists must be read so that no late twin, and no second copy, is missed; nothing: there is none to look
  // for.
  std::optional<AuditFloor> audit_floor(Instant now) const;
  // What every list of this workspace must show, down to what was made at `from`, unless it was deleted: batches of
  // ours made no later than `before`, and of strangers what a list has shown. The newest first, `most` at most.
  std::vector<ListedBatch> must_be_listed(Instant from, Instant before, std::uint32_t most) const;
  // How far down the first list after a start must be read: to the newest batch that is known, and to the watermarks of
  // the last day's creates, of which there may be a twin or a second copy.
  AuditFloor start_floor(Instant now) const;

  // ---- settle
  std::vector<Intent> unknown_intents() const;
  void note_intent(IntentId id, const std::string& reason, Instant next_action_at);
  // Provider ids that are not to be taken for this intent's batch: ours, those whose results disproved it, and those
  // that an operator has decided about.
  std::set<std::string> known_ids(IntentId candidate_of) const;
  // Provider ids of batches that other intents have by their count alone, but for those that are known not to be of
  // this one.
  std::set<std::string> taken_by_count(IntentId except) const;
  void exclude_candidate(IntentId id, const std::string& provider_id);
  void record_not_created(IntentId id, Instant now);
  // The adopted batch's results carry none of our nonces: its intent is unknown again, this id excluded.
  void disprove_batch(BatchId id, Instant now);
  // The same, where all its lines carry one other nonce: where an intent of ours has it, that one gets the batch. Where
  // none has, and nobody else makes batches here (`exclusive`), a state that was put back has forgotten the intent.
  Booked rebook_batch(BatchId id, const std::string& nonce, bool exclusive, Instant now);
  // A candidate has shown its nonce: it is not `candidate_of`'s; the intent that has the nonce gets it.
  Booked book_candidate(IntentId candidate_of, const std::string& nonce, const Batch& batch, bool exclusive,
                        Instant now);

  // ---- late-arrival audit
  // The batch of an intent that was taken as not created: its requests wait until it is collected, what it paid for is
  // used, and it sends nothing again. `cancel`: it is to be canceled at once.
  BatchId adopt_twin(IntentId id, const Batch& twin, bool cancel, Instant now);

  // ---- start-up guard
  bool is_new() const;                             // no batch was ever known here
  std::optional<Instant> newest_known_at() const;  // created_at of the newest batch that we know, or took as known
  // Of a state that has never seen a list: since when what is listed may be its work all the same, because it was put
  // back and has forgotten it. Nothing: it has no jobs, or the operator has said that batches of ours were deleted.
  std::optional<Instant> work_since() const;
  // The newest listed batches that are not of our work as the provider shows them, or none.
  void take_as_known(const std::vector<ProviderBatch>& newest, const ListMoment& moment);

  // ---- whose list it is
  // Random bytes of this state, made once; keys are only ever compared as hashes under it.
  std::string key_salt(const std::string& fresh);
  // Whose batches these are; nothing: nothing was sent by anybody.
  std::optional<ProviderIdentity> sender() const;
  // From now on everything is sent so.
  void become_sender(const ProviderIdentity& identity);
  // Another workspace from now on: batches of the one before prove nothing of it. Where this state was put back, jobs
  // that it had forgotten stay held until the operator releases them.
  void begin_workspace();
  // A batch that another key can show whether it sees the same workspace; the newest.
  std::optional<std::string> batch_to_prove_by() const;
  // What would be settled by somebody else's list: unknown creates, open batches, verdicts that are still audited.
  OldWork old_work(Instant now) const;
  // The operator gives it up: its requests become errored, offpeak_results_lost, and are never sent again by
  // themselves. Bounded work a call; true where there is more.
  bool give_up_old_work(Instant now);
  // The operator says that batches of ours were deleted: the next first list is taken as known, as by a new state.
  void forget_newest_known();

  // ---- reconcile: what an operator decides; every verb may come twice
  std::vector<UnexplainedBatch> unexplained() const;                  // open and claiming
  std::vector<UnexplainedBatch> strangers(std::uint32_t most) const;  // seen and not decided about, the latest first
  std::optional<UnexplainedBatch> unexplained(const std::string& provider_id) const;  // in any state
  Decided dismiss_unexplained(const std::string& provider_id);
  // Its results are to be used; `cancel`: once it has been canceled at the provider.
  Decided claim_unexplained(const std::string& provider_id, bool cancel);
  void cancel_of_unexplained_requested(const std::string& provider_id);
  void note_claim(const std::string& provider_id, const std::string& reason, Instant next_action_at, bool failed);
  // The claim cannot be carried out: open again, and a human must decide otherwise.
  void give_up_claim(const std::string& provider_id, const std::string& reason);
  // Nothing that waits here was run by it.
  void end_claim(const std::string& provider_id, std::uint64_t unmatched, const std::string& reason, Instant now);
  // Its requests wait until its results are recorded; what it paid for is used, and it sends nothing again. Where an
  // intent has its nonce, that one knows what it carries. Nobody's, and nothing happened: no intent has it, and there
  // are no assignments; or the operator has decided otherwise meanwhile.
  Booked record_claim(const ClaimedBatch& claimed, Instant now);
  std::vector<JobId> jobs_with_open_requests() const;  // in the order in which they are packed
  OpenLines open_lines(JobId job, Seq first) const;    // of the segment of `first`
  void record_candidates(IntentId id, const std::vector<Candidate>& candidates);  // in the place of all before
  std::vector<Candidate> candidates(IntentId id) const;
  Decided adopt_candidate(IntentId id, const std::string& provider_id, Instant now);
  Decided cancel_candidate(IntentId id, const std::string& provider_id);
  std::vector<std::string> candidates_to_cancel() const;
  void cancel_of_candidate_requested(const std::string& provider_id);
  // The operator takes it as not created; the audit of the next 26 hours goes on all the same.
  Decided dismiss_intent(IntentId id, Instant now);

  // Batches of ours that the provider does not know, or not any more: only an operator can end them.
  std::vector<Batch> batches_not_shown() const;

  // ---- poll
  std::vector<Batch> open_batches() const;  // in_progress and canceling, oldest first
  void record_poll(const std::vector<BatchSeen>& seen, Instant now);
  void note_batch(BatchId id, const std::string& reason, std::optional<Instant> next_action_at);
  std::vector<Batch> batches_to_cancel() const;
  void cancel_requested(BatchId id);

  // ---- results
  // A time further ahead than `longest_wait` tells of a clock that was set back: it is taken as come.
  std::optional<Batch> next_to_collect(Instant now, Duration longest_wait) const;
  std::optional<Instant> next_collect_at() const;
  std::uint32_t begin_download(BatchId id);  // the number of this download
  RecordedResults record_results(BatchId id, std::uint32_t download, const std::vector<ResultRow>& rows, Instant now);
  // When all lines of a download are recorded: complete, or missing lines.
  Collected collect(BatchId id, const CollectRules& rules, Instant now);
  void collect_failed(BatchId id, const std::string& reason, Instant next_action_at);
  // The results are gone: every request without a line becomes errored with `result`; and with `doubted_result` what
  // would go again, where the provider counted successes of which no line was seen.
  Collected results_lost(BatchId id, const std::string& result, const std::string& doubted_result, Instant now);
  // The rows of this batch say that the account is at fault: how many batches in a row did. Counts a batch once.
  int count_account_fault(BatchId id);
  // Of requests in this range: the account faults that their lines told so far, of those with one in a batch of which
  // others succeeded.
  std::map<Seq, std::uint32_t> account_tries(RequestRange range) const;
  void prove_batch(BatchId id);

  // ---- export
  std::vector<Job> jobs_to_export() const;  // every request has its outcome, no results yet; the first 100
  std::vector<OutcomeRow> outcomes(JobId job, Seq first, std::uint32_t count) const;  // in input order, those there are
  JobTallies tallies(JobId job) const;
  std::vector<Batch> batches_of(JobId job) const;
  std::optional<TakenFile> taken_file(JobId id) const;  // none of jobs of an older version
  void finish_job(JobId id, JobState state, Instant now);
  // The same for some; of those that may not finish so any more nothing happens. One answer each: was it finished?
  std::vector<bool> finish_jobs(const std::vector<FinishedJob>& jobs);

  // ---- retention: what finished before `done_before` leaves; results folders are the user's and stay
  // The next job that nothing asks about any more: no unsettled intent, no open batch, no audit.
  std::optional<PurgeableJob> next_to_purge(Instant done_before, Instant now) const;
  // Its row; what it had elsewhere goes with purge_rows and purge_batches. Its content stays known as run.
  void purge_job(JobId id, Instant now);
  bool purge_rows(std::uint32_t most_rows);  // of purged jobs; true where there may be more
  // Collected, and every job that was in them is purged.
  std::vector<PurgeableBatch> batches_to_purge(Instant now) const;
  bool purge_batches(const std::vector<PurgeableBatch>& batches, Instant now);  // true where there may be more
  bool purge_rejected(Instant before, std::uint32_t most_rows);                 // true where there may be more
  // Cuts free pages off the end of the file where they are many; true where there are more.
  bool give_space_back(std::uint32_t most_pages);

  // ---- control
  Status status(Instant now) const;
  // What a job waits for: a few rows of it, however long it is.
  JobWaits job_waits(JobId id, Instant now) const;
  // Something that is over and that people should know: counted by `kind`, the last one kept in words.
  void note(std::string_view kind, const std::string& what, Instant now);
  // Rows written since it was opened: where it is what it was, nothing has changed.
  std::uint64_t changes() const;
  // The stages that everything concerns which was committed since the last call.
  StageSet take_concerned();
  std::vector<Job> jobs(const ListOptions& options) const;
  std::optional<Job> job(JobId id) const;
  // Newest first; ListOptions::after: ids below it. `file`: of that name in incoming/ or rejected/; empty: all.
  std::vector<RejectedFile> rejected(const ListOptions& options, const std::string& file) const;
  // Somebody has looked at it. Nothing where there is none.
  std::optional<RejectedFile> see_rejected(RejectedId id);
  std::vector<Batch> batches(const ListOptions& options) const;
  std::optional<Batch> batch(BatchId id) const;
  std::optional<Batch> batch(const std::string& provider_id) const;
  enum class Change : std::uint8_t { done, no_such_job, not_in_this_state };
  Change cancel_job(JobId id, Instant now);
  Change hold_job(JobId id, const std::string& reason);
  Change release_job(JobId id);
  void pause(bool intake, bool submitting, bool paused, Instant now);
  bool intake_paused() const;

  // ---- audit
  // A slice a call, short enough for a status call to wait; false when all is read. Changes nothing. A damaged row is a
  // problem of the report; QueueError only where the database itself cannot be read.
  bool audit_slice(AuditProgress& progress) const;
  // All slices in a row: of a job, or of everything.
  AuditReport audit(std::optional<JobId> only) const;

  // ---- backup
  // Copies the database to a new file, a slice a call, while everything goes on: what is written meanwhile is in the
  // copy too. One at a time; false: one is under way.
  bool begin_snapshot(const std::string& path) const;
  // True once all is copied and the file is closed; check_snapshot (queue/snapshot.hpp) then looks at it.
  bool copy_snapshot() const;

 private:
  class Writing {
   public:
    explicit Writing(Queue& queue);
    ~Writing();
    Writing(const Writing&) = delete;
    Writing& operator=(const Writing&) = delete;
    void commit();

   private:
    std::unique_ptr<Transaction> transaction_;
  };

  void record_stranger(const Stranger& stranger, const ListMoment& moment, ListLook look);

  std::unique_ptr<Sql> sql_;
  mutable std::unique_ptr<Snapshot> snapshot_;  // under way; dies before the connection it reads
};

// The queue on its worker: co_await database.read([](const Queue& queue) { return queue.jobs({}); });
// Nothing else may change what the queue holds while there are askers of status().
class Database {
 public:
  // Without bells nobody is rung: for those who look by themselves.
  Database(Queue& queue, Worker& worker, const Clock& clock, Bells* bells = nullptr)
      : queue_(queue), worker_(worker), bells_(bells), kept_status_(clock) {}

  // Nothing is written between the reads of one function.
  template <class Function>
  Task<std::invoke_result_t<Function, const Queue&>> read(Function function) {
    return worker_.run(Reading<Function>(*this, std::move(function)));
  }

  // One function, one transaction. Once it is committed, the stages that it concerns are rung, before its caller goes
  // on. Where the disk is full it throws QueueDiskFull. Then nothing was written, and the caller may try again.
  template <class Function>
  Task<std::invoke_result_t<Function, Queue&>> write(Function function) {
    return worker_.run(Writing<Function>(*this, std::move(function)));
  }

  // For showing: every write that was awaited is in it. At once, mostly, although the worker is busy. What is decided
  // on it belongs into one function with the decision.
  Task<Status> status(Instant now);

 private:
  template <class Function>
  struct Reading {
    Reading(Database& d, Function f) : database(&d), function(std::move(f)) {}
    auto operator()() {
      database->kept_status_.before_function(database->queue_);
      return function(std::as_const(database->queue_));
    }
    Database* database;
    Function function;
  };
  template <class Function>
  struct Writing {
    Writing(Database& d, Function f) : database(&d), function(std::move(f)) {}
    auto operator()() {
      database->kept_status_.before_function(database->queue_);
      const Ringing ringing(*database);
      const KeptStatus::Write write(database->kept_status_, database->queue_);
      return database->queue_.write(function);
    }
    Database* database;
    Function function;
  };
  // Rings at the end of one function, whatever the end is.
  class Ringing {
   public:
    explicit Ringing(Database& database) : database_(database) {}
    ~Ringing();
    Ringing(const Ringing&) = delete;
    Ringing& operator=(const Ringing&) = delete;

   private:
    Database& database_;
  };

  Queue& queue_;
  Worker& worker_;
  Bells* bells_;
  KeptStatus kept_status_;
};

}  // namespace offpeak
