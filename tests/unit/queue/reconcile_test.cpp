// What an operator decides, as rows.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "queue/queue.hpp"
#include "queue/sql.hpp"
#include "support/strange_batch.hpp"
#include "unit/base/temporary_folder.hpp"

namespace offpeak {
namespace {

const Instant now = from_millis(1'800'000'000'000);

class ReconcileTest : public ::testing::Test {
 protected:
  ReconcileTest() : queue(std::make_unique<Queue>(folder / "offpeak.db")) { job = add_job(10); }
  void reopen() {
    queue.reset();
    queue = std::make_unique<Queue>(folder / "offpeak.db");
    queue->recover(now);
  }

  JobId add_job(std::uint32_t requests) {
    const auto id = queue->announce_intake(IntakeSource::folder, "a.jsonl", {}, now);
    std::vector<LineEntry> entries(requests);
    for (std::uint32_t i = 0; i < requests; ++i) entries[i] = {i * 100, 99, 1, 2, 3, 4, 4, i};
    queue->add_segments(id, 0, {encode_segment(entries)});
    Job made;
    made.id = id;
    made.name = "a";
    made.requests = requests;
    made.headers = {"2023-06-01", {}};
    made.digest.bytes[0] = static_cast<unsigned char>(id.value);
    made.data_name = std::to_string(id.value);
    queue->accept_job(made, false, false, now);
    return id;
  }
  IntentId assign(Seq first, std::uint32_t count, const std::string& nonce) {
    NewIntent intent;
    intent.nonce = nonce;
    intent.headers = {"2023-06-01", {}};
    intent.parts = {{{job, first, count}, 0, 0, {}}};
    intent.requests = count;
    return queue->create_intent(intent, now);
  }
  IntentId unknown(Seq first, std::uint32_t count, const std::string& nonce) {
    const auto id = assign(first, count, nonce);
    queue->mark_committing(id, now);
    queue->mark_unknown(id, "time-out", now);
    return id;
  }
  void lose(const std::string& provider_id, std::int64_t requests = 4, const char* state = "open") {
    // Of a size that no intent here has, so that none of them explains it.
    testing::find_strange(*queue, provider_id, 1000 * requests, now, now, std::string_view(state) == "open");
  }
  ClaimedBatch claimed(const std::string& provider_id, Seq first, std::uint32_t count, const std::string& nonce) {
    ClaimedBatch batch;
    batch.provider_id = provider_id;
    batch.nonce = nonce;
    batch.requests = count + 1;
    batch.assignments = {{0, {job, first, count}, 0, 0, {}}};
    batch.matched = count;
    batch.unmatched = 1;
    batch.created_at = now;
    return batch;
  }
  std::uint32_t ready() {
    std::uint32_t requests = 0;
    for (const auto& waiting : queue->pack_view(now, 100).jobs) {
      for (const auto& run : waiting.pending) requests += run.range.count;
    }
    return requests;
  }
  void end(BatchId id) {
    BatchSeen seen;
    seen.id = id;
    seen.state = BatchState::ended;
    queue->record_poll({seen}, now);
  }
  ResultRow row(Seq seq, OutcomeType type = OutcomeType::succeeded) {
    ResultRow row;
    row.request = {job, seq, 1};
    row.type = type;
    row.action = type == OutcomeType::succeeded ? ResultAction::outcome : ResultAction::another;
    return row;
  }

  void expect_sound() {
    for (const auto& problem : queue->audit(std::nullopt).problems) ADD_FAILURE() << problem;
  }

