// Where every request is, whatever its neighbours do: runs are split and joined, and none of them is lost or doubled.
#include "unit/results/stage_world.hpp"

namespace offpeak {
namespace {

using testing::StageWorld;

class QueuePlaces : public ::testing::Test {
 protected:
  QueuePlaces() : world(folder) {}

  // The ready runs of a job, as [first, end).
  std::vector<std::pair<Seq, Seq>> waiting(JobId job) {
    std::vector<std::pair<Seq, Seq>> runs;
    for (const auto& seen : world.queue.pack_view(world.clock.now() + std::chrono::days(30), 1000).jobs) {
      if (seen.job != job) continue;
      for (const auto& run : seen.pending) runs.emplace_back(run.range.first, run.range.first + run.range.count);
    }
    return runs;
  }
  IntentId assign(std::vector<RequestRange> ranges) {
    NewIntent intent;
    intent.nonce = fmt::format("{:024x}", ++nonces_);
    intent.headers.version = "2023-06-01";
    for (const auto& range : ranges) {
      intent.parts.push_back({range, 0, 0, {}});
      intent.requests += range.count;
    }
    intent.bytes = 1;
    return world.queue.create_intent(intent, world.clock.now());
  }
  void refuse(IntentId id) { world.queue.record_refused(id, {}, world.clock.now()); }
  std::int64_t count(JobId job, RequestState state) { return world.job(job).counts[state]; }

  using Runs = std::vector<std::pair<Seq, Seq>>;
  TemporaryFolder folder;
  StageWorld world;

