// Downloads that end badly, on our side or the provider's: whatever it is, nothing is recorded wrongly, the batch waits
// with a reason, and what was there before stands (faults 29, 33, 36, 39, 44).
#include "results/collector.hpp"
#include "results/long_line.hpp"
#include "support/full_disk.hpp"
#include "unit/ingest/faulty_files.hpp"
#include "unit/results/stage_world.hpp"

namespace offpeak {
namespace {

using namespace std::chrono_literals;
using testing::errored_value;
using testing::failed_call;
using testing::FullDisk;
using testing::result_line;
using testing::StageWorld;
using testing::succeeded_value;

constexpr const char* canceled_value = R"({"type":"canceled"})";

class OddEnds : public ::testing::Test {
 protected:
  OddEnds()
      : world(folder),
        collector({world.database, world.provider, files, world.worker, world.worker, world.clock, world.random,
                   world.log, world.config, world.prices},
                  world.collect_bell) {}
  ~OddEnds() override { world.stop(); }

  // One operation fails while the path holds that text.
  void break_at(const std::string& operation, const std::string& part, int error = EIO) {
    files.fail = [=](const std::string& done, const std::string& path) {
      return done == operation && path.find(part) != std::string::npos ? error : 0;
    };
  }
  // Two requests of one job, whose batch has ended with both succeeded.
  StageWorld::Sent ended_batch() {
    job = world.add_job(2);
    auto sent = world.submit();
    world.end(sent, {succeeded_value("a"), succeeded_value("b")});
    return sent;
  }
  void expect_waits_then_collects(const StageWorld::Sent& sent) {
    world.start(collector.run());
    EXPECT_EQ(world.batch(sent).state, BatchState::ended);
    EXPECT_TRUE(world.batch(sent).reason);
    files.fail = nullptr;
    world.clock.advance(2h);
    EXPECT_EQ(world.batch(sent).state, BatchState::collected) << world.batch(sent).reason.value_or("");
    EXPECT_EQ(count(RequestState::succeeded), 2);
    EXPECT_NE(world.result_of(job, 1).find("\"b\""), std::string::npos);
  }
  std::int64_t count(RequestState state) { return world.job(job).counts[state]; }

