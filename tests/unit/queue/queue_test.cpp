#include "queue/queue.hpp"

#include <gtest/gtest.h>

#include <filesystem>

namespace offpeak {
namespace {

namespace fs = std::filesystem;

const Instant now = from_millis(1'800'000'000'000);

class QueueTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "offpeak-queue-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    open();
  }
  void TearDown() override {
    queue_.reset();
    fs::remove_all(folder_);
  }
  void open() {
    queue_.reset();
    queue_ = std::make_unique<Queue>(path());
  }
  std::string path() const { return folder_ + "/offpeak.db"; }

  JobId add_job(std::uint32_t requests, std::vector<MadeOutcome> made = {}, unsigned char digest = 1) {
    const auto id = queue_->announce_intake(IntakeSource::folder, "a.jsonl", {}, now);
    queue_->intake_in_claimed(id);
    std::vector<std::string> segments;
    for (std::uint32_t first = 0; first < requests; first += segment_entries) {
      std::vector<LineEntry> entries(std::min(requests - first, segment_entries));
      std::uint64_t offset = std::uint64_t{first} * 100;
      for (auto& entry : entries) {
        entry.offset = offset;
        entry.bytes = 99;
        entry.params_bytes = entry.sent_params_bytes = 50;
        offset += 100;
      }
      segments.push_back(encode_segment(entries));
    }
    queue_->add_segments(id, 0, segments);
    queue_->add_made_outcomes(id, made);
    Job job;
    job.id = id;
    job.name = "a";
    job.file = "a.jsonl";
    job.requests = requests;
    job.headers = {"2023-06-01", {}};
    job.digest.bytes[0] = digest;
    job.data_name = std::to_string(id.value);
    const auto accepted = queue_->accept_job(job, false, false, now);
    return accepted.duplicate_of ? JobId() : id;
  }

  IntentId assign(JobId job, Seq first, std::uint32_t count) {
    NewIntent intent;
    intent.nonce = "nonce" + std::to_string(++nonces_);
    intent.headers = {"2023-06-01", {}};
    intent.parts = {{{job, first, count}, 0, 0, {}}};
    intent.requests = count;
    intent.bytes = count * 100;
    return queue_->create_intent(intent, now);
  }

  BatchId submitted(IntentId id, const std::string& provider_id = "msgbatch_1") {
    queue_->mark_committing(id, now);
    Batch batch;
    batch.provider_id = provider_id;
    batch.created_at = now;
    return queue_->record_created(id, batch, true, now);
  }

  void end(BatchId id) {
    BatchSeen seen;
    seen.id = id;
    seen.state = BatchState::ended;
    queue_->record_poll({seen}, now);
  }

  static ResultRow row(JobId job, Seq seq, ResultAction action = ResultAction::outcome,
                       OutcomeType type = OutcomeType::succeeded) {
    ResultRow row;
    row.request = {job, seq, 1};
    row.action = action;
    row.type = type;
    return row;
  }

  RequestCounts counts(JobId id) { return queue_->job(id)->counts; }
  std::size_t pending_runs() {
    std::size_t runs = 0;
    for (const auto& job : queue_->pack_view(now + std::chrono::days(30), 1000).jobs) runs += job.pending.size();
    return runs;
  }

  std::string folder_;
  std::unique_ptr<Queue> queue_;
  int nonces_ = 0;
};

