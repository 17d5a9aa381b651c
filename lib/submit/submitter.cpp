#include "submit/submitter.hpp"

#include "base/crash_point.hpp"
#include "submit/create_record.hpp"

namespace offpeak {

// Makes `committing` durable. Where the database refuses, the last byte stays here and nothing was created.
class Submitter::Commit final : public CreateCommit {
 public:
  Commit(Submitter& submitter, IntentId id)
      : submitter_(submitter), id_(id), generation_(submitter.provider_.generation()) {}

  // Model: T4.
  Task<Result<void>> commit(std::uint64_t generation) override {
    if (generation != generation_) {
      co_return make_error(ErrorKind::refused, "the key or base_url was replaced while it was being sent");
    }
    crash_point("before_committing");
    std::string refused;
    try {
      const bool marked = co_await submitter_.database_.write(
          [id = id_, now = submitter_.clock_.now()](Queue& queue) { return queue.mark_committing(id, now); });
      if (!marked) refused = "a batch that came late may be running some of these requests";
    } catch (const QueueDiskFull& error) {
      refused = error.what();
    }
    if (!refused.empty()) co_return make_error(ErrorKind::refused, std::move(refused));
    submitter_.committing_ = true;
    crash_point("after_committing");
    co_return Result<void>();
  }

 private:
  Submitter& submitter_;
  IntentId id_;
  std::uint64_t generation_;  // under which the body is sent
};

Task<> Submitter::run() {
  co_await conclude_interrupted();
  for (;;) {
    auto intent = co_await database_.read([](const Queue& queue) { return queue.uploading_intent(); });
    if (!intent) {
      co_await bell_.wait_for(longest_idle_wait);
      continue;
    }
    co_await submit(std::move(*intent));
  }
}

// An upload that a failure of our own broke off in this process. Its nonce is spent, whatever the provider saw.
// Model: T11.
Task<> Submitter::conclude_interrupted() {
  if (!begun_) co_return;
  const auto id = begun_;
  const auto now = clock_.now();
  co_await database_.write([id, now](Queue& queue) {
    const auto intent = queue.intent(id);
    if (!intent) return;
    if (intent->state == IntentState::uploading) {
      Refusal refusal;
      refusal.reason = "the upload was broken off before the last byte left: proven not created";
      queue.record_refused(id, refusal, now);
    } else if (intent->state == IntentState::committing) {
      queue.mark_unknown(id, "the submission was broken off after the last byte may have left", now);
    }
  });
  begun_ = IntentId();
  committing_ = false;
}

// Model: T3.
Task<> Submitter::submit(Intent intent) {
  const auto id = intent.id;
  begun_ = id;
  auto assignments = co_await database_.read([id](const Queue& queue) { return queue.assignments(id); });
  IntentBody body(intent, std::move(assignments), database_, files_, file_worker_, config_.paths.claimed());
  crash_point("intent_written");
  const auto answer = co_await send(intent, body);
  crash_point("after_answer");
  auto verdict = verdict_on_create(answer);
  // A block is read ahead: what was wrong with one that nobody came to is not why this call ended.
  std::optional<JobId> damaged_job;
  if (answer.source_failed) damaged_job = body.damaged_job();
  co_await conclude(std::move(intent), std::move(verdict), damaged_job);
  begun_ = IntentId();
  committing_ = false;
  crash_point("after_recorded");
}

// Model: T3.
Task<CreateAnswer> Submitter::send(const Intent& intent, IntentBody& body) {
  Commit commit(*this, intent.id);
  co_return co_await provider_.create(intent.headers, body, commit);
}

Task<> Submitter::conclude(Intent intent, CreateVerdict verdict, std::optional<JobId> damaged_job) {
  const auto id = intent.id;
  auto situation = co_await database_.read([id, headers = intent.headers, now = clock_.now()](const Queue& queue) {
    SubmitSituation at;
    at.account_tries = queue.account().tries;
    at.delay_tries = queue.create_delay().tries;
    at.refusals = queue.header_refusals(headers);
    at.others_wait = queue.waits_with(headers, now);
    const auto assignments = queue.assignments(id);
    if (assignments.size() == 1) at.refused_before = assignments.front().refused_at;
    return at;
  });
  situation.requests = intent.requests;
  situation.bytes = intent.bytes;
  situation.now = clock_.now();
  situation.jitter = random_.unit();
  auto consequence = consequence_of(verdict, situation, config_.retry);
  co_await record(intent, verdict, consequence, damaged_job);
  report(intent, verdict, consequence);
}

// A full disk is waited out: what we know must not be forgotten while we live.
Task<> Submitter::record(Intent intent, CreateVerdict verdict, Consequence consequence,
                         std::optional<JobId> damaged_job) {
  for (;;) {
    bool stored = true;
    try {
      co_await database_.write([=, now = clock_.now()](Queue& queue) {
        record_create(queue, intent, verdict, consequence, damaged_job, now);
      });
    } catch (const QueueDiskFull&) {
      stored = false;
    }
    if (stored) break;
    if (!disk_full_since_) disk_full_since_ = clock_.now();
    full_.lasts("submit", "", {{"what", "the outcome of a create call waits to be stored"}, {"intent", intent.id}});
    co_await sleep_for(clock_, std::chrono::seconds(1));
  }
  disk_full_since_.reset();
  full_.ended("submit");
}

void Submitter::report(const Intent& intent, const CreateVerdict& verdict, const Consequence& consequence) {
  switch (consequence.end) {
    case IntentEnd::created:
      log_.info("batch.created", {{"intent", intent.id}, {"batch", verdict.batch->id}, {"requests", intent.requests}});
      if (counts_differ(intent, *verdict.batch)) {
        log_.error("batch.counts_differ", {{"batch", verdict.batch->id},
                                           {"sent", intent.requests},
                                           {"counted", verdict.batch->counts.total()},
                                           {"act", "compare with the provider's console; nothing is sent again"}});
      }
      return;
    case IntentEnd::refused:
      log_.warning("create.refused", {{"intent", intent.id}, {"reason", consequence.reason}});
      if (!consequence.refusal.hold_reason.empty()) {
        log_.error("jobs.held", {{"version", intent.headers.version},
                                 {"betas", join_betas(intent.headers.betas)},
                                 {"reason", consequence.refusal.hold_reason},
                                 {"act", "mend the headers; then `offpeak release` the jobs"}});
      }
      if (consequence.account) {
        log_.error("account.paused", {{"reason", consequence.account->reason},
                                      {"next_try_at", to_rfc3339(consequence.account->next_try_at)},
                                      {"act", "settle the account; offpeak tries again by itself"}});
      }
      return;
    case IntentEnd::unknown:
      log_.warning("create.unknown", {{"intent", intent.id}, {"reason", consequence.reason}});
      return;
  }
}

}  // namespace offpeak