  TemporaryFolder folder;
  StageWorld world;
  FaultyFiles files;
  Collector collector;
  JobId job;
};

TEST_F(OddEnds, ADownloadThatCannotBeOpenedAgainIsDownloadedAgain) {
  const auto sent = ended_batch();
  files.fail = [](const std::string& done, const std::string& path) {
    return done == "open" && path.ends_with("1.1.jsonl") ? EIO : 0;
  };
  expect_waits_then_collects(sent);
}

TEST_F(OddEnds, ADownloadThatCannotBeReadIsDownloadedAgain) {
  const auto sent = ended_batch();
  break_at("read", ".jsonl");
  expect_waits_then_collects(sent);
}

// After a failed sync nobody knows what of it is on the disk, whole or cut.
TEST_F(OddEnds, ADownloadThatCannotBeSyncedIsNotRecorded) {
  const auto sent = ended_batch();
  auto& downloads = world.provider.downloads[sent.provider_id];
  downloads.push_front({downloads.front().body, failed_call(CallFailureKind::unreachable, 0)});
  break_at("sync", ".part");
  world.start(collector.run());
  world.clock.advance(10min);
  EXPECT_GE(world.provider.count("results"), 2u);
  EXPECT_EQ(count(RequestState::succeeded), 0);
  files.fail = nullptr;
  world.clock.advance(2h);
  EXPECT_EQ(count(RequestState::succeeded), 2);
}

TEST_F(OddEnds, ADownloadThatCannotGetItsNameIsNotRecorded) {
  const auto sent = ended_batch();
  break_at("move", ".part");
  world.start(collector.run());
  EXPECT_EQ(count(RequestState::succeeded), 0);
  files.fail = nullptr;
  world.clock.advance(2h);
  EXPECT_EQ(count(RequestState::succeeded), 2);
}

TEST_F(OddEnds, ADiskThatFillsUpInTheMiddleOfADownloadIsWaitedOut) {
  job = world.add_job(2);
  const auto sent = world.submit();
  world.end(sent, {succeeded_value(std::string(2'000'000, 'a')), succeeded_value("b")});
  break_at("append", ".part", ENOSPC);
  expect_waits_then_collects(sent);
}

TEST_F(OddEnds, LinesThatCannotBeKeptAsideAreNotPassedOver) {
  for (const auto* operation : {"open", "append", "sync"}) {
    SCOPED_TRACE(operation);
    job = world.add_job(2, operation);
    const auto sent = world.submit();
    const auto values = std::vector<std::string>{succeeded_value("a"), succeeded_value("b")};
    world.end_with(sent, values,
                   result_line(sent.nonce, 0, values[0]) + "{not json\n" + result_line(sent.nonce, 1, values[1]));
    break_at(operation, "aside");
    if (std::string_view(operation) == "open") world.start(collector.run());
    world.collect_bell.notify();
    world.clock.run_until_idle();
    EXPECT_EQ(world.batch(sent).state, BatchState::ended);
    files.fail = nullptr;
    world.clock.advance(2h);
    EXPECT_EQ(world.batch(sent).state, BatchState::collected) << world.batch(sent).reason.value_or("");
    EXPECT_EQ(count(RequestState::succeeded), 2);
  }
}

TEST_F(OddEnds, AnEndWithoutAReasonGetsOne) {
  const auto sent = ended_batch();
  auto silent = failed_call(CallFailureKind::unreachable, 0);
  silent.message.clear();
  const auto whole = world.provider.downloads[sent.provider_id].front().body;
  world.provider.downloads[sent.provider_id] = {{"", silent}, {whole, std::nullopt}};
  break_at("remove", ".part");  // nor can the empty file be removed
  world.start(collector.run());
  EXPECT_EQ(world.batch(sent).reason, "the transfer was cut");
  files.fail = nullptr;
  world.clock.advance(2h);
  EXPECT_EQ(count(RequestState::succeeded), 2);
}

// faults.md 39: what a full disk kept from being recorded is recorded later, from a download of its own.
TEST_F(OddEnds, AFullDatabaseIsWaitedOut) {
  for (int fits = 0; fits < 8; ++fits) {
    SCOPED_TRACE(fits);
    job = world.add_job(2, fmt::format("job{}", fits));
    const auto sent = world.submit();
    world.end(sent, {succeeded_value("a"), succeeded_value("b")});
    {
      const FullDisk full(fits);
      if (fits == 0) world.start(collector.run());
      world.collect_bell.notify();
      world.clock.run_until_idle();
      world.clock.advance(1min);
    }
    world.clock.advance(3h);
    EXPECT_EQ(world.batch(sent).state, BatchState::collected);
    EXPECT_EQ(count(RequestState::succeeded), 2);
  }
  EXPECT_TRUE(world.log.has("error results.disk_full"));
}

// Counts that are not those of the lines: a few downloads, then they are taken as they are.
TEST_F(OddEnds, CountsThatNoLinesFitAreTakenAfterAFewDownloads) {
  const auto sent = ended_batch();
  world.provider.batch(sent.provider_id).counts = {0, 0, 2, 0, 0};
  BatchSeen seen;
  seen.id = sent.id;
  seen.state = BatchState::ended;
  seen.errored = 2;
  world.queue.record_poll({seen}, world.clock.now());
  world.start(collector.run());
  world.clock.advance(40s);
  EXPECT_EQ(world.provider.count("results"), 2u);
  EXPECT_EQ(world.batch(sent).state, BatchState::ended);
  world.clock.advance(5h);
  EXPECT_EQ(world.batch(sent).state, BatchState::collected);
  EXPECT_EQ(world.provider.count("results"), 3u);
  EXPECT_EQ(count(RequestState::succeeded), 2);
  EXPECT_TRUE(world.log.has("error results.in_doubt"));
  EXPECT_NE(world.batch(sent).reason.value_or("").find("0 succeeded, 2 errored"), std::string::npos);
}

// One request was sent and paid for five times, because a row with `type` twice was read one way and billed the other.
TEST_F(OddEnds, ARowThatIsReadOneWayAndBilledTheOtherIsSentOnce) {
  job = world.add_job(2);
  const auto sent = world.submit();
  const std::string twice = R"({"type":"succeeded","message":{"model":"claude-test","usage":{"input_tokens":10}},)"
                            R"("type":"errored","error":{"error":{"type":"overloaded_error"}}})";
  world.end_with(sent, {succeeded_value(), succeeded_value()},
                 result_line(sent.nonce, 0, succeeded_value("a")) + result_line(sent.nonce, 1, twice));
  world.start(collector.run());
  EXPECT_EQ(count(RequestState::submitted), 1);
  world.clock.advance(2h);
  EXPECT_EQ(world.batch(sent).state, BatchState::collected);
  EXPECT_EQ(world.provider.count("results"), 3u);
  EXPECT_EQ(count(RequestState::errored), 1);
  EXPECT_EQ(count(RequestState::pending), 0);
  const auto rows = world.queue.outcomes(job, 1, 1);
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].unreadable, (Unreadable{"the type of its result is given twice", true}));
  EXPECT_EQ(world.result_of(job, 1) + "\n", result_line(sent.nonce, 1, twice));
  EXPECT_EQ(world.job(job).cost, (10 * 1000 + 20 * 5000) / 2 + 10 * 1000 / 2) << "it was billed";
  EXPECT_EQ(world.queue.tallies(job).oddities, (std::map<std::string, std::int64_t>{{unreadable_error_type, 1}}));
  EXPECT_TRUE(world.queue.audit(std::nullopt).ok());
}