// Files that are accepted together, the second of them with the content of the first.
TEST_F(QueueTest, OfAGroupEveryJobGetsItsOwnAnswerAndADuplicateLeavesNothing) {
  const auto ids = queue_->announce_intakes({"a.jsonl", "b.jsonl", "c.jsonl"}, now);
  ASSERT_EQ(ids.size(), 3u);
  queue_->intakes_in_claimed(ids);
  std::vector<NewJob> wanted(3);
  std::vector<const NewJob*> jobs;
  for (std::size_t i = 0; i < 3; ++i) {
    std::vector<LineEntry> entries(2);
    entries[1].offset = 100;
    wanted[i].segments = {encode_segment(entries)};
    wanted[i].made = {{0, 1, OutcomeType::errored, "{}"}};
    wanted[i].hold = i == 2;
    auto& job = wanted[i].job;
    job.id = ids[i];
    job.requests = 2;
    job.headers = {"2023-06-01", {}};
    job.digest.bytes[0] = i == 2 ? 2 : 1;
    job.data_name = std::to_string(ids[i].value);
    jobs.push_back(&wanted[i]);
  }
  const auto accepted = queue_->accept_jobs(jobs, now);
  ASSERT_EQ(accepted.size(), 3u);
  EXPECT_FALSE(accepted[0].duplicate_of);
  EXPECT_EQ(accepted[1].duplicate_of, ids[0]);
  EXPECT_FALSE(accepted[2].duplicate_of);
  open();
  EXPECT_EQ(queue_->job(ids[0])->counts[RequestState::pending], 1);
  EXPECT_EQ(queue_->job(ids[0])->counts[RequestState::errored], 1);
  EXPECT_EQ(queue_->job(ids[2])->state, JobState::held);
  EXPECT_EQ(queue_->lines(ids[2], 0, 10).size(), 2u);
  EXPECT_FALSE(queue_->job(ids[1]));
  EXPECT_TRUE(queue_->lines(ids[1], 0, 10).empty());
  EXPECT_TRUE(queue_->outcomes(ids[1], 0, 10).empty());
  ASSERT_EQ(queue_->intakes().size(), 1u) << "it is still to be rejected";
  EXPECT_EQ(queue_->intakes()[0].id, ids[1]);
}

TEST_F(QueueTest, OfAGroupThatIsFinishedAJobThatMayNotIsLeftAsItIs) {
  const auto first = add_job(1, {{0, 1, OutcomeType::errored, "{}"}}, 1);
  const auto second = add_job(1, {{0, 1, OutcomeType::errored, "{}"}}, 2);
  const auto third = add_job(1, {{0, 1, OutcomeType::errored, "{}"}}, 3);
  ASSERT_EQ(queue_->cancel_job(second, now), Queue::Change::done);
  const auto finished = queue_->finish_jobs({{first, JobState::done, now},
                                             {second, JobState::done, now},
                                             {JobId{99}, JobState::done, now},
                                             {third, JobState::done, now}});
  EXPECT_EQ(finished, (std::vector<bool>{true, false, false, true}));
  open();
  EXPECT_EQ(queue_->job(first)->state, JobState::done);
  EXPECT_EQ(queue_->job(first)->done_at, now);
  EXPECT_EQ(queue_->job(second)->state, JobState::canceling);
  EXPECT_EQ(queue_->job(third)->state, JobState::done);
}

TEST_F(QueueTest, ASecondDaemonIsRefused) { EXPECT_THROW(Queue second(path()), QueueInUse); }

TEST_F(QueueTest, AFileThatIsNoDatabaseIsNamedAsDamaged) {
  const std::string other = folder_ + "/other.db";
  FILE* file = std::fopen(other.c_str(), "w");
  for (int i = 0; i < 2000; ++i) std::fputs("this is not a database ", file);
  std::fclose(file);
  EXPECT_THROW(Queue broken(other), QueueError);
}