 private:
  int nonces_ = 0;
};

TEST_F(QueuePlaces, WhatIsTakenOutOfTheMiddleLeavesBothSides) {
  const auto job = world.add_job(100);
  const auto id = assign({{job, 20, 30}});
  EXPECT_EQ(waiting(job), (Runs{{0, 20}, {50, 100}}));
  refuse(id);
  EXPECT_EQ(waiting(job), (Runs{{0, 100}}));
}

TEST_F(QueuePlaces, ComingBackInAnyOrderTheyJoinAgain) {
  const auto job = world.add_job(30);
  const auto a = assign({{job, 0, 10}}), b = assign({{job, 10, 10}}), c = assign({{job, 20, 10}});
  EXPECT_EQ(waiting(job), Runs{});
  refuse(a);
  refuse(c);
  EXPECT_EQ(waiting(job), (Runs{{0, 10}, {20, 30}}));
  refuse(b);
  EXPECT_EQ(waiting(job), (Runs{{0, 30}}));
}

TEST_F(QueuePlaces, OneIntentOfSeveralJobsGivesEachItsOwnBack) {
  const auto first = world.add_job(10, "first"), second = world.add_job(10, "second");
  const auto id = assign({{first, 5, 5}, {second, 0, 3}});
  EXPECT_EQ(count(first, RequestState::assigned), 5);
  EXPECT_EQ(count(second, RequestState::assigned), 3);
  refuse(id);
  EXPECT_EQ(waiting(first), (Runs{{0, 10}}));
  EXPECT_EQ(waiting(second), (Runs{{0, 10}}));
}

TEST_F(QueuePlaces, NeitherMoreThanWaitsNorNothingCanBeTaken) {
  const auto job = world.add_job(10);
  EXPECT_THROW(assign({{job, 5, 6}}), QueueError);
  EXPECT_THROW(assign({{job, 5, 0}, {job, 0, 1}}), QueueError);
  EXPECT_THROW(assign({{JobId{99}, 0, 1}}), QueueError);
  EXPECT_EQ(waiting(job), (Runs{{0, 10}}));
}

TEST_F(QueuePlaces, AnIntentWhosePartsDoNotAddUpIsNotWritten) {
  const auto job = world.add_job(10);
  NewIntent intent;
  intent.nonce = "a";
  intent.parts = {{{job, 0, 4}, 0, 0, {}}};
  intent.requests = 5;
  const auto create = [&](Queue& queue) { return queue.create_intent(intent, world.clock.now()); };
  EXPECT_THROW(world.queue.write(create), QueueError);
  EXPECT_EQ(waiting(job), (Runs{{0, 10}}));
  EXPECT_EQ(count(job, RequestState::pending), 10);
}

// A nonce is never used for a second POST (product contract 6.1).
TEST_F(QueuePlaces, ANonceIsNeverUsedTwice) {
  const auto job = world.add_job(10);
  NewIntent intent;
  intent.nonce = "the same";
  intent.headers.version = "2023-06-01";
  intent.requests = 1;
  intent.parts = {{{job, 0, 1}, 0, 0, {}}};
  world.queue.record_refused(world.queue.create_intent(intent, world.clock.now()), {}, world.clock.now());
  EXPECT_THROW(world.queue.create_intent(intent, world.clock.now()), QueueError);
}

// Counts are kept distinct among unsettled intents (6.5), in every state that is not settled.
TEST_F(QueuePlaces, TheCountOfAnIntentIsTakenFromTheUploadUntilItIsSettled) {
  const auto job = world.add_job(20);
  const auto id = assign({{job, 0, 7}});
  const auto taken = [&] { return world.queue.pack_view(world.clock.now(), 10).unsettled_counts.contains(7); };
  EXPECT_TRUE(taken());
  EXPECT_TRUE(world.queue.pack_view(world.clock.now(), 10).intent_uploading);
  world.queue.mark_committing(id, world.clock.now());
  EXPECT_TRUE(taken());
  world.queue.mark_unknown(id, "reset", world.clock.now());
  EXPECT_TRUE(taken());
  EXPECT_FALSE(world.queue.pack_view(world.clock.now(), 10).intent_uploading);
  world.queue.record_not_created(id, world.clock.now());
  EXPECT_FALSE(taken());
}

TEST_F(QueuePlaces, TheSizeThatWasTooLargeIsRemembered) {
  const auto job = world.add_job(20);
  Refusal too_large;
  too_large.kind = RefusalKind::halve;
  too_large.learned_max_bytes = 12'345;
  world.queue.record_refused(assign({{job, 0, 20}}), too_large, world.clock.now());
  EXPECT_EQ(world.queue.pack_view(world.clock.now(), 10).learned_max_bytes, 12'345u);
}

// A refusal of a lone request is remembered from the first time on, and it alone becomes errored.
TEST_F(QueuePlaces, ARequestThatWasRefusedAloneKeepsTheTimeOfItsFirstRefusal) {
  const auto job = world.add_job(3);
  const auto first_time = world.clock.now();
  Refusal halve;
  halve.kind = RefusalKind::halve;
  halve.result = R"({"type":"errored"})";
  world.queue.record_refused(assign({{job, 1, 1}}), halve, first_time);
  world.clock.advance(std::chrono::minutes(5));
  const auto refused_at = [&] {
    for (const auto& seen : world.queue.pack_view(world.clock.now(), 10).jobs) {
      for (const auto& run : seen.pending) {
        if (run.range.first == 1) return run.refused_at;
      }
    }
    return Instant{};
  };
  EXPECT_EQ(refused_at(), first_time);
  NewIntent again;
  again.nonce = "again";
  again.headers.version = "2023-06-01";
  again.parts = {{{job, 1, 1}, 0, 1, first_time}};
  again.requests = 1;
  world.queue.record_refused(world.queue.create_intent(again, world.clock.now()), halve, world.clock.now());
  EXPECT_EQ(refused_at(), first_time);
  again.nonce = "alone";
  halve.alone_is_errored = true;
  world.queue.record_refused(world.queue.create_intent(again, world.clock.now()), halve, world.clock.now());
  EXPECT_EQ(count(job, RequestState::errored), 1);
  EXPECT_EQ(waiting(job), (Runs{{0, 1}, {2, 3}}));
}

TEST_F(QueuePlaces, TheNamedRequestIsFoundInTheJobWhoseItIs) {
  for (const std::uint32_t place : {0u, 3u, 4u, 7u}) {
    Refusal named;
    named.kind = RefusalKind::name_request;
    named.place = place;
    named.result = R"({"type":"errored"})";
    TemporaryFolder own;
    StageWorld fresh(own);
    const auto a = fresh.add_job(4, "first"), b = fresh.add_job(4, "second");
    NewIntent intent;
    intent.nonce = "n";
    intent.headers.version = "2023-06-01";
    intent.parts = {{{a, 0, 4}, 0, 0, {}}, {{b, 0, 4}, 0, 0, {}}};
    intent.requests = 8;
    fresh.queue.record_refused(fresh.queue.create_intent(intent, fresh.clock.now()), named, fresh.clock.now());
    const auto job = place < 4 ? a : b, other = place < 4 ? b : a;
    ASSERT_EQ(fresh.queue.outcomes(job, 0, 4).size(), 1u) << place;
    EXPECT_EQ(fresh.queue.outcomes(job, 0, 4)[0].seq, place % 4);
    EXPECT_EQ(fresh.job(job).counts[RequestState::pending], 3);
    EXPECT_EQ(fresh.job(other).counts[RequestState::pending], 4);
  }
}

TEST_F(QueuePlaces, VerbsAboutWhatIsNotThereRefuse) {
  const auto now = world.clock.now();
  EXPECT_FALSE(world.queue.intent(IntentId{9}));
  EXPECT_FALSE(world.queue.uploading_intent());
  EXPECT_TRUE(world.queue.assignments(IntentId{9}).empty());
  EXPECT_THROW(world.queue.job_bytes(JobId{9}), QueueError);
  EXPECT_TRUE(world.queue.lines(JobId{9}, 0, 5).empty());
  EXPECT_THROW(world.queue.record_refused(IntentId{9}, {}, now), QueueError);
  EXPECT_THROW(world.queue.mark_committing(IntentId{9}, now), QueueError);
  EXPECT_THROW(world.queue.mark_unknown(IntentId{9}, "", now), QueueError);
  EXPECT_THROW(world.queue.record_not_created(IntentId{9}, now), QueueError);
  EXPECT_THROW(world.queue.disprove_batch(BatchId{9}, now), QueueError);
  EXPECT_THROW(world.queue.begin_download(BatchId{9}), QueueError);
  EXPECT_THROW(world.queue.collect(BatchId{9}, {}, now), QueueError);
  EXPECT_THROW(world.queue.results_lost(BatchId{9}, "{}", "{}", now), QueueError);
  const auto job = world.add_job(2);
  EXPECT_THROW(world.queue.sent_params_bytes(job, 2), QueueError);
  EXPECT_EQ(world.queue.lines(job, 1, 50).size(), 1u);
}

// The index of a job that is shorter than it says is damage, and nothing is sent or exported from it.
TEST_F(QueuePlaces, AnIndexThatEndsTooSoonIsDamage) {
  const auto id = world.queue.announce_intake(IntakeSource::folder, "i.jsonl", {}, world.clock.now());
  Job job;
  job.id = id;
  job.name = job.file = job.data_name = "i";
  job.created_at = world.clock.now();
  job.requests = 3;
  world.queue.intake_in_claimed(id);
  world.add_index(id, std::vector<LineEntry>(2));
  world.queue.accept_job(job, false, false, world.clock.now());
  EXPECT_EQ(world.queue.lines(id, 0, 2).size(), 2u);
  EXPECT_THROW(world.queue.lines(id, 0, 3), QueueError);
  EXPECT_THROW(world.queue.sent_params_bytes(id, 2), QueueError);
}

TEST_F(QueuePlaces, ResultsOfABatchThatIsNotThereAreNotBooked) {
  const auto job = world.add_job(2);
  ResultRow row;
  row.request = {job, 0, 1};
  row.type = OutcomeType::succeeded;
  EXPECT_THROW(world.queue.record_results(BatchId{9}, 1, {row}, world.clock.now()), QueueError);
  EXPECT_TRUE(world.queue.outcomes(job, 0, 2).empty());
}

TEST_F(QueuePlaces, HalvesThatWereRefusedAtOtherTimesStayApart) {
  const auto job = world.add_job(2);
  Refusal halve;
  halve.kind = RefusalKind::halve;
  const auto a = assign({{job, 0, 1}}), b = assign({{job, 1, 1}});
  world.queue.record_refused(a, halve, world.clock.now());
  world.clock.advance(std::chrono::minutes(1));
  world.queue.record_refused(b, halve, world.clock.now());
  EXPECT_EQ(waiting(job), (Runs{{0, 1}, {1, 2}}));
}

// An attempt and an account fault may have counted to the same number, and still wait for different times.
TEST_F(QueuePlaces, WhatWaitsForAnotherTimeStaysApart) {
  const auto job = world.add_job(2);
  NewIntent intent;
  intent.nonce = "apart";
  intent.headers.version = "2023-06-01";
  intent.parts = {{{job, 0, 1}, 1, 0, {}}, {{job, 1, 1}, 0, 0, {}}};
  intent.requests = 2;
  const auto id = world.queue.create_intent(intent, world.clock.now());
  world.queue.mark_committing(id, world.clock.now());
  Batch batch;
  batch.provider_id = "msgbatch_apart";
  const auto created = world.queue.record_created(id, batch, true, world.clock.now());
  BatchSeen seen;
  seen.id = created;
  seen.state = BatchState::ended;
  world.queue.record_poll({seen}, world.clock.now());
  ResultRow fault, attempt;
  fault.request = {job, 0, 1};
  fault.action = ResultAction::account_again;
  fault.type = attempt.type = OutcomeType::errored;
  attempt.request = {job, 1, 1};
  attempt.action = ResultAction::another;
  world.queue.record_results(created, 1, {fault, attempt}, world.clock.now());
  world.queue.collect(created, {std::chrono::minutes(1), std::chrono::hours(1), 0.5, "", "", "", false},
                      world.clock.now());
  EXPECT_EQ(waiting(job), (Runs{{0, 1}, {1, 2}}));
}

TEST_F(QueuePlaces, ACancelElsewhereFindsAJobHeldAlreadyAndKeepsItsReason) {
  const auto job = world.add_job(2);
  const auto sent = world.submit();
  BatchSeen seen;
  seen.id = sent.id;
  seen.state = BatchState::ended;
  world.queue.record_poll({seen}, world.clock.now());
  world.queue.hold_job(job, "by hand");
  ResultRow row;
  row.request = {job, 0, 1};
  row.action = ResultAction::hold_again;
  row.type = OutcomeType::canceled;
  ResultRow other = row;
  other.request.first = 1;
  world.queue.record_results(sent.id, 1, {row, other}, world.clock.now());
  EXPECT_TRUE(world.queue.collect(sent.id, {}, world.clock.now()).complete);
  EXPECT_EQ(world.job(job).reason, "by hand");
  EXPECT_EQ(count(job, RequestState::pending), 2);
}

// A late twin of [3, 7) of a job of 10, wherever its requests are by then (product contract 6.6).
class TwinPlaces : public QueuePlaces {
 protected:
  TwinPlaces() : job(world.add_job(10)), lost(assign({{job, 3, 4}})) {
    world.queue.mark_committing(lost, world.clock.now());
    world.queue.mark_unknown(lost, "reset", world.clock.now());
    world.queue.record_not_created(lost, world.clock.now());
  }
  BatchId adopt(bool cancel = true) {
    Batch batch;
    batch.provider_id = "msgbatch_late";
    return world.queue.adopt_twin(lost, batch, cancel, world.clock.now());
  }
  void end(BatchId id) {
    BatchSeen seen;
    seen.id = id;
    seen.state = BatchState::ended;
    world.queue.record_poll({seen}, world.clock.now());
  }
  std::vector<ResultRow> paid(std::vector<Seq> seqs) const {
    std::vector<ResultRow> rows;
    for (const auto seq : seqs) {
      auto& row = rows.emplace_back();
      row.request = {job, seq, 1};
      row.type = OutcomeType::succeeded;
    }
    return rows;
  }
  Collected collect(BatchId twin, const std::vector<ResultRow>& rows) {
    end(twin);
    world.queue.record_results(twin, 1, rows, world.clock.now());
    return world.queue.collect(twin, {}, world.clock.now());
  }
  std::uint32_t ready() {
    std::uint32_t requests = 0;
    for (const auto& seen : world.queue.pack_view(world.clock.now(), 100).jobs) {
      for (const auto& run : seen.pending) requests += run.range.count;
    }
    return requests;
  }
  JobId job;
  IntentId lost;
};

TEST_F(TwinPlaces, OnlyTheRunThatItCarriesWaitsForIt) {
  const auto twin = adopt();
  EXPECT_EQ(ready(), 6u);
  EXPECT_TRUE(collect(twin, paid({3, 4, 5, 6})).complete);
  EXPECT_EQ(count(job, RequestState::succeeded), 4);
  EXPECT_EQ(ready(), 6u);
}

TEST_F(TwinPlaces, InASharedWorkspaceItIsNotCanceled) {
  adopt(false);
  EXPECT_TRUE(world.queue.batches_to_cancel().empty());
}

TEST_F(TwinPlaces, WhatItAnsweredWhileItWasOnItsWayAgainIsNotCommitted) {
  const auto again = assign({{job, 3, 4}});
  const auto twin = adopt();
  collect(twin, paid({3, 4, 5, 6}));
  EXPECT_FALSE(world.queue.mark_committing(again, world.clock.now()));
  refuse(again);
  EXPECT_EQ(count(job, RequestState::succeeded), 4);
  EXPECT_EQ(count(job, RequestState::pending), 6);
}

TEST_F(TwinPlaces, OfARefusedIntentOnlyWhatHasNoOutcomeComesBack) {
  const auto again = assign({{job, 3, 4}});
  end(adopt());
  world.queue.record_results(world.queue.batch("msgbatch_late")->id, 1, paid({4, 6}), world.clock.now());
  refuse(again);
  EXPECT_EQ(count(job, RequestState::succeeded), 2);
  EXPECT_EQ(count(job, RequestState::pending), 8);
  EXPECT_EQ(waiting(job), (Runs{{0, 3}, {3, 4}, {5, 6}, {7, 10}}));
}

TEST_F(TwinPlaces, AnIntentOfWhichItAnsweredEverythingMovesNothing) {
  const auto again = assign({{job, 3, 4}});
  world.queue.mark_committing(again, world.clock.now());
  world.queue.mark_unknown(again, "reset", world.clock.now());
  collect(adopt(), paid({3, 4, 5, 6}));
  Batch batch;
  batch.provider_id = "msgbatch_again";
  world.queue.record_created(again, batch, false, world.clock.now());
  EXPECT_EQ(count(job, RequestState::submitted), 0);
  EXPECT_EQ(count(job, RequestState::succeeded), 4);
}

TEST_F(TwinPlaces, TheOutcomeThatWasRecordedFirstStands) {
  const auto again = assign({{job, 3, 4}});
  world.queue.mark_committing(again, world.clock.now());
  Batch batch;
  batch.provider_id = "msgbatch_again";
  const auto created = world.queue.record_created(again, batch, true, world.clock.now());
  end(created);
  world.queue.record_results(created, 1, paid({3, 4, 5, 6}), world.clock.now());
  EXPECT_TRUE(world.queue.collect(created, {}, world.clock.now()).complete);
  EXPECT_TRUE(collect(adopt(), paid({3, 4, 5, 6})).complete);
  EXPECT_EQ(count(job, RequestState::succeeded), 4);
  for (const auto& row : world.queue.outcomes(job, 3, 4)) EXPECT_EQ(row.batch, created);
}

TEST_F(TwinPlaces, WhatWasCanceledMeanwhileStaysCanceled) {
  world.queue.cancel_job(job, world.clock.now());
  EXPECT_TRUE(collect(adopt(), paid({3, 4, 5, 6})).complete);
  EXPECT_EQ(count(job, RequestState::canceled), 10);
}

TEST_F(TwinPlaces, WhereItsResultsAreLostWhatWaitedForItGoesOn) {
  const auto twin = adopt();
  end(twin);
  EXPECT_EQ(ready(), 6u);
  const auto lost_results = world.queue.results_lost(twin, R"({"type":"errored"})", "{}", world.clock.now());
  EXPECT_EQ(lost_results.missing, 0u);
  EXPECT_EQ(ready(), 10u);
  EXPECT_EQ(count(job, RequestState::errored), 0);
}

TEST_F(QueuePlaces, OfABatchThatIsGivenUpWhatHasALineKeepsIt) {
  const auto job = world.add_job(3);
  const auto sent = world.submit();
  BatchSeen seen;
  seen.id = sent.id;
  seen.state = BatchState::ended;
  world.queue.record_poll({seen}, world.clock.now());
  ResultRow row;
  row.request = {job, 2, 1};
  row.type = OutcomeType::succeeded;
  world.queue.record_results(sent.id, 1, {row}, world.clock.now());
  EXPECT_EQ(world.queue.results_lost(sent.id, R"({"type":"errored"})", "{}", world.clock.now()).missing, 2u);
  EXPECT_EQ(count(job, RequestState::succeeded), 1);
  EXPECT_EQ(count(job, RequestState::errored), 2);
}

// The results file has the order of the input, whoever made an outcome.
TEST_F(QueuePlaces, OutcomesComeInInputOrder) {
  const auto job = world.add_job(4);
  Refusal named;
  named.kind = RefusalKind::name_request;
  named.place = 1;
  named.result = R"({"type":"errored"})";
  world.queue.record_refused(assign({{job, 0, 4}}), named, world.clock.now());
  const auto sent = world.submit();
  BatchSeen seen;
  seen.id = sent.id;
  seen.state = BatchState::ended;
  world.queue.record_poll({seen}, world.clock.now());
  std::vector<ResultRow> rows;
  for (const Seq seq : {0u, 2u, 3u}) {
    auto& row = rows.emplace_back();
    row.request = {job, seq, 1};
    row.type = OutcomeType::succeeded;
  }
  world.queue.record_results(sent.id, 1, rows, world.clock.now());
  std::vector<Seq> order;
  for (const auto& outcome : world.queue.outcomes(job, 0, 4)) order.push_back(outcome.seq);
  EXPECT_EQ(order, (std::vector<Seq>{0, 1, 2, 3}));
}

TEST_F(QueuePlaces, OnlyABatchThatHasEndedIsCollected) {
  world.add_job(2);
  const auto sent = world.submit();
  EXPECT_THROW(world.queue.collect(sent.id, {}, world.clock.now()), QueueError);
  // One that the provider does not show any more may be given up in any state, once.
  world.queue.results_lost(sent.id, "{}", "{}", world.clock.now());
  EXPECT_THROW(world.queue.results_lost(sent.id, "{}", "{}", world.clock.now()), QueueError);
}

TEST_F(QueuePlaces, AProvenBatchIsNeverDisproved) {
  world.add_job(2);
  const auto sent = world.submit();
  EXPECT_THROW(world.queue.disprove_batch(sent.id, world.clock.now()), QueueError);
  EXPECT_THROW(world.queue.rebook_batch(sent.id, "other", true, world.clock.now()), QueueError);
  EXPECT_THROW(world.queue.rebook_batch(BatchId{9}, "other", true, world.clock.now()), QueueError);
}

// What failed in a batch goes again in runs that wait for the same, and not with other jobs' requests.
TEST_F(QueuePlaces, WhatGoesAgainIsJoinedByJobAndByWhatItWaitsFor) {
  const auto first = world.add_job(6, "first"), second = world.add_job(3, "second");
  const auto sent = world.submit();
  std::vector<ResultRow> rows;
  const auto add = [&](JobId job, Seq seq, ResultAction action) {
    auto& row = rows.emplace_back();
    row.request = {job, seq, 1};
    row.action = action;
    row.type = action == ResultAction::outcome ? OutcomeType::succeeded : OutcomeType::errored;
  };
  for (Seq seq = 0; seq < 2; ++seq) add(first, seq, ResultAction::another);
  add(first, 2, ResultAction::account_again);
  add(first, 3, ResultAction::outcome);
  add(first, 4, ResultAction::another);
  add(first, 5, ResultAction::another);
  for (Seq seq = 0; seq < 3; ++seq) add(second, seq, ResultAction::account_again);
  BatchSeen seen;
  seen.id = sent.id;
  seen.state = BatchState::ended;
  world.queue.record_poll({seen}, world.clock.now());
  world.queue.record_results(sent.id, 1, rows, world.clock.now());
  const auto collected = world.queue.collect(
      sent.id, {std::chrono::seconds(30), std::chrono::hours(1), 0.5, "", "", "", false}, world.clock.now());
  EXPECT_TRUE(collected.complete);
  EXPECT_EQ(collected.again, 8u);
  EXPECT_EQ(waiting(first), (Runs{{0, 2}, {2, 3}, {4, 6}}));
  EXPECT_EQ(waiting(second), (Runs{{0, 3}}));
}

TEST_F(QueuePlaces, AJobOverItsCapIsHeldWhileRequestsWait) {
  const auto id = world.queue.announce_intake(IntakeSource::folder, "c.jsonl", {}, world.clock.now());
  Job job;
  job.id = id;
  job.name = job.file = "c";
  job.created_at = world.clock.now();
  job.requests = 4;
  job.max_cost = 1000;
  job.headers.version = "2023-06-01";
  job.data_name = "c";
  world.queue.intake_in_claimed(id);
  world.add_index(id, std::vector<LineEntry>(4));
  world.queue.accept_job(job, false, false, world.clock.now());
  const auto intent = assign({{id, 0, 2}});
  world.queue.mark_committing(intent, world.clock.now());
  Batch batch;
  batch.provider_id = "msgbatch_c";
  const auto created = world.queue.record_created(intent, batch, true, world.clock.now());
  BatchSeen seen;
  seen.id = created;
  seen.state = BatchState::ended;
  world.queue.record_poll({seen}, world.clock.now());
  ResultRow row;
  row.request = {id, 0, 1};
  row.type = OutcomeType::succeeded;
  row.cost = 999;
  row.model = "unpriced";
  row.stop_reason = "end_turn";
  world.queue.record_results(created, 1, {row}, world.clock.now());
  EXPECT_EQ(world.job(id).state, JobState::running);
  row.request.first = 1;
  row.cost = 1;
  world.queue.record_results(created, 1, {row}, world.clock.now());
  EXPECT_EQ(world.job(id).state, JobState::held);
  EXPECT_NE(world.job(id).reason.value_or("").find("max_cost_usd"), std::string::npos);
  EXPECT_EQ(world.queue.pack_view(world.clock.now(), 10).spent_today, 1000);
  const auto tallies = world.queue.tallies(id);
  EXPECT_EQ(tallies.unpriced_models.at("unpriced"), 2);
  EXPECT_EQ(tallies.stop_reasons.at("end_turn"), 2);
}

TEST_F(QueuePlaces, ARunThatWaitsForLaterSaysWhenItIsReady) {
  const auto job = world.add_job(2);
  const auto sent = world.submit();
  BatchSeen seen;
  seen.id = sent.id;
  seen.state = BatchState::ended;
  world.queue.record_poll({seen}, world.clock.now());
  ResultRow row;
  row.request = {job, 0, 1};
  row.action = ResultAction::another;
  row.type = OutcomeType::expired;
  ResultRow other = row;
  other.request.first = 1;
  world.queue.record_results(sent.id, 1, {row, other}, world.clock.now());
  world.queue.collect(sent.id, {std::chrono::minutes(10), std::chrono::hours(1), 0.5, "", "", "", false},
                      world.clock.now());
  const auto view = world.queue.pack_view(world.clock.now(), 10);
  EXPECT_TRUE(view.jobs.empty());
  ASSERT_TRUE(view.next_ready_at);
  EXPECT_GT(*view.next_ready_at, world.clock.now());
}

}  // namespace
}  // namespace offpeak