// Lines that say "not succeeded" of what the provider counts as succeeded: nothing is sent again on such words.
TEST_F(OddEnds, WhatTheProviderCountsAsSucceededIsNotSentAgain) {
  job = world.add_job(3);
  const auto sent = world.submit();
  world.end_with(sent, {succeeded_value(), succeeded_value(), errored_value("api_error")},
                 result_line(sent.nonce, 0, succeeded_value("a")) +
                     result_line(sent.nonce, 1, errored_value("api_error")) +
                     result_line(sent.nonce, 2, errored_value("api_error")));
  world.start(collector.run());
  world.clock.advance(1min);
  EXPECT_EQ(count(RequestState::pending), 0);
  world.clock.advance(2h);
  EXPECT_EQ(world.batch(sent).state, BatchState::collected);
  EXPECT_EQ(count(RequestState::pending), 0);
  EXPECT_EQ(count(RequestState::errored), 2);
  EXPECT_NE(world.result_of(job, 2).find(doubted_error_type), std::string::npos);
  EXPECT_EQ(world.queue.tallies(job).oddities, (std::map<std::string, std::int64_t>{{doubted_error_type, 2}}));
  EXPECT_TRUE(world.queue.audit(std::nullopt).ok());
}

TEST_F(OddEnds, WhatIsNoDoubtGoesAgainBesideALineThatCannotBeRead) {
  job = world.add_job(3);
  const auto sent = world.submit();
  world.end_with(sent, {succeeded_value(), succeeded_value(), errored_value("api_error")},
                 result_line(sent.nonce, 0, succeeded_value("a")) + result_line(sent.nonce, 1, "[]") +
                     result_line(sent.nonce, 2, errored_value("api_error")));
  world.start(collector.run());
  world.clock.advance(2h);
  EXPECT_EQ(world.batch(sent).state, BatchState::collected);
  EXPECT_EQ(count(RequestState::errored), 1);
  EXPECT_EQ(count(RequestState::pending), 1) << "the counts add up: it did not succeed";
}