TEST_F(QueueTest, AJobIsDurableOnceAccepted) {
  const auto id = add_job(2500);
  open();
  const auto job = queue_->job(id);
  ASSERT_TRUE(job);
  EXPECT_EQ(job->counts[RequestState::pending], 2500);
  EXPECT_EQ(queue_->lines(id, 1023, 3).size(), 3u);
  EXPECT_EQ(queue_->lines(id, 1023, 3)[1].offset, 102'400u);
  EXPECT_EQ(queue_->lines(id, 2499, 5).size(), 1u);
}

TEST_F(QueueTest, TheSameContentIsADuplicateOfTheJobThatHadIt) {
  add_job(10);
  EXPECT_FALSE(add_job(10));
  EXPECT_TRUE(add_job(10, {}, 2));
}

TEST_F(QueueTest, SkippedLinesAreOutcomesAndTheRestWaits) {
  const auto id = add_job(10, {{3, 1, OutcomeType::errored, "{}"}, {9, 1, OutcomeType::errored, "{}"}});
  EXPECT_EQ(counts(id)[RequestState::errored], 2);
  EXPECT_EQ(counts(id)[RequestState::pending], 8);
  EXPECT_EQ(pending_runs(), 2u);
}

TEST_F(QueueTest, RefusedRequestsGoBackAsTheyWere) {
  const auto id = add_job(100);
  const auto intent = assign(id, 20, 30);
  EXPECT_EQ(counts(id)[RequestState::assigned], 30);
  EXPECT_EQ(pending_runs(), 2u);
  queue_->record_refused(intent, {}, now);
  EXPECT_EQ(counts(id)[RequestState::pending], 100);
}

TEST_F(QueueTest, AHalvedBatchStaysApart) {
  const auto id = add_job(100);
  Refusal halve;
  halve.kind = RefusalKind::halve;
  queue_->record_refused(assign(id, 0, 40), halve, now);
  const auto view = queue_->pack_view(now, 1000);
  ASSERT_EQ(view.jobs[0].pending.size(), 2u);
  EXPECT_EQ(view.jobs[0].pending[0].most_together, 20u);
  EXPECT_EQ(view.jobs[0].pending[1].most_together, 0u);
}

TEST_F(QueueTest, TheNamedRequestIsErroredAndItsNeighboursGoAgain) {
  const auto id = add_job(10);
  Refusal named;
  named.kind = RefusalKind::name_request;
  named.place = 4;
  named.result = R"({"type":"errored"})";
  queue_->record_refused(assign(id, 0, 10), named, now);
  EXPECT_EQ(counts(id)[RequestState::errored], 1);
  EXPECT_EQ(counts(id)[RequestState::pending], 9);
  const auto outcomes = queue_->outcomes(id, 0, 10);
  ASSERT_EQ(outcomes.size(), 1u);
  EXPECT_EQ(outcomes[0].seq, 4u);
  EXPECT_EQ(outcomes[0].made_result, named.result);
}

// Faults 2 and 3: what a crash leaves.
TEST_F(QueueTest, RecoveryKnowsWhatWasProvenAndWhatIsUnknown) {
  const auto id = add_job(30);
  const auto uploading = assign(id, 0, 10);
  queue_->recover(now);
  EXPECT_EQ(queue_->intent(uploading)->state, IntentState::rejected);
  EXPECT_EQ(counts(id)[RequestState::pending], 30);
  const auto committing = assign(id, 0, 10);
  queue_->mark_committing(committing, now);
  open();
  queue_->recover(now);
  EXPECT_EQ(queue_->intent(committing)->state, IntentState::unknown);
  EXPECT_EQ(counts(id)[RequestState::assigned], 10) << "nothing may send these again";
}

TEST_F(QueueTest, AnAssignedRequestCannotBeAssignedTwice) {
  const auto id = add_job(30);
  assign(id, 0, 10);
  EXPECT_THROW(assign(id, 5, 10), QueueError);
  EXPECT_EQ(counts(id)[RequestState::assigned], 10) << "nothing of the verb happened";
}

TEST_F(QueueTest, IllegalChangesOfAnIntentAreRefused) {
  const auto intent = assign(add_job(30), 0, 10);
  EXPECT_THROW(queue_->record_not_created(intent, now), QueueError);
  submitted(intent);
  EXPECT_THROW(queue_->mark_committing(intent, now), QueueError);
  EXPECT_THROW(queue_->record_refused(intent, {}, now), QueueError);
}

// Faults 30, 37: the same lines once more change nothing.
TEST_F(QueueTest, ResultsAreRecordedOnce) {
  const auto id = add_job(3);
  const auto batch = submitted(assign(id, 0, 3));
  end(batch);
  const std::vector<ResultRow> rows{row(id, 0), row(id, 1), row(id, 2)};
  EXPECT_EQ(queue_->record_results(batch, 1, rows, now).recorded, 3u);
  EXPECT_EQ(queue_->record_results(batch, 2, rows, now).known, 3u);
  EXPECT_EQ(counts(id)[RequestState::succeeded], 3);
  EXPECT_TRUE(queue_->collect(batch, {}, now).complete);
  EXPECT_EQ(queue_->jobs_to_export().size(), 1u);
}

// Fault 33: fewer lines than requests.
TEST_F(QueueTest, ABatchWithAMissingLineIsNotCollected) {
  const auto id = add_job(3);
  const auto batch = submitted(assign(id, 0, 3));
  end(batch);
  queue_->record_results(batch, 1, {row(id, 0), row(id, 2)}, now);
  const auto collected = queue_->collect(batch, {}, now);
  EXPECT_FALSE(collected.complete);
  EXPECT_EQ(collected.missing, 1u);
  EXPECT_EQ(counts(id)[RequestState::submitted], 1) << "never sent again by itself";
}

TEST_F(QueueTest, ALineThatAsksForAnotherAttemptNeverBeatsAPaidOne) {
  const auto id = add_job(2);
  const auto batch = submitted(assign(id, 0, 2));
  end(batch);
  const auto again = row(id, 0, ResultAction::another, OutcomeType::errored);
  queue_->record_results(batch, 1,
                         {row(id, 0), again, row(id, 1, ResultAction::another, OutcomeType::expired), row(id, 1)}, now);
  EXPECT_EQ(queue_->collect(batch, {}, now).again, 0u);
  EXPECT_EQ(counts(id)[RequestState::succeeded], 2);
}

TEST_F(QueueTest, AnotherAttemptIsCountedAndAnAccountFaultIsNot) {
  const auto id = add_job(3);
  const auto batch = submitted(assign(id, 0, 3));
  end(batch);
  queue_->record_results(batch, 1,
                         {row(id, 0, ResultAction::another, OutcomeType::errored),
                          row(id, 1, ResultAction::account_again, OutcomeType::errored), row(id, 2)},
                         now);
  EXPECT_EQ(
      queue_->collect(batch, {std::chrono::seconds(30), std::chrono::hours(1), 0.5, "", "", "", false}, now).again, 2u);
  const auto view = queue_->pack_view(now + std::chrono::hours(2), 1000);
  ASSERT_EQ(view.jobs[0].pending.size(), 2u);
  EXPECT_EQ(view.jobs[0].pending[0].attempts, 1u);
  EXPECT_GT(view.jobs[0].pending[0].not_before, now);
  EXPECT_EQ(view.jobs[0].pending[1].attempts, 0u);
}

TEST_F(QueueTest, ACancelOutsideOffpeakHoldsTheJob) {
  const auto id = add_job(2);
  const auto batch = submitted(assign(id, 0, 2));
  end(batch);
  queue_->record_results(batch, 1, {row(id, 0), row(id, 1, ResultAction::hold_again, OutcomeType::canceled)}, now);
  queue_->collect(batch, {}, now);
  EXPECT_EQ(queue_->job(id)->state, JobState::held);
  EXPECT_TRUE(queue_->pack_view(now, 10).jobs.empty());
  EXPECT_EQ(queue_->release_job(id), Queue::Change::done);
  EXPECT_EQ(queue_->pack_view(now, 10).jobs.size(), 1u);
}

// Fault 36: results that are gone are never sent again by themselves.
TEST_F(QueueTest, LostResultsBecomeErrored) {
  const auto id = add_job(10);
  const auto batch = submitted(assign(id, 0, 10));
  end(batch);
  queue_->record_results(batch, 1, {row(id, 2), row(id, 7)}, now);
  queue_->results_lost(batch, R"({"type":"errored"})", "{}", now);
  EXPECT_EQ(counts(id)[RequestState::errored], 8);
  EXPECT_EQ(counts(id)[RequestState::succeeded], 2);
  EXPECT_EQ(queue_->outcomes(id, 0, 10).size(), 10u);
}

TEST_F(QueueTest, ADisprovedBatchLeavesItsIntentUnknown) {
  const auto id = add_job(5);
  const auto intent = assign(id, 0, 5);
  queue_->mark_committing(intent, now);
  queue_->mark_unknown(intent, "time-out", now);
  Batch foreign;
  foreign.provider_id = "msgbatch_foreign";
  const auto batch = queue_->record_created(intent, foreign, false, now);
  queue_->disprove_batch(batch, now);
  EXPECT_EQ(queue_->intent(intent)->state, IntentState::unknown);
  EXPECT_TRUE(queue_->known_ids(intent).contains("msgbatch_foreign"));
  EXPECT_EQ(counts(id)[RequestState::assigned], 5);
  queue_->record_not_created(intent, now);
  EXPECT_EQ(counts(id)[RequestState::pending], 5);
}

// tests/model/submit.pml, HOLDS_COUNT: with its count free, another intent's lost batch could be adopted for this one.
TEST_F(QueueTest, AnAdoptedBatchKeepsItsCountUntilItIsProven) {
  const auto intent = assign(add_job(20), 0, 5);
  queue_->mark_committing(intent, now);
  queue_->mark_unknown(intent, "time-out", now);
  Batch adopted;
  adopted.provider_id = "msgbatch_maybe";
  const auto batch = queue_->record_created(intent, adopted, false, now);
  EXPECT_TRUE(queue_->pack_view(now, 10).unsettled_counts.contains(5));
  queue_->prove_batch(batch);
  EXPECT_FALSE(queue_->pack_view(now, 10).unsettled_counts.contains(5));
}

TEST_F(QueueTest, CancelKeepsWhatIsSentAndCancelsWhatWaits) {
  const auto id = add_job(10);
  const auto batch = submitted(assign(id, 0, 4));
  EXPECT_EQ(queue_->cancel_job(id, now), Queue::Change::done);
  EXPECT_EQ(counts(id)[RequestState::canceled], 6);
  EXPECT_EQ(counts(id)[RequestState::submitted], 4);
  ASSERT_EQ(queue_->batches_to_cancel().size(), 1u) << "it carries only this job";
  queue_->cancel_requested(batch);
  EXPECT_TRUE(queue_->batches_to_cancel().empty());
  EXPECT_EQ(queue_->cancel_job(id, now), Queue::Change::not_in_this_state);
  EXPECT_EQ(queue_->cancel_job(JobId{99}, now), Queue::Change::no_such_job);
}

TEST_F(QueueTest, RefusedRequestsOfACanceledJobAreCanceled) {
  const auto id = add_job(10);
  const auto intent = assign(id, 0, 4);
  queue_->cancel_job(id, now);
  queue_->record_refused(intent, {}, now);
  EXPECT_EQ(counts(id)[RequestState::canceled], 10);
  EXPECT_EQ(queue_->jobs_to_export().size(), 1u);
}

TEST_F(QueueTest, APollNeverTakesAStatusBack) {
  const auto batch = submitted(assign(add_job(2), 0, 2));
  end(batch);
  BatchSeen back;
  back.id = batch;
  back.state = BatchState::in_progress;
  queue_->record_poll({back}, now);
  EXPECT_EQ(queue_->batch(batch)->state, BatchState::ended);
}

// faults.md 20: what ended, or failed, while the clock was ten years ahead does not wait for ten years.
TEST_F(QueueTest, AClockThatWasSetBackHoldsNoResultsUp) {
  const auto batch = submitted(assign(add_job(2), 0, 2));
  BatchSeen ended;
  ended.id = batch;
  ended.state = BatchState::ended;
  const auto ahead = now + std::chrono::hours(10 * 365 * 24);
  queue_->record_poll({ended}, ahead);
  EXPECT_TRUE(queue_->next_to_collect(now, std::chrono::hours(48)));
  queue_->collect_failed(batch, "HTTP 500", ahead);
  EXPECT_TRUE(queue_->next_to_collect(now, std::chrono::hours(48)));
  queue_->collect_failed(batch, "HTTP 500", now + std::chrono::hours(24));
  EXPECT_FALSE(queue_->next_to_collect(now, std::chrono::hours(48))) << "a wait that was meant is kept";
}

TEST_F(QueueTest, RetriedRunsJoinTheirNeighbours) {
  const auto id = add_job(1000);
  queue_->record_refused(assign(id, 0, 300), {}, now);
  queue_->record_refused(assign(id, 300, 300), {}, now);
  EXPECT_EQ(pending_runs(), 1u);
}

// The late twin of an intent that was taken as not created.
class TwinTest : public QueueTest {
 protected:
  void SetUp() override {
    QueueTest::SetUp();
    job_ = add_job(10);
    lost_ = assign(job_, 0, 4);
    queue_->mark_committing(lost_, now);
    queue_->mark_unknown(lost_, "time-out", now);
    queue_->record_not_created(lost_, now);
  }
  BatchId adopt() {
    Batch batch;
    batch.provider_id = "msgbatch_late";
    return queue_->adopt_twin(lost_, batch, true, now);
  }
  void collect(BatchId twin, const std::vector<ResultRow>& rows) {
    end(twin);
    queue_->record_results(twin, 1, rows, now);
    EXPECT_TRUE(queue_->collect(twin, {}, now).complete);
  }
  std::vector<ResultRow> paid_two_of_four() {
    return {row(job_, 0), row(job_, 1), row(job_, 2, ResultAction::hold_again, OutcomeType::canceled),
            row(job_, 3, ResultAction::hold_again, OutcomeType::canceled)};
  }
  std::uint32_t ready() {
    std::uint32_t requests = 0;
    for (const auto& job : queue_->pack_view(now, 100).jobs) {
      for (const auto& run : job.pending) requests += run.range.count;
    }
    return requests;
  }
  JobId job_;
  IntentId lost_;
};

// Sizes do not crumble for it: its results will tell whose it is.
TEST_F(TwinTest, ItIsAuditedFor26HoursAndItsCountMayBeUsedAgain) {
  EXPECT_FALSE(queue_->pack_view(now, 10).unsettled_counts.contains(4));
  EXPECT_TRUE(queue_->audit_floor(now + std::chrono::hours(26)));
  EXPECT_FALSE(queue_->audit_floor(now + std::chrono::hours(26) + std::chrono::milliseconds(1)));
}

TEST_F(TwinTest, WhatWaitsIsHeldUntilItIsCollected) {
  EXPECT_EQ(ready(), 10u);
  const auto twin = adopt();
  EXPECT_EQ(ready(), 6u);
  EXPECT_EQ(queue_->batches_to_cancel().size(), 1u);
  collect(twin, paid_two_of_four());
  EXPECT_EQ(counts(job_)[RequestState::succeeded], 2) << "what was paid is used";
  EXPECT_EQ(ready(), 8u) << "the canceled ones go again at once, and the job is not held";
  EXPECT_EQ(queue_->job(job_)->state, JobState::running);
}

TEST_F(TwinTest, AnIntentThatSharesRequestsWithItIsNotCommitted) {
  const auto again = assign(job_, 2, 5);
  adopt();
  EXPECT_FALSE(queue_->mark_committing(again, now));
  queue_->record_refused(again, {}, now);
  EXPECT_EQ(ready(), 6u) << "the shared ones wait";
}

TEST_F(TwinTest, PaidResultsOfRequestsThatWereSentAgainStandFirst) {
  const auto again = submitted(assign(job_, 0, 4), "msgbatch_again");
  collect(adopt(), paid_two_of_four());
  EXPECT_EQ(counts(job_)[RequestState::succeeded], 2);
  EXPECT_EQ(counts(job_)[RequestState::submitted], 2);
  end(again);
  queue_->record_results(again, 1,
                         {row(job_, 0), row(job_, 1, ResultAction::another, OutcomeType::expired), row(job_, 2),
                          row(job_, 3, ResultAction::another, OutcomeType::expired)},
                         now);
  const auto collected = queue_->collect(again, {}, now);
  EXPECT_TRUE(collected.complete);
  EXPECT_EQ(collected.again, 1u) << "only the one that nobody answered";
  EXPECT_EQ(counts(job_)[RequestState::succeeded], 3);
  EXPECT_EQ(counts(job_)[RequestState::pending], 7);
}

TEST_F(TwinTest, PaidResultsOfAnIntentThatIsUnknownAgainStandFirst) {
  const auto again = assign(job_, 0, 4);
  queue_->mark_committing(again, now);
  queue_->mark_unknown(again, "time-out", now);
  collect(adopt(), paid_two_of_four());
  EXPECT_EQ(counts(job_)[RequestState::assigned], 2);
  queue_->record_not_created(again, now);
  EXPECT_EQ(counts(job_)[RequestState::pending], 8) << "what has an outcome does not come back";
}

TEST_F(TwinTest, AForeignBatchIsDisprovedAndEverythingGoesOn) {
  queue_->disprove_batch(adopt(), now);
  EXPECT_EQ(ready(), 10u);
  EXPECT_TRUE(queue_->may_explain({}, now).front().excluded.contains("msgbatch_late"));
}

TEST_F(TwinTest, RecordingItTwiceChangesNothing) {
  const auto twin = adopt();
  end(twin);
  queue_->record_results(twin, 1, paid_two_of_four(), now);
  queue_->record_results(twin, 2, paid_two_of_four(), now);
  EXPECT_EQ(counts(job_)[RequestState::succeeded], 2);
  EXPECT_TRUE(queue_->collect(twin, {}, now).complete);
}

}  // namespace
}  // namespace offpeak