  TemporaryFolder folder;
  std::unique_ptr<Queue> queue;
  JobId job;
};

// One line of the batch was nobody's: what was booked has a hole, and that is no damage.
TEST_F(ReconcileTest, AnAuditKnowsWhatAClaimCouldNotMatch) {
  lose("msgbatch_a");
  queue->claim_unexplained("msgbatch_a", false);
  auto batch = claimed("msgbatch_a", 2, 2, "lost");
  batch.requests = 5;
  auto behind_a_hole = batch.assignments.front();
  behind_a_hole.first_place = 3;
  behind_a_hole.range.first = 6;
  batch.assignments.push_back(behind_a_hole);
  ASSERT_EQ(queue->record_claim(batch, now).as, BookedAs::twin);
  expect_sound();
}

TEST_F(ReconcileTest, AnAuditKnowsABatchOfAnIntentThatWasTakenAsRejected) {
  queue->record_refused(assign(0, 4, "known"), {}, now);
  lose("msgbatch_a");
  queue->claim_unexplained("msgbatch_a", false);
  ASSERT_EQ(queue->record_claim(claimed("msgbatch_a", 0, 4, "known"), now).as, BookedAs::twin);
  expect_sound();
}

TEST_F(ReconcileTest, AClaimHoldsSubmittingUntilItIsRecorded) {
  lose("msgbatch_a");
  EXPECT_TRUE(queue->pack_view(now, 10).unexplained_batches);
  EXPECT_EQ(queue->claim_unexplained("msgbatch_a", false), Decided::done);
  EXPECT_EQ(queue->claim_unexplained("msgbatch_a", false), Decided::done) << "twice is once";
  reopen();
  EXPECT_EQ(queue->unexplained("msgbatch_a")->state, "claiming");
  EXPECT_TRUE(queue->pack_view(now, 10).unexplained_batches);
  const auto booked = queue->record_claim(claimed("msgbatch_a", 2, 3, "lost"), now);
  EXPECT_EQ(booked.as, BookedAs::twin);
  EXPECT_FALSE(queue->pack_view(now, 10).unexplained_batches);
  EXPECT_EQ(queue->record_claim(claimed("msgbatch_a", 2, 3, "lost"), now).as, BookedAs::nobodys) << "twice is once";
  EXPECT_EQ(queue->claim_unexplained("msgbatch_a", false), Decided::not_in_this_state);
  EXPECT_EQ(queue->dismiss_unexplained("msgbatch_a"), Decided::not_in_this_state);
  EXPECT_EQ(queue->unexplained("msgbatch_a")->matched, 3u);
  EXPECT_EQ(queue->unexplained("msgbatch_a")->unmatched, 1u);
}

// The late-batch audit takes it for that of an intent of its size while it is being claimed. Were the claim over with that,
// nothing would hold what it ran once its results disprove it.
TEST_F(ReconcileTest, AClaimWaitsWhileTheBatchIsTakenForThatOfAnotherIntent) {
  const auto other = assign(0, 4, "other");
  queue->mark_committing(other, now);
  queue->mark_unknown(other, "a time-out", now);
  queue->record_not_created(other, now);
  lose("msgbatch_a");
  queue->claim_unexplained("msgbatch_a", false);
  Batch late;
  late.provider_id = "msgbatch_a";
  late.created_at = now;
  const auto twin = queue->adopt_twin(other, late, false, now);
  EXPECT_EQ(queue->record_claim(claimed("msgbatch_a", 0, 4, "lost"), now).as, BookedAs::in_flight);
  EXPECT_EQ(queue->unexplained("msgbatch_a")->state, "claiming");
  EXPECT_TRUE(queue->pack_view(now, 10).unexplained_batches);
  queue->rebook_batch(twin, "lost", true, now);
  EXPECT_TRUE(queue->pack_view(now, 10).unexplained_batches);
  EXPECT_EQ(queue->record_claim(claimed("msgbatch_a", 0, 4, "lost"), now).as, BookedAs::twin);
  EXPECT_FALSE(queue->pack_view(now, 10).unexplained_batches);
  expect_sound();
}

TEST_F(ReconcileTest, AClaimDoesNotWaitForResultsThatAreLost) {
  const auto other = assign(0, 4, "other");
  queue->mark_committing(other, now);
  queue->mark_unknown(other, "a time-out", now);
  queue->record_not_created(other, now);
  lose("msgbatch_a");
  queue->claim_unexplained("msgbatch_a", false);
  Batch late;
  late.provider_id = "msgbatch_a";
  late.created_at = now;
  const auto twin = queue->adopt_twin(other, late, false, now);
  end(twin);
  queue->results_lost(twin, "{}", "{}", now);
  EXPECT_EQ(queue->record_claim(claimed("msgbatch_a", 0, 4, "lost"), now).as, BookedAs::duplicate);
  EXPECT_FALSE(queue->pack_view(now, 10).unexplained_batches);
}

TEST_F(ReconcileTest, WhatItRanWaitsUntilItIsCollectedAndIsNotSentAgain) {
  lose("msgbatch_a");
  queue->claim_unexplained("msgbatch_a", false);
  queue->record_claim(claimed("msgbatch_a", 2, 3, "lost"), now);
  EXPECT_EQ(ready(), 7u);
  const auto batch = queue->batch("msgbatch_a");
  ASSERT_TRUE(batch);
  EXPECT_TRUE(batch->twin);
  EXPECT_TRUE(batch->proven);
  EXPECT_EQ(batch->nonce, "lost");
  end(batch->id);
  queue->record_results(batch->id, 1, {row(2), row(3), row(4, OutcomeType::expired)}, now);
  EXPECT_TRUE(queue->collect(batch->id, {}, now).complete) << "the line that is nobody's is not waited for";
  EXPECT_EQ(queue->job(job)->counts[RequestState::succeeded], 2);
  EXPECT_EQ(ready(), 8u) << "what it did not pay for goes again";
}

TEST_F(ReconcileTest, ARequestThatIsWithAnotherBatchIsAnsweredByTheClaimedOneFirst) {
  const auto intent = assign(0, 4, "known");
  queue->mark_committing(intent, now);
  Batch other;
  other.provider_id = "msgbatch_known";
  const auto known = queue->record_created(intent, other, true, now);
  lose("msgbatch_a");
  queue->claim_unexplained("msgbatch_a", false);
  queue->record_claim(claimed("msgbatch_a", 0, 4, "lost"), now);
  const auto batch = queue->batch("msgbatch_a")->id;
  end(batch);
  queue->record_results(batch, 1, {row(0), row(1), row(2), row(3)}, now);
  EXPECT_TRUE(queue->collect(batch, {}, now).complete);
  end(known);
  queue->record_results(known, 1,
                        {row(0, OutcomeType::expired), row(1, OutcomeType::expired), row(2, OutcomeType::expired),
                         row(3, OutcomeType::expired)},
                        now);
  EXPECT_EQ(queue->collect(known, {}, now).again, 0u) << "paid for once, sent no more";
  EXPECT_EQ(queue->job(job)->counts[RequestState::succeeded], 4);
}

TEST_F(ReconcileTest, AClaimWithTheNonceOfAnIntentGoesToThatIntent) {
  const auto id = assign(0, 4, "ours");
  queue->record_refused(id, {}, now);
  lose("msgbatch_a");
  queue->claim_unexplained("msgbatch_a", false);
  auto by_nonce = claimed("msgbatch_a", 0, 4, "ours");
  by_nonce.assignments.clear();
  const auto booked = queue->record_claim(by_nonce, now);
  EXPECT_EQ(booked.as, BookedAs::twin);
  EXPECT_EQ(booked.intent, id);
  EXPECT_EQ(ready(), 6u);
}

TEST_F(ReconcileTest, WithoutAnIntentAndWithoutRequestsNothingHappens) {
  lose("msgbatch_a");
  queue->claim_unexplained("msgbatch_a", false);
  auto nothing = claimed("msgbatch_a", 0, 4, "foreign");
  nothing.assignments.clear();
  EXPECT_EQ(queue->record_claim(nothing, now).as, BookedAs::nobodys);
  EXPECT_EQ(queue->unexplained("msgbatch_a")->state, "claiming");
  queue->end_claim("msgbatch_a", 5, "nothing of ours", now);
  EXPECT_EQ(queue->unexplained("msgbatch_a")->state, "claimed");
  EXPECT_FALSE(queue->pack_view(now, 10).unexplained_batches);
}

TEST_F(ReconcileTest, ADecisionChangedMeanwhileWins) {
  lose("msgbatch_a");
  queue->claim_unexplained("msgbatch_a", true);
  EXPECT_TRUE(queue->unexplained("msgbatch_a")->cancel_wanted);
  EXPECT_EQ(queue->dismiss_unexplained("msgbatch_a"), Decided::done);
  EXPECT_EQ(queue->record_claim(claimed("msgbatch_a", 0, 4, "lost"), now).as, BookedAs::nobodys);
  EXPECT_EQ(ready(), 10u);
  EXPECT_EQ(queue->claim_unexplained("msgbatch_a", false), Decided::done) << "a dismissed one may still be claimed";
  EXPECT_EQ(queue->claim_unexplained("msgbatch_none", false), Decided::no_such_thing);
  EXPECT_EQ(queue->dismiss_unexplained("msgbatch_none"), Decided::no_such_thing);
}

TEST_F(ReconcileTest, OpenLinesAreThoseWithoutAnOutcome) {
  const auto intent = assign(0, 3, "n");
  queue->mark_committing(intent, now);
  Batch made;
  made.provider_id = "msgbatch_1";
  const auto batch = queue->record_created(intent, made, true, now);
  end(batch);
  queue->record_results(batch, 1, {row(1)}, now);
  EXPECT_EQ(queue->jobs_with_open_requests(), std::vector<JobId>{job});
  const auto open = queue->open_lines(job, 0);
  ASSERT_EQ(open.lines.size(), 9u);
  EXPECT_EQ(open.lines[0].seq, 0u);
  EXPECT_EQ(open.lines[1].seq, 2u);
  EXPECT_EQ(open.lines[1].entry.checksum, 2u);
  EXPECT_FALSE(open.next);
}

TEST_F(ReconcileTest, AnOperatorTakesOneOfSeveralCandidates) {
  const auto id = unknown(0, 4, "ours");
  queue->record_candidates(id, {{"msgbatch_b", now, now, true, false}, {"msgbatch_a", now, now, false, false}});
  ASSERT_EQ(queue->candidates(id).size(), 2u);
  EXPECT_EQ(queue->adopt_candidate(id, "msgbatch_c", now), Decided::no_such_thing);
  EXPECT_EQ(queue->cancel_candidate(id, "msgbatch_a"), Decided::done);
  EXPECT_EQ(queue->candidates_to_cancel(), std::vector<std::string>{"msgbatch_a"});
  // The next list does not take the wish away.
  queue->record_candidates(id, {{"msgbatch_a", now, now, true, false}, {"msgbatch_b", now, now, true, false}});
  EXPECT_EQ(queue->candidates_to_cancel(), std::vector<std::string>{"msgbatch_a"});
  EXPECT_EQ(queue->adopt_candidate(id, "msgbatch_a", now), Decided::done);
  EXPECT_EQ(queue->adopt_candidate(id, "msgbatch_a", now), Decided::not_in_this_state);
  EXPECT_EQ(queue->intent(id)->state, IntentState::created);
  EXPECT_FALSE(queue->batch("msgbatch_a")->proven);
  EXPECT_EQ(queue->batches_to_cancel().size(), 1u) << "the wish goes with it";
  EXPECT_EQ(queue->adopt_candidate(IntentId{99}, "msgbatch_a", now), Decided::no_such_thing);
}

TEST_F(ReconcileTest, AnIntentDismissedIsAuditedLikeAnyOther) {
  const auto id = unknown(0, 4, "ours");
  EXPECT_EQ(queue->dismiss_intent(id, now), Decided::done);
  EXPECT_EQ(queue->dismiss_intent(id, now), Decided::not_in_this_state);
  EXPECT_EQ(queue->dismiss_intent(IntentId{99}, now), Decided::no_such_thing);
  EXPECT_EQ(queue->intent(id)->state, IntentState::not_created);
  EXPECT_EQ(ready(), 10u);
  EXPECT_TRUE(queue->audit_floor(now));
}

// faults.md 31
TEST_F(ReconcileTest, ADisprovedBatchGoesToTheIntentWhoseNonceItCarries) {
  const auto late = unknown(0, 1, "late");
  queue->record_not_created(late, now);
  const auto other = unknown(5, 1, "other");
  Batch found;
  found.provider_id = "msgbatch_x";
  found.processing = 1;
  const auto wrong = queue->record_created(other, found, false, now);
  const auto booked = queue->rebook_batch(wrong, "late", true, now);
  EXPECT_EQ(booked.as, BookedAs::twin);
  EXPECT_EQ(booked.intent, late);
  EXPECT_EQ(queue->intent(other)->state, IntentState::unknown);
  EXPECT_TRUE(queue->known_ids(other).contains("msgbatch_x"));
  const auto batch = queue->batch("msgbatch_x");
  ASSERT_TRUE(batch);
  EXPECT_EQ(batch->intent, late);
  EXPECT_TRUE(batch->twin);
}

TEST_F(ReconcileTest, ADisprovedBatchOfAnUnknownIntentIsThatOnes) {
  const auto first = unknown(0, 2, "first");
  const auto second = unknown(5, 2, "second");
  Batch found;
  found.provider_id = "msgbatch_x";
  const auto wrong = queue->record_created(first, found, false, now);
  const auto booked = queue->rebook_batch(wrong, "second", true, now);
  EXPECT_EQ(booked.as, BookedAs::adopted);
  EXPECT_EQ(queue->intent(second)->state, IntentState::created);
  EXPECT_EQ(queue->intent(first)->state, IntentState::unknown);
  EXPECT_TRUE(queue->batch("msgbatch_x")->proven);
}

TEST_F(ReconcileTest, ANonceThatNobodyHasHoldsSubmittingInAWorkspaceOfOurOwnOnly) {
  for (const bool exclusive : {false, true}) {
    const auto id = unknown(exclusive ? 5 : 0, 2, exclusive ? "b" : "a");
    Batch found;
    found.provider_id = exclusive ? "msgbatch_y" : "msgbatch_x";
    const auto wrong = queue->record_created(id, found, false, now);
    const auto booked = queue->rebook_batch(wrong, "0123456789abcdef01234567", exclusive, now);
    EXPECT_EQ(booked.as, exclusive ? BookedAs::unexplained : BookedAs::nobodys);
    EXPECT_EQ(queue->pack_view(now, 10).unexplained_batches, exclusive);
    EXPECT_FALSE(queue->batch(found.provider_id));
  }
}

TEST_F(ReconcileTest, ASecondBatchOfAnIntentIsCountedAndNotBooked) {
  const auto id = assign(0, 4, "ours");
  queue->mark_committing(id, now);
  Batch made;
  made.provider_id = "msgbatch_1";
  queue->record_created(id, made, true, now);
  const auto other = unknown(5, 4, "other");
  made.provider_id = "msgbatch_2";
  EXPECT_EQ(queue->book_candidate(other, "ours", made, true, now).as, BookedAs::duplicate);
  EXPECT_FALSE(queue->batch("msgbatch_2"));
  const auto known = queue->unexplained("msgbatch_2");
  ASSERT_TRUE(known) << "a list must not make it a third intent's";
  EXPECT_EQ(known->state, "claimed");
  EXPECT_EQ(known->copy_of, id);
}

// Its nonce is proof, but its intent was given another one by its count: it waits until that one is disproved.
TEST_F(ReconcileTest, WhatANonceHasProvenWaitsForItsIntent) {
  const auto late = unknown(0, 2, "late");
  queue->record_not_created(late, now);
  Batch strange;
  strange.provider_id = "msgbatch_by_count";
  const auto by_count = queue->adopt_twin(late, strange, false, now);
  EXPECT_TRUE(queue->audit_floor(now)) << "the batch that it has may not be its own";
  const auto other = unknown(5, 2, "other");
  Batch found;
  found.provider_id = "msgbatch_true";
  found.requests = 2;
  EXPECT_EQ(queue->book_candidate(other, "late", found, true, now).as, BookedAs::in_flight);
  ASSERT_TRUE(queue->unexplained("msgbatch_true"));
  EXPECT_EQ(queue->unexplained("msgbatch_true")->state, "claiming");
  EXPECT_FALSE(queue->pack_view(now, 10).unexplained_batches) << "it is known whose it is";
  queue->disprove_batch(by_count, now);
  EXPECT_EQ(queue->record_claim(claimed("msgbatch_true", 0, 2, "late"), now).as, BookedAs::twin);
  EXPECT_TRUE(queue->batch("msgbatch_true")->proven);
  EXPECT_FALSE(queue->unexplained("msgbatch_true")) << "it is a batch of ours now";
}

TEST_F(ReconcileTest, ABatchThatAnotherIntentHasByItsCountIsTakenByCount) {
  const auto first = unknown(0, 2, "first");
  const auto second = unknown(5, 3, "second");
  Batch found;
  found.provider_id = "msgbatch_x";
  const auto adopted = queue->record_created(first, found, false, now);
  EXPECT_TRUE(queue->taken_by_count(first).empty()) << "its own";
  EXPECT_TRUE(queue->taken_by_count(second).contains("msgbatch_x"));
  queue->exclude_candidate(second, "msgbatch_x");
  EXPECT_TRUE(queue->taken_by_count(second).empty()) << "it is known not to be this one's";
  const auto third = unknown(8, 1, "third");
  EXPECT_FALSE(queue->taken_by_count(third).empty());
  queue->prove_batch(adopted);
  EXPECT_TRUE(queue->taken_by_count(third).empty()) << "its results have shown whose it is";
}

TEST_F(ReconcileTest, JobIdsSkipWhatTheFoldersHold) {
  queue->skip_job_ids({JobId{40}}, false, now);
  EXPECT_EQ(add_job(1).value, 41);
  queue->skip_job_ids({JobId{7}}, false, now);
  EXPECT_EQ(add_job(1).value, 42);
}

TEST(Migration, WhatWasUnexplainedBeforeStaysSo) {
  TemporaryFolder folder;
  {
    Sql sql(folder / "offpeak.db");
    std::ifstream first(OFFPEAK_SOURCE_DIR "/schema/0001_queue.sql");
    sql.script(std::string{std::istreambuf_iterator<char>(first), {}});
    sql.script("INSERT INTO unexplained VALUES ('msgbatch_a', 4, 1000, 'open'), ('msgbatch_b', 5, 2000, 'dismissed')");
    sql.script("PRAGMA user_version = 1");
  }
  Queue queue(folder / "offpeak.db");
  ASSERT_EQ(queue.unexplained().size(), 1u);
  EXPECT_EQ(queue.unexplained()[0].provider_id, "msgbatch_a");
  EXPECT_EQ(queue.unexplained()[0].requests, 4);
  EXPECT_EQ(queue.unexplained("msgbatch_b")->state, "dismissed");
  EXPECT_EQ(queue.claim_unexplained("msgbatch_a", false), Decided::done);
}

}  // namespace
}  // namespace offpeak