TEST_F(OddEnds, ALineWithoutANameEndsTheRequestThatHasNoOther) {
  job = world.add_job(2);
  const auto sent = world.submit();
  world.end_with(sent, {succeeded_value(), succeeded_value()},
                 result_line(sent.nonce, 0, succeeded_value("a")) + "{\"custom_id\":7,\"result\":{}}\n");
  world.start(collector.run());
  world.clock.advance(2h);
  EXPECT_EQ(world.batch(sent).state, BatchState::collected);
  EXPECT_EQ(world.provider.count("results"), 3u);
  EXPECT_EQ(count(RequestState::errored), 1);
  EXPECT_NE(world.result_of(job, 1).find(missing_error_type), std::string::npos);
  EXPECT_NE(world.batch(sent).reason.value_or("").find("1 unreadable (it has no custom_id)"), std::string::npos);
}

// A file that looks whole and is not: its last line is no line, and is waited for like the others that are missing.
TEST_F(OddEnds, AFileThatWasCutAndLooksWholeEndsNothingInAHurry) {
  job = world.add_job(3);
  const auto sent = world.submit();
  const auto values = std::vector<std::string>(3, succeeded_value("a"));
  world.end(sent, values);
  auto& downloads = world.provider.downloads[sent.provider_id];
  const auto whole = downloads.front().body;
  downloads.clear();
  for (int i = 0; i < 10; ++i) downloads.push_back({whole.substr(0, whole.size() / 2), std::nullopt});
  downloads.push_back({whole, std::nullopt});
  world.start(collector.run());
  world.clock.advance(12h);
  EXPECT_EQ(world.batch(sent).state, BatchState::collected);
  EXPECT_EQ(count(RequestState::succeeded), 3);
}

// Nobody has said that the successes which were counted are not among what was seen.
TEST_F(OddEnds, ResultsThatAreLostLeaveNothingInDoubtToBeSentAgain) {
  job = world.add_job(2);
  const auto sent = world.submit();
  world.end_with(sent, {succeeded_value(), succeeded_value()}, "");
  world.provider.downloads[sent.provider_id] = {
      {result_line(sent.nonce, 0, errored_value("api_error")), failed_call(CallFailureKind::unreachable, 0)},
      {"", failed_call(CallFailureKind::not_found, 404)}};
  world.provider.batch(sent.provider_id).archived_at = world.clock.now();
  world.start(collector.run());
  world.clock.advance(2h);
  EXPECT_EQ(world.batch(sent).state, BatchState::collected);
  EXPECT_EQ(count(RequestState::pending), 0);
  EXPECT_EQ(count(RequestState::errored), 2);
}

// A row that is at fault itself: its workspace is not paused for ever, and it ends.
TEST_F(OddEnds, ARowThatAlwaysMeetsAnAccountFaultEnds) {
  job = world.add_job(2);
  const auto first = world.submit();
  world.end(first, {succeeded_value("a"), errored_value("permission_error")});
  world.start(collector.run());
  for (int tries = 1; tries <= 2; ++tries) {
    EXPECT_EQ(count(RequestState::pending), 1) << tries;
    EXPECT_EQ(world.queue.account().tries, tries) << "an accepted create clears no tries of rows";
    world.queue.resume_account();
    const auto sent = world.submit();
    world.end(sent, {errored_value("permission_error")});
    world.collect_bell.notify();
    world.clock.run_until_idle();
  }
  EXPECT_EQ(count(RequestState::errored), 1);
  EXPECT_EQ(world.result_of(job, 1), errored_value("permission_error"));
  EXPECT_FALSE(world.queue.account().paused);
}

