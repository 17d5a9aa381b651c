#include "results/collector.hpp"

#include "unit/results/stage_world.hpp"

namespace offpeak {
namespace {

using namespace std::chrono_literals;
using testing::errored_value;
using testing::failed_call;
using testing::result_line;
using testing::StageWorld;
using testing::succeeded_value;
using Trouble = testing::TroubledFiles::Trouble;

constexpr const char* expired_value = R"({"type":"expired"})";
constexpr const char* canceled_value = R"({"type":"canceled"})";

CollectorDoors doors_of(StageWorld& world) {
  return {world.database, world.provider, world.files, world.worker, world.worker,
          world.clock,    world.random,   world.log,   world.config, world.prices};
}

class CollectorTest : public ::testing::Test {
 protected:
  CollectorTest() : world(folder), collector(doors_of(world), world.collect_bell) {}
  ~CollectorTest() override { world.stop(); }

  std::int64_t count(JobId job, RequestState state) { return world.job(job).counts[state]; }

  TemporaryFolder folder;
  StageWorld world;
  Collector collector;
};

TEST_F(CollectorTest, RecordsEveryLineAndCollects) {
  const auto job = world.add_job(3);
  const auto sent = world.submit();
  world.end(sent, {succeeded_value("a"), errored_value("invalid_request_error"), succeeded_value("c", "max_tokens")});
  world.start(collector.run());
  EXPECT_EQ(world.batch(sent).state, BatchState::collected);
  EXPECT_EQ(count(job, RequestState::succeeded), 2);
  EXPECT_EQ(count(job, RequestState::errored), 1);
  EXPECT_EQ(world.result_of(job, 0), succeeded_value("a"));
  EXPECT_EQ(world.result_of(job, 1), errored_value("invalid_request_error"));
  EXPECT_EQ(world.job(job).cost, 2 * (10 * 1000 + 20 * 5000) / 2);
  const auto tallies = world.queue.tallies(job);
  EXPECT_EQ(tallies.stop_reasons.at("max_tokens"), 1);
  EXPECT_EQ(tallies.usage.at("output_tokens"), 40);
}

TEST_F(CollectorTest, SleepsUntilABatchHasEnded) {
  world.start(collector.run());
  world.clock.advance(10h);
  EXPECT_TRUE(world.provider.calls.empty());
  const auto job = world.add_job(1);
  world.end(world.submit(), {succeeded_value()});
  world.collect_bell.notify();
  world.clock.run_until_idle();
  EXPECT_EQ(count(job, RequestState::succeeded), 1);
}

TEST_F(CollectorTest, WhatPassesGoesAgainUpToMaxAttemptsThenStandsAsItCame) {
  const auto job = world.add_job(2, "job", 2);
  world.end(world.submit(), {errored_value("overloaded_error"), expired_value});
  world.start(collector.run());
  EXPECT_EQ(count(job, RequestState::pending), 2);
  world.clock.advance(1min);
  world.end(world.submit(), {errored_value("overloaded_error"), expired_value});
  world.collect_bell.notify();
  world.clock.run_until_idle();
  EXPECT_EQ(count(job, RequestState::errored), 1);
  EXPECT_EQ(count(job, RequestState::expired), 1);
  EXPECT_EQ(world.result_of(job, 0), errored_value("overloaded_error"));
}

TEST_F(CollectorTest, AnAccountFaultPausesOnceAndCountsNoAttempt) {
  const auto job = world.add_job(2, "job", 1);
  world.end(world.submit(), {errored_value("billing_error"), errored_value("authentication_error")});
  world.start(collector.run());
  EXPECT_EQ(count(job, RequestState::pending), 2);
  EXPECT_TRUE(world.queue.account().paused);
  EXPECT_EQ(world.queue.account().tries, 1);
  EXPECT_EQ(world.log.count("error account.paused"), 1u);
}

TEST_F(CollectorTest, CanceledNotByUsHoldsTheJob) {
  const auto job = world.add_job(2);
  world.end(world.submit(), {succeeded_value(), canceled_value});
  world.start(collector.run());
  EXPECT_EQ(world.job(job).state, JobState::held);
  EXPECT_EQ(count(job, RequestState::pending), 1);
}

TEST_F(CollectorTest, ACanceledJobKeepsTheTrueOutcomes) {
  const auto job = world.add_job(4);
  const auto sent = world.submit();
  world.queue.cancel_job(job, world.clock.now());
  world.end(sent, {succeeded_value(), canceled_value, errored_value("api_error"), expired_value});
  world.start(collector.run());
  EXPECT_EQ(count(job, RequestState::succeeded), 1);
  EXPECT_EQ(count(job, RequestState::canceled), 1);
  EXPECT_EQ(count(job, RequestState::errored), 1);
  EXPECT_EQ(count(job, RequestState::expired), 1);
  EXPECT_EQ(world.batch(sent).state, BatchState::collected);
}

// faults.md 29
TEST_F(CollectorTest, ADownloadCutAtAnyByteStartsOverAndChangesNothingTwice) {
  const std::vector<std::string> values{succeeded_value("a"), errored_value("api_error"), succeeded_value("b")};
  const auto job = world.add_job(3, "job", 1);
  const auto sent = world.submit();
  world.end(sent, values);
  auto& downloads = world.provider.downloads[sent.provider_id];
  const auto whole = downloads.front().body;
  downloads.clear();
  for (std::size_t cut = 0; cut < whole.size(); cut += 7) {
    downloads.push_back({whole.substr(0, cut), failed_call(CallFailureKind::unreachable, 200)});
  }
  const auto cuts = downloads.size();
  downloads.push_back({whole, std::nullopt});
  world.start(collector.run());
  ASSERT_TRUE(world.clock.advance_until([&] { return world.batch(sent).state == BatchState::collected; }, 10 * 24h));
  EXPECT_EQ(world.provider.count("results"), cuts + 1);
  for (Seq seq = 0; seq < 3; ++seq) EXPECT_EQ(world.result_of(job, seq), values[seq]);
  EXPECT_EQ(world.job(job).cost, 2 * (10 * 1000 + 20 * 5000) / 2);
  // Downloads that brought nothing new are not kept.
  std::size_t kept = 0;
  for (const auto& file : world.files.list(folder / "downloads").value()) kept += file.bytes > 0 ? 1 : 0;
  EXPECT_LE(kept, 4u);
}

// faults.md 30
TEST_F(CollectorTest, DuplicateLinesChangeNothing) {
  const auto job = world.add_job(2);
  const auto sent = world.submit();
  const auto body = result_line(sent.nonce, 0, succeeded_value("first")) +
                    result_line(sent.nonce, 0, succeeded_value("second")) +
                    result_line(sent.nonce, 1, succeeded_value("x")) + result_line(sent.nonce, 1, succeeded_value("x"));
  world.end_with(sent, {succeeded_value(), succeeded_value()}, body);
  world.start(collector.run());
  EXPECT_EQ(world.batch(sent).state, BatchState::collected);
  EXPECT_EQ(world.result_of(job, 0), succeeded_value("first"));
  EXPECT_TRUE(world.log.has("results.odd_lines"));
  EXPECT_TRUE(world.log.has("1 said twice, 1 contradicting"));
  EXPECT_EQ(folder.read("downloads/1.aside.jsonl"), result_line(sent.nonce, 0, succeeded_value("second")));
  // Never the content of a line.
  EXPECT_FALSE(world.log.has("second"));
}

// faults.md 31, 34
TEST_F(CollectorTest, MoreLinesThanRequestsAreKeptAsideAndReported) {
  const auto job = world.add_job(1);
  const auto sent = world.submit();
  const auto stranger = result_line("ffffffffffffffffffffffff", 0, succeeded_value());
  world.end_with(sent, {succeeded_value()}, stranger + result_line(sent.nonce, 0, succeeded_value()) + stranger);
  world.start(collector.run());
  EXPECT_EQ(world.batch(sent).state, BatchState::collected);
  EXPECT_EQ(count(job, RequestState::succeeded), 1);
  EXPECT_TRUE(world.log.has("2 of unknown ids"));
  EXPECT_EQ(folder.read("downloads/1.aside.jsonl"), stranger + stranger);
}

// faults.md 31
TEST_F(CollectorTest, AnAdoptedBatchOfStrangersIsDisproved) {
  const auto job = world.add_job(1);
  const auto sent = world.submit(false);
  world.end_with(sent, {succeeded_value()}, result_line("ffffffffffffffffffffffff", 0, succeeded_value()));
  world.start(collector.run());
  EXPECT_FALSE(world.queue.batch(sent.id));
  EXPECT_EQ(world.queue.unknown_intents().size(), 1u);
  EXPECT_EQ(count(job, RequestState::assigned), 1);
}

TEST_F(CollectorTest, AnAdoptedBatchIsProvenByItsFirstLine) {
  world.add_job(1);
  const auto sent = world.submit(false);
  world.end(sent, {succeeded_value()});
  world.start(collector.run());
  EXPECT_TRUE(world.batch(sent).proven);
  EXPECT_EQ(world.batch(sent).state, BatchState::collected);
}

TEST_F(CollectorTest, AnAdoptedBatchWithLinesOfBothIsAnAlarmAndHoldsTheJob) {
  const auto job = world.add_job(4);
  const auto sent = world.submit(false);
  const std::vector<std::string> counted(4, succeeded_value());
  constexpr const char* other = "ffffffffffffffffffffffff";
  world.end_with(sent, counted,
                 result_line(other, 0, counted[0]) + result_line(other, 1, counted[0]) +
                     result_line(sent.nonce, 0, counted[0]) + result_line(sent.nonce, 1, counted[0]));
  world.start(collector.run());
  EXPECT_EQ(world.job(job).state, JobState::held);
  EXPECT_EQ(world.log.count("error results.mixed"), 1u);
  EXPECT_EQ(count(job, RequestState::succeeded), 2);
}

TEST_F(CollectorTest, AStrayLineGoesAsideAndHoldsNothing) {
  const auto job = world.add_job(2);
  const auto sent = world.submit(false);
  world.end_with(sent, {succeeded_value(), succeeded_value()},
                 result_line("ffffffffffffffffffffffff", 0, succeeded_value()) +
                     result_line(sent.nonce, 0, succeeded_value()) + result_line(sent.nonce, 1, succeeded_value()));
  world.start(collector.run());
  EXPECT_EQ(world.job(job).state, JobState::running);
  EXPECT_EQ(world.batch(sent).state, BatchState::collected);
  EXPECT_EQ(world.log.count("results.odd_lines"), 1u);
  EXPECT_EQ(count(job, RequestState::succeeded), 2);
}

// faults.md 31
TEST_F(CollectorTest, AProvenBatchOfStrangersIsNeverDisproved) {
  const auto job = world.add_job(1);
  const auto sent = world.submit();
  world.end_with(sent, {succeeded_value()}, result_line("ffffffffffffffffffffffff", 0, succeeded_value()));
  world.start(collector.run());
  world.clock.advance(5h);
  EXPECT_EQ(world.batch(sent).state, BatchState::ended);
  EXPECT_EQ(count(job, RequestState::submitted), 1);
  world.clock.advance(9 * 24h);
  EXPECT_EQ(world.batch(sent).state, BatchState::collected);
  EXPECT_NE(world.result_of(job, 0).find(missing_error_type), std::string::npos);
}

// faults.md 32
TEST_F(CollectorTest, AnUnreadableLineLeavesItsBatchOpenAndTheOthersRecorded) {
  const auto job = world.add_job(3);
  const auto sent = world.submit();
  const auto good = result_line(sent.nonce, 0, succeeded_value()) + result_line(sent.nonce, 2, succeeded_value());
  world.end_with(sent, {succeeded_value(), succeeded_value(), succeeded_value()},
                 result_line(sent.nonce, 1, "{\"type\":\"succeeded\",\"message\":\xff}") + good);
  world.start(collector.run());
  EXPECT_EQ(world.batch(sent).state, BatchState::ended);
  EXPECT_EQ(count(job, RequestState::succeeded), 2);
  EXPECT_TRUE(world.log.has("1 unreadable (it is no JSON)"));
  world.provider.downloads[sent.provider_id] = {
      {good + result_line(sent.nonce, 1, succeeded_value("late")), std::nullopt}};
  world.clock.advance(1min);
  EXPECT_EQ(world.batch(sent).state, BatchState::collected);
  EXPECT_EQ(world.result_of(job, 1), succeeded_value("late"));
}

// faults.md 33
TEST_F(CollectorTest, MissingLinesAreDownloadedAgainForADayAndNeverSentAgain) {
  const auto job = world.add_job(2, "job", 5);
  const auto sent = world.submit();
  world.end_with(sent, {succeeded_value(), succeeded_value()}, result_line(sent.nonce, 0, succeeded_value()));
  world.start(collector.run());
  world.clock.advance(5h);
  EXPECT_EQ(world.batch(sent).state, BatchState::ended);
  EXPECT_EQ(count(job, RequestState::submitted), 1);
  EXPECT_NE(world.batch(sent).reason.value_or("").find("1 of 2 requests have a line"), std::string::npos);
  EXPECT_TRUE(world.batch(sent).next_action_at);
  world.clock.advance(40h);
  EXPECT_EQ(world.batch(sent).state, BatchState::collected);
  EXPECT_EQ(world.provider.count("results"), downloads_of_missing);
  EXPECT_EQ(count(job, RequestState::pending), 0);
  EXPECT_EQ(count(job, RequestState::errored), 1);
  EXPECT_NE(world.result_of(job, 1).find(missing_error_type), std::string::npos);
}

// faults.md 35
TEST_F(CollectorTest, AnEmptyDownloadIsNoResult) {
  const auto job = world.add_job(1);
  const auto sent = world.submit();
  world.end_with(sent, {succeeded_value()}, "");
  world.start(collector.run());
  EXPECT_EQ(world.batch(sent).state, BatchState::ended);
  EXPECT_EQ(count(job, RequestState::submitted), 1);
  world.end(sent, {succeeded_value()}, false);
  world.clock.advance(1min);
  EXPECT_EQ(world.batch(sent).state, BatchState::collected);
}

// faults.md 35. A proxy may serve it for days: the results that were paid for are still at the provider.
TEST_F(CollectorTest, APageInPlaceOfTheResultsEndsNoRequest) {
  const auto job = world.add_job(2);
  const auto sent = world.submit();
  world.end_with(sent, {succeeded_value(), succeeded_value()}, "");
  world.start(collector.run());
  for (const std::string page : {"<html>\r\n<body>\r\nmaintenance\r\n</body>\r\n</html>\r\n",
                                 "{\"message\":\"maintenance\"}\n{\"retry\":true}\n", "try again later\n"}) {
    world.end_with(sent, {succeeded_value(), succeeded_value()}, page, false);
    world.clock.advance(40h);
    EXPECT_EQ(world.batch(sent).state, BatchState::ended) << page;
    EXPECT_EQ(count(job, RequestState::submitted), 2) << page;
  }
  world.end(sent, {succeeded_value(), succeeded_value()}, false);
  world.clock.advance(2h);
  EXPECT_EQ(world.batch(sent).state, BatchState::collected);
  EXPECT_EQ(count(job, RequestState::succeeded), 2);
}

// faults.md 26
TEST_F(CollectorTest, CountsThatDisagreeAreTakenAfterAFewDownloads) {
  const auto job = world.add_job(2);
  const auto sent = world.submit();
  const auto body = result_line(sent.nonce, 0, succeeded_value()) + result_line(sent.nonce, 1, succeeded_value());
  world.end_with(sent, {succeeded_value(), expired_value}, body);
  world.start(collector.run());
  EXPECT_EQ(world.batch(sent).state, BatchState::ended);
  EXPECT_EQ(world.provider.count("retrieve"), 1u);
  world.clock.advance(2h);
  EXPECT_EQ(world.batch(sent).state, BatchState::collected);
  EXPECT_EQ(world.provider.count("results"), 3u);
  EXPECT_EQ(world.log.count("error results.in_doubt"), 1u);
  EXPECT_EQ(count(job, RequestState::succeeded), 2);
}

// faults.md 26
TEST_F(CollectorTest, CountsThatChangeAfterTheEndAreAskedForAgain) {
  world.add_job(2);
  const auto sent = world.submit();
  world.end(sent, {succeeded_value(), expired_value});
  const auto body = result_line(sent.nonce, 0, succeeded_value()) + result_line(sent.nonce, 1, succeeded_value());
  world.end_with(sent, {succeeded_value(), succeeded_value()}, body, false);
  world.start(collector.run());
  EXPECT_EQ(world.batch(sent).state, BatchState::collected);
  EXPECT_EQ(world.batch(sent).succeeded, 2);
  EXPECT_FALSE(world.log.has("error"));
}

TEST_F(CollectorTest, A404RightAfterTheEndIsWaitedOut) {
  const auto job = world.add_job(1);
  const auto sent = world.submit();
  world.end(sent, {succeeded_value()});
  world.provider.downloads[sent.provider_id].push_front({"", failed_call(CallFailureKind::not_found, 404)});
  world.start(collector.run());
  EXPECT_EQ(world.batch(sent).state, BatchState::ended);
  world.clock.advance(1min);
  EXPECT_EQ(count(job, RequestState::succeeded), 1);
}

// faults.md 20: by our clock the 29 days are over, by the provider they are not.
TEST_F(CollectorTest, A404WhileOurClockIsFarAheadLosesNothing) {
  const auto job = world.add_job(1);
  const auto sent = world.submit();
  world.end(sent, {succeeded_value()});
  world.provider.downloads[sent.provider_id].push_front({"", failed_call(CallFailureKind::not_found, 404)});
  world.clock.advance(40 * 24h);
  world.start(collector.run());
  EXPECT_EQ(world.batch(sent).state, BatchState::ended);
  world.clock.advance(1min);
  EXPECT_EQ(count(job, RequestState::succeeded), 1);
}

TEST_F(CollectorTest, RetryAfterBinds) {
  world.add_job(1);
  const auto sent = world.submit();
  world.end(sent, {succeeded_value()});
  world.provider.downloads[sent.provider_id].push_front({"", failed_call(CallFailureKind::throttled, 429, 10min)});
  world.start(collector.run());
  world.clock.advance(10min - 1s);
  EXPECT_EQ(world.provider.count("results"), 1u);
  world.clock.advance(1s);
  EXPECT_EQ(world.batch(sent).state, BatchState::collected);
}

// faults.md 36
TEST_F(CollectorTest, ResultsThatWereDeletedAreLostAndNeverSentAgain) {
  const auto job = world.add_job(2, "job", 5);
  const auto sent = world.submit();
  world.end(sent, {succeeded_value(), succeeded_value()});
  world.provider.downloads.clear();
  world.clock.advance(40 * 24h);
  world.provider.batch(sent.provider_id).archived_at = world.clock.now();
  world.start(collector.run());
  EXPECT_EQ(world.batch(sent).state, BatchState::collected);
  EXPECT_EQ(count(job, RequestState::errored), 2);
  EXPECT_EQ(count(job, RequestState::pending), 0);
  EXPECT_NE(world.result_of(job, 1).find("offpeak_results_lost"), std::string::npos);
  EXPECT_EQ(world.log.count("error results.lost"), 1u);
}

// faults.md 36
TEST_F(CollectorTest, ResultsThatAreStillThereAreTakenHoweverLate) {
  const auto job = world.add_job(1);
  const auto sent = world.submit();
  world.end(sent, {succeeded_value()});
  world.clock.advance(40 * 24h);
  world.start(collector.run());
  EXPECT_EQ(count(job, RequestState::succeeded), 1);
}

// faults.md 36
TEST_F(CollectorTest, WhatCannotBeCollectedIsAnAlarmAfterTwentyDaysAndLostAfterTwentyNine) {
  const auto job = world.add_job(2);
  const auto sent = world.submit();
  world.config.retry.max_backoff = 24h;
  world.end(sent, {succeeded_value(), succeeded_value()});
  world.provider.downloads[sent.provider_id] = {
      {result_line(sent.nonce, 0, succeeded_value()), failed_call(CallFailureKind::unreachable, 0)}};
  world.start(collector.run());
  world.clock.advance(19 * 24h);
  EXPECT_FALSE(world.log.has("error"));
  world.clock.advance(2 * 24h);
  EXPECT_TRUE(world.log.has("error results.at_risk"));
  EXPECT_EQ(world.batch(sent).state, BatchState::ended);
  world.provider.downloads.clear();
  world.provider.batch(sent.provider_id).archived_at = world.clock.now() + 8 * 24h;
  world.clock.advance(10 * 24h);
  EXPECT_EQ(world.batch(sent).state, BatchState::collected);
  EXPECT_EQ(count(job, RequestState::succeeded), 1);
  EXPECT_EQ(count(job, RequestState::errored), 1);
}

// Ten years ahead every batch looks as if its results had been deleted long ago.
TEST_F(CollectorTest, AClockThatJumpsAheadLosesNoResults) {
  const auto job = world.add_job(2);
  const auto sent = world.submit();
  world.end(sent, {succeeded_value(), succeeded_value()});
  auto& downloads = world.provider.downloads[sent.provider_id];
  downloads.push_front({"", failed_call(CallFailureKind::not_found, 404)});
  downloads.push_front({result_line(sent.nonce, 0, succeeded_value()), std::nullopt});
  world.clock.jump_wall(3652 * 24h);
  world.start(collector.run());
  world.clock.advance(2h);
  EXPECT_EQ(count(job, RequestState::succeeded), 2);
}

// A download that waits for its next try must not wait ten years for it.
TEST_F(CollectorTest, AClockThatIsSetBackDelaysADownloadByAnHourAtMost) {
  world.add_job(1);
  const auto sent = world.submit();
  world.end(sent, {succeeded_value()});
  world.provider.downloads[sent.provider_id].push_front({"", failed_call(CallFailureKind::throttled, 500)});
  world.start(collector.run());
  EXPECT_EQ(world.batch(sent).state, BatchState::ended);
  world.clock.jump_wall(-3652 * 24h);
  world.clock.advance(61min);
  EXPECT_EQ(world.batch(sent).state, BatchState::collected);
}

TEST_F(CollectorTest, AnArchivedBatchIsNotDownloaded) {
  const auto job = world.add_job(1);
  const auto sent = world.submit();
  world.end(sent, {succeeded_value()});
  BatchSeen seen{sent.id, BatchState::ended, 0, 1, 0, 0, 0, world.clock.now(), world.clock.now()};
  world.queue.record_poll({seen}, world.clock.now());
  world.start(collector.run());
  EXPECT_EQ(world.provider.count("results"), 0u);
  EXPECT_EQ(count(job, RequestState::errored), 1);
}

// faults.md 39
TEST_F(CollectorTest, AFullDiskIsWaitedOut) {
  const auto job = world.add_job(2);
  const auto sent = world.submit();
  world.end(sent, {succeeded_value(), succeeded_value()});
  world.files.set_full(true);
  world.start(collector.run());
  world.clock.advance(1h);
  EXPECT_EQ(world.batch(sent).state, BatchState::ended);
  EXPECT_TRUE(world.files.list(folder / "downloads").value().empty());
  world.files.set_full(false);
  world.clock.advance(2h);
  EXPECT_EQ(world.batch(sent).state, BatchState::collected);
  EXPECT_EQ(count(job, RequestState::succeeded), 2);
}

// A line that is recorded before its bytes are durable would lose its result with the power.
TEST_F(CollectorTest, WhatCannotBeSyncedIsNotRecorded) {
  const auto job = world.add_job(2);
  const auto sent = world.submit();
  world.end(sent, {succeeded_value(), succeeded_value()});
  world.provider.downloads[sent.provider_id].push_front(
      {result_line(sent.nonce, 0, succeeded_value()), failed_call(CallFailureKind::unreachable, 0)});
  world.files.set_unsyncable(true);
  world.start(collector.run());
  world.clock.advance(1h);
  EXPECT_EQ(count(job, RequestState::succeeded), 0);
  EXPECT_TRUE(world.files.list(folder / "downloads").value().empty());
  world.files.set_unsyncable(false);
  world.clock.advance(2h);
  EXPECT_EQ(count(job, RequestState::succeeded), 2);
}

// A life with trouble at its n-th operation, then another one without; what stands in the end.
std::string collect_after_trouble(Trouble trouble, int operation, int steps, bool& hit) {
  TemporaryFolder folder;
  std::vector<std::string> values;
  for (int i = 0; i < 40; ++i)
    values.push_back(i % 5 == 4 ? errored_value("not_found_error") : succeeded_value(std::to_string(i)));
  StageWorld::Sent sent;
  std::map<std::string, std::deque<testing::FakeProvider::Download>> downloads;
  std::vector<ProviderBatch> batches;
  {
    StageWorld world(folder);
    world.add_job(40);
    sent = world.submit();
    world.end(sent, values);
    downloads = world.provider.downloads;
    batches = world.provider.batches;
    world.files.trouble_at(trouble, operation);
    Collector collector(doors_of(world), world.collect_bell);
    if (steps > 0) {
      world.group.spawn("collector", collector.run());
      world.run_steps(steps);
      hit = world.batch(sent).state != BatchState::collected;
    } else {
      world.start(collector.run());
      hit = world.files.hit();
    }
    world.stop();
  }
  StageWorld world(folder);
  world.provider.downloads = downloads;
  world.provider.batches = batches;
  Collector collector(doors_of(world), world.collect_bell);
  world.start(collector.run());
  world.clock.advance(2h);
  EXPECT_EQ(world.batch(sent).state, BatchState::collected);
  std::string all;
  for (Seq seq = 0; seq < 40; ++seq) all += world.result_of(JobId{1}, seq) + "\n";
  all += std::to_string(world.job(JobId{1}).cost);
  for (const auto& file : world.files.list(folder / "downloads").value()) EXPECT_FALSE(file.name.ends_with(".part"));
  return all;
}

// One slice is read while the one before is recorded.
TEST_F(CollectorTest, ADownloadOfManySlicesIsRecordedWhole) {
  const auto job = world.add_job(20'000);
  const auto sent = world.submit();
  world.end(sent, std::vector<std::string>(20'000, canceled_value));
  world.queue.cancel_job(job, world.clock.now());
  world.start(collector.run());
  EXPECT_EQ(world.batch(sent).state, BatchState::collected);
  EXPECT_EQ(count(job, RequestState::canceled), 20'000);
}

TEST_F(CollectorTest, AStopWhileOneSliceIsReadAndOneRecordedLosesNothing) {
  const auto job = world.add_job(20'000);
  const auto sent = world.submit();
  world.end(sent, std::vector<std::string>(20'000, canceled_value));
  world.queue.cancel_job(job, world.clock.now());
  int lives = 0;
  for (int steps = 1; world.batch(sent).state != BatchState::collected; steps += 9) {
    ASSERT_LT(++lives, 100);
    TaskGroup group(world.context.get_executor());
    Collector another(doors_of(world), world.collect_bell);
    group.spawn("collector", another.run());
    world.run_steps(steps);
    group.cancel();
    world.clock.run_until_idle();
    ASSERT_EQ(group.size(), 0u);
  }
  EXPECT_GT(lives, 3);
  EXPECT_EQ(count(job, RequestState::canceled), 20'000);
}

// faults.md 37
TEST(CollectorCrash, AKillAtAnyFileOperationChangesNothingTwice) {
  bool hit = true;
  const auto expected = collect_after_trouble(Trouble::none, 0, 0, hit);
  int operation = 1;
  for (hit = true; hit && operation < 100; ++operation) {
    EXPECT_EQ(collect_after_trouble(Trouble::kill, operation, 0, hit), expected) << operation;
  }
  EXPECT_GT(operation, 5);
}

// faults.md 39
TEST(CollectorCrash, AFullDiskAtAnyFileOperationChangesNothingTwice) {
  bool hit = true;
  const auto expected = collect_after_trouble(Trouble::none, 0, 0, hit);
  int operation = 1;
  for (hit = true; hit && operation < 100; ++operation) {
    EXPECT_EQ(collect_after_trouble(Trouble::disk_full, operation, 0, hit), expected) << operation;
  }
  EXPECT_GT(operation, 5);
}

// faults.md 37
TEST(CollectorCrash, AStopBetweenAnyTwoStepsChangesNothingTwice) {
  bool hit = true;
  const auto expected = collect_after_trouble(Trouble::none, 0, 0, hit);
  int steps = 1;
  for (hit = true; hit && steps < 200; ++steps) {
    EXPECT_EQ(collect_after_trouble(Trouble::none, 0, steps, hit), expected) << steps;
  }
  EXPECT_GT(steps, 10);
}

}  // namespace
}  // namespace offpeak