// Whatever it is that all of them met: a few try it again before the others do.
TEST_F(OddEnds, WhereAllOfABatchFailsAlikeAFewGoFirst) {
  job = world.add_job(40, "job", 9);
  world.end(world.submit(), std::vector<std::string>(40, errored_value("overloaded_error")));
  world.start(collector.run());
  EXPECT_NE(world.job(job).reason.value_or("").find("failed alike (overloaded_error, batch msgbatch_1)"),
            std::string::npos);
  const auto ready = [&] {
    std::uint32_t count = 0;
    for (const auto& one : world.queue.pack_view(world.clock.now(), 100).jobs) {
      for (const auto& run : one.pending) count += run.range.count;
    }
    return count;
  };
  EXPECT_EQ(ready(), 0u);
  world.clock.advance(2min);
  EXPECT_EQ(ready(), 10u);
  EXPECT_EQ(world.queue.pack_view(world.clock.now(), 100).jobs.at(0).pending.at(0).most_together, 10u);
  world.end(world.submit(), std::vector<std::string>(10, errored_value("overloaded_error")));
  world.collect_bell.notify();
  world.clock.advance(5min);
  EXPECT_EQ(ready(), 10u) << "still the same few";
  world.end(world.submit(), std::vector<std::string>(10, succeeded_value()));
  world.collect_bell.notify();
  world.clock.run_until_idle();
  EXPECT_EQ(ready(), 30u);
  EXPECT_EQ(world.job(job).reason, std::nullopt);
  EXPECT_EQ(world.queue.pack_view(world.clock.now(), 100).jobs.at(0).pending.at(0).most_together, 0u);
}

TEST_F(OddEnds, WhereSomeOfABatchSucceedTheOthersGoTogether) {
  job = world.add_job(40, "job", 9);
  auto values = std::vector<std::string>(40, errored_value("overloaded_error"));
  values[7] = succeeded_value();
  world.end(world.submit(), values);
  world.start(collector.run());
  world.clock.advance(2min);
  EXPECT_EQ(world.job(job).reason, std::nullopt);
  const auto sent = world.submit();
  EXPECT_EQ(sent.requests, 39u);
}

TEST_F(OddEnds, WhereTheProviderCannotBeAskedAboutTheCountsTheDownloadIsRepeated) {
  const auto sent = ended_batch();
  BatchSeen seen;
  seen.id = sent.id;
  seen.state = BatchState::ended;
  seen.errored = 2;
  world.queue.record_poll({seen}, world.clock.now());
  world.provider.retrieve_failures = {failed_call(CallFailureKind::throttled, 529)};
  world.start(collector.run());
  EXPECT_EQ(world.batch(sent).state, BatchState::ended);
  world.clock.advance(2h);
  EXPECT_EQ(world.batch(sent).state, BatchState::collected);
}

TEST_F(OddEnds, ABatchThatSaysItHasNotEndedAfterAllIsWaitedFor) {
  const auto sent = ended_batch();
  BatchSeen seen;
  seen.id = sent.id;
  seen.state = BatchState::ended;
  seen.errored = 2;
  world.queue.record_poll({seen}, world.clock.now());
  world.provider.batch(sent.provider_id).status = ProcessingStatus::in_progress;
  world.start(collector.run());
  EXPECT_EQ(world.batch(sent).state, BatchState::ended);
  EXPECT_EQ(world.batch(sent).errored, 2) << "what it says meanwhile is not recorded as an end";
}

// faults.md 36
TEST_F(OddEnds, OnlyTheBatchItselfSaysThatItsResultsWereDeleted) {
  const auto sent = ended_batch();
  world.provider.downloads.clear();
  world.provider.retrieve_failures = {failed_call(CallFailureKind::not_found, 404),
                                      failed_call(CallFailureKind::unreachable, 0)};
  world.start(collector.run());
  EXPECT_EQ(world.batch(sent).state, BatchState::ended);
  world.clock.advance(2h);
  EXPECT_EQ(world.batch(sent).state, BatchState::ended) << "a 404 proves nothing, however often";
  world.provider.batch(sent.provider_id).status = ProcessingStatus::in_progress;
  world.clock.advance(2h);
  EXPECT_TRUE(world.log.has("error batch.went_back"));
  world.provider.batch(sent.provider_id).status = ProcessingStatus::ended;
  world.provider.batch(sent.provider_id).archived_at = world.clock.now();
  world.clock.advance(3h);
  EXPECT_EQ(world.batch(sent).state, BatchState::collected);
  EXPECT_EQ(count(RequestState::errored), 2);
  EXPECT_TRUE(world.log.has("error results.lost"));
}

TEST_F(OddEnds, AnAccountThatIsPausedAlreadyIsNotPausedAnew) {
  world.queue.pause_account("before", world.clock.now() + 1h, 3, world.clock.now());
  job = world.add_job(1);
  const auto sent = world.submit();
  world.end(sent, {errored_value("billing_error")});
  world.start(collector.run());
  EXPECT_EQ(world.batch(sent).state, BatchState::collected);
  EXPECT_EQ(world.queue.account().reason, "before");
  EXPECT_EQ(world.queue.account().tries, 3);
}

// An adopted batch whose first lines are somebody's garbage is ours as soon as one line carries our nonce.
TEST_F(OddEnds, AnAdoptedBatchIsProvenByALineFarBehind) {
  job = world.add_job(9000);
  const auto sent = world.submit(false);
  std::string body(26'000'000, 'x');
  body += '\n';
  std::vector<std::string> values(9000, canceled_value);
  for (std::uint32_t i = 0; i < 9000; ++i) body += result_line(sent.nonce, i, canceled_value);
  world.provider.block_bytes = 1'000'000;
  world.end_with(sent, values, body);
  world.queue.cancel_job(job, world.clock.now());
  world.start(collector.run());
  EXPECT_EQ(world.batch(sent).state, BatchState::collected);
  EXPECT_TRUE(world.batch(sent).proven);
  EXPECT_EQ(count(RequestState::canceled), 9000);
}

TEST_F(OddEnds, LinesOfATwinWhoseJobIsCanceledChangeNothing) {
  job = world.add_job(2);
  const auto view = world.queue.pack_view(world.clock.now(), 10);
  NewIntent intent;
  intent.nonce = std::string(24, 'd');
  intent.headers = view.jobs.at(0).headers;
  intent.parts = {{{job, 0, 2}, 0, 0, {}}};
  intent.requests = 2;
  const auto lost = world.queue.create_intent(intent, world.clock.now());
  world.queue.mark_committing(lost, world.clock.now());
  world.queue.mark_unknown(lost, "reset", world.clock.now());
  world.queue.record_not_created(lost, world.clock.now());
  world.queue.cancel_job(job, world.clock.now());
  world.queue.finish_job(job, JobState::canceled, world.clock.now());
  Batch twin;
  twin.provider_id = "msgbatch_late";
  twin.created_at = world.clock.now();
  const auto id = world.queue.adopt_twin(lost, twin, true, world.clock.now());
  BatchSeen seen;
  seen.id = id;
  seen.state = BatchState::ended;
  seen.succeeded = 2;
  world.queue.record_poll({seen}, world.clock.now());
  world.provider.downloads["msgbatch_late"] = {
      {result_line(intent.nonce, 0, succeeded_value()) + result_line(intent.nonce, 1, succeeded_value()),
       std::nullopt}};
  world.start(collector.run());
  EXPECT_EQ(world.queue.batch(id)->state, BatchState::collected);
  EXPECT_EQ(count(RequestState::canceled), 2);
}

// What download_reader does with files that fail under it, and with plans that do not cover a place.
class OddDownload : public ::testing::Test {
 protected:
  static constexpr const char* nonce = "0123456789abcdef01234567";
  static std::string line(std::uint32_t place, std::string_view value = canceled_value) {
    return result_line(nonce, place, value);
  }
  Result<ReadTally> read(const std::string& content, ReadPlan plan) {
    plan.nonce = nonce;
    plan.requests = 4;
    rows.clear();
    DownloadReader reader(files, plan);
    reader.begin(files.open(folder.write("raw", content), OpenFor::reading).value(), true);
    while (!reader.at_end()) {
      auto slice = reader.next(100);
      if (!slice) return slice.error();
      rows.insert(rows.end(), slice->begin(), slice->end());
    }
    return reader.tally();
  }
  ReadPlan whole_plan() const {
    ReadPlan plan;
    plan.assignments = {{0, {JobId{7}, 10, 4}, 0, 0, {}}};
    plan.aside_path = folder / "aside";
    return plan;
  }
  TemporaryFolder folder;
  FaultyFiles files;
  std::vector<ResultRow> rows;
};

TEST_F(OddDownload, AnUnreadableLastLineOfAWholeDownloadCounts) {
  const auto tally = read(line(0) + "{\"half", whole_plan()).value();
  EXPECT_EQ(tally.unreadable, 1u);
  EXPECT_EQ(folder.read("aside"), "{\"half\n");
}

TEST_F(OddDownload, APlaceThatNoAssignmentCoversIsForeign) {
  auto plan = whole_plan();
  plan.assignments = {{1, {JobId{7}, 10, 1}, 0, 0, {}}, {3, {JobId{7}, 20, 1}, 0, 0, {}}};
  const auto tally = read(line(0) + line(1) + line(2) + line(3), plan).value();
  EXPECT_EQ(tally.own, 2u);
  EXPECT_EQ(tally.foreign, 2u);
}

TEST_F(OddDownload, AnAnswerWithoutAModelIsCountedAsUnknown) {
  read(line(0, R"({"type":"succeeded","message":{"usage":{"input_tokens":5}}})"), whole_plan()).value();
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].model, "unknown");
}

TEST_F(OddDownload, WithoutAPlaceForThemOddLinesAreOnlyCounted) {
  auto plan = whole_plan();
  plan.aside_path.clear();
  EXPECT_EQ(read("{bad\n" + line(0), plan).value().unreadable, 1u);
  EXPECT_EQ(rows.size(), 1u);
}

TEST_F(OddDownload, WhatIsKeptAsideHasALimit) {
  folder.write("aside", "");
  std::filesystem::resize_file(folder / "aside", aside_bytes_max - 2);
  EXPECT_EQ(read("{bad\n" + line(0), whole_plan()).value().unreadable, 1u);
  EXPECT_EQ(std::filesystem::file_size(folder / "aside"), aside_bytes_max - 2);
}

// A line beyond the limit is copied in blocks: each of them may fail.
TEST_F(OddDownload, AFileThatFailsWhileALongLineIsCopiedEndsTheReading) {
  const auto content = line(0) + std::string(held_line_bytes_max + 1000, 'y') + "\n" + line(1);
  for (const std::string operation : {"read", "append"}) {
    bool aside_opened = false;
    files.fail = [&](const std::string& done, const std::string& path) {
      aside_opened = aside_opened || (done == "open" && path.ends_with("aside"));
      return aside_opened && done == operation ? EIO : 0;
    };
    EXPECT_FALSE(read(content, whole_plan())) << operation;
    files.fail = nullptr;
    std::filesystem::remove(folder / "aside");
  }
}

TEST_F(OddDownload, AFileThatFailsWhileALongLineIsPassedOverEndsTheReading) {
  auto file = files.open(folder.write("lines", std::string(2'000'000, 'a') + "\nb\n"), OpenFor::reading).value();
  LineReader reader(*file, 10);
  int reads = 0;
  files.fail = [&](const std::string& done, const std::string&) { return done == "read" && ++reads > 2 ? EIO : 0; };
  FileLine found;
  EXPECT_FALSE(reader.next(found));
}

TEST_F(OddDownload, ALineJustOverTheLimitOfItsReaderIsTooLong) {
  auto file = files.open(folder.write("lines", std::string(11, 'a') + "\nb\n"), OpenFor::reading).value();
  LineReader reader(*file, 10);
  FileLine found;
  ASSERT_TRUE(reader.next(found).value());
  EXPECT_TRUE(found.too_long);
  EXPECT_EQ(found.bytes, 11u);
  ASSERT_TRUE(reader.next(found).value());
  EXPECT_EQ(found.text, "b");
}

}  // namespace
}  // namespace offpeak
