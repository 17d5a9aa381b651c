// A download that comes as several files: recorded while it arrives, and whatever becomes of one of them, the lines of
// the others count once (faults 29, 37, 39, 40).
#include <filesystem>
#include <optional>
#include <set>

#include "results/arriving_rows.hpp"
#include "results/collector.hpp"
#include "results/results_transfer.hpp"
#include "support/full_disk.hpp"
#include "unit/ingest/faulty_files.hpp"
#include "unit/results/stage_world.hpp"

namespace offpeak {
namespace {

using namespace std::chrono_literals;
using testing::failed_call;
using testing::result_line;
using testing::StageWorld;
using testing::succeeded_value;

constexpr std::uint64_t file_bytes = 1500;
constexpr std::uint32_t requests = 40;

class TransferTest : public ::testing::Test {
 protected:
  TransferTest()
      : world(folder),
        collector({world.database, world.provider, files, world.worker, world.worker, world.clock, world.random,
                   world.log, world.config, world.prices},
                  world.collect_bell, file_bytes),
        job(world.add_job(requests)),
        sent(world.submit()) {
    for (std::uint32_t i = 0; i < requests; ++i) values.push_back(succeeded_value("answer " + std::to_string(i)));
    world.end(sent, values);
  }
  ~TransferTest() override { world.stop(); }

  const std::string& body() { return world.provider.downloads[sent.provider_id].back().body; }
  std::int64_t succeeded() { return world.job(job).counts[RequestState::succeeded]; }
  std::vector<std::string> downloads() {
    std::vector<std::string> names;
    for (const auto& file : SystemFiles().list(folder / "downloads").value()) names.push_back(file.name);
    return names;
  }
  void break_at(const std::string& operation, const std::string& path_end, int error) {
    files.fail = [=](const std::string& done, const std::string& path) {
      return done == operation && path.ends_with(path_end) ? error : 0;
    };
  }
  void expect_collected() {
    EXPECT_EQ(world.batch(sent).state, BatchState::collected) << world.batch(sent).reason.value_or("");
    EXPECT_EQ(succeeded(), requests);
    for (Seq i = 0; i < requests; ++i) EXPECT_EQ(world.result_of(job, i), values[i]);
    for (const auto& name : downloads()) EXPECT_FALSE(name.ends_with(".part")) << name;
  }

  TemporaryFolder folder;
  StageWorld world;
  FaultyFiles files;
  Collector collector;
  std::vector<std::string> values;
  JobId job;
  StageWorld::Sent sent;
};

TEST_F(TransferTest, FilesAreWholeLinesAndTogetherTheDownload) {
  world.start(collector.run());
  expect_collected();
  std::string all;
  const auto count = downloads().size();
  EXPECT_GE(count, 5U);
  for (std::size_t n = 1; n <= count; ++n) {
    const auto file = folder.read("downloads/1." + std::to_string(n) + ".jsonl");
    EXPECT_TRUE(file.ends_with('\n')) << n;
    if (n < count) EXPECT_GE(file.size(), file_bytes) << n;
    EXPECT_LT(file.size(), file_bytes + 1000) << n;
    all += file;
  }
  EXPECT_EQ(all, body());
}

TEST_F(TransferTest, TheFirstLinesAreRecordedWhileTheLastOnesArrive) {
  std::int64_t recorded = 0;
  world.provider.before_block = [&](std::size_t) { recorded = succeeded(); };
  world.start(collector.run());
  EXPECT_GT(recorded, 0);
  EXPECT_LT(recorded, requests);
  expect_collected();
}

// Whoever records may be slow: only a few slices are read ahead of it.
TEST_F(TransferTest, NotMoreIsReadAheadThanThereIsRoomFor) {
  std::filesystem::create_directories(world.config.paths.downloads());
  std::set<std::string> opened;
  files.fail = [&](const std::string& done, const std::string& path) {
    if (done == "open" && path.ends_with(".jsonl")) opened.insert(path);
    return 0;
  };
  const auto executor = world.context.get_executor();
  const auto batch = world.batch(sent);
  ResultsTransfer transfer(executor, {world.database, world.provider, files, world.worker, world.clock},
                           {world.config.paths.downloads(), file_bytes}, batch);
  ReadPlan plan;
  plan.nonce = batch.nonce;
  plan.requests = batch.requests;
  plan.prices = world.prices;
  ArrivingRows rows(executor, {world.database, files, world.worker, world.clock}, transfer, batch.intent, plan);
  TaskGroup group(executor);
  group.spawn("download results", transfer.run());
  group.spawn("read results", rows.run());
  world.clock.run_until_idle();
  EXPECT_GE(downloads().size(), 5U);
  EXPECT_EQ(opened.size(), 3U) << "two that wait to be recorded, and one that waits for room";

  std::size_t read = 0;
  group.spawn("record", [](ArrivingRows& from, std::size_t& count) -> Task<> {
    while (const auto slice = co_await from.next()) count += slice->rows.size();
  }(rows, read));
  world.clock.run_until_idle();
  EXPECT_EQ(group.size(), 0U);
  EXPECT_EQ(read, requests);
  EXPECT_EQ(rows.tally().own, requests);
  EXPECT_EQ(opened.size(), downloads().size());
}

// However the bytes are cut into blocks, and wherever a file ends.
TEST_F(TransferTest, BlocksOfAnySizeMakeTheSameRecords) {
  for (const std::size_t bytes : {1U, 7U, 333U, 1500U, 1U << 20U}) {
    SCOPED_TRACE(bytes);
    world.provider.block_bytes = bytes;
    const auto before = succeeded();
    const auto other = world.add_job(3, "job" + std::to_string(bytes));
    const auto batch = world.submit();
    world.end(batch, {values[0], values[1], values[2]});
    if (before == 0) world.start(collector.run());
    world.collect_bell.notify();
    world.clock.run_until_idle();
    EXPECT_EQ(world.batch(batch).state, BatchState::collected);
    for (Seq i = 0; i < 3; ++i) EXPECT_EQ(world.result_of(other, i), values[i]);
  }
  expect_collected();
}

TEST_F(TransferTest, ACutKeepsWhatCameAndTheNextOneAddsWhatIsMissing) {
  const auto whole = body();
  const auto half = whole.substr(0, whole.size() / 2);
  world.provider.downloads[sent.provider_id] = {{half, failed_call(CallFailureKind::unreachable, 0)},
                                                {whole, std::nullopt}};
  world.start(collector.run());
  const auto first = succeeded();
  EXPECT_GT(first, requests / 3);
  EXPECT_LT(first, requests);
  EXPECT_EQ(world.batch(sent).state, BatchState::ended);
  const auto kept = downloads().size();
  world.clock.advance(2h);
  expect_collected();
  // Files of the second download that say nothing new are removed.
  EXPECT_LT(downloads().size(), 2 * kept + 2);
}

TEST_F(TransferTest, ALineThatIsSaidAgainInALaterFileCountsOnce) {
  const auto whole = body();
  world.provider.downloads[sent.provider_id] = {{whole + whole, std::nullopt}};
  world.start(collector.run());
  expect_collected();
  EXPECT_EQ(world.log.count("warning results.odd_lines"), 1u);
  EXPECT_EQ(world.job(job).cost, requests * (10 * 1000 + 20 * 5000) / 2);
}

// Of the third file nobody knows what is on the disk: its lines do not count, those of the first two do.
TEST_F(TransferTest, AFileThatCannotBeSyncedIsNotRecordedAndTheOnesBeforeItAre) {
  break_at("sync", "1.3.jsonl.part", EIO);
  world.start(collector.run());
  const auto first = succeeded();
  EXPECT_GT(first, 0);
  EXPECT_LT(first, requests / 2);
  EXPECT_EQ(world.batch(sent).state, BatchState::ended);
  files.fail = nullptr;
  world.clock.advance(2h);
  expect_collected();
}

TEST_F(TransferTest, ADiskThatIsFullAtALaterFileIsWaitedOutWithItsSpaceGivenBack) {
  break_at("append", "1.3.jsonl.part", ENOSPC);
  world.start(collector.run());
  EXPECT_GT(succeeded(), 0);
  EXPECT_EQ(world.batch(sent).state, BatchState::ended);
  for (const auto& name : downloads()) EXPECT_FALSE(name.ends_with(".part")) << name;
  files.fail = nullptr;
  world.clock.advance(2h);
  expect_collected();
}

TEST_F(TransferTest, AFileThatCannotBeReadEndsTheTransferAndAllIsDownloadedAgain) {
  break_at("open", "1.2.jsonl", EIO);
  world.start(collector.run());
  EXPECT_GT(succeeded(), 0);
  EXPECT_EQ(world.batch(sent).state, BatchState::ended);
  EXPECT_TRUE(world.batch(sent).reason);
  EXPECT_EQ(downloads(), std::vector<std::string>{"1.1.jsonl"});
  files.fail = nullptr;
  world.clock.advance(2h);
  expect_collected();
}

// What was read ahead and not recorded gives its space back; the file of which nobody knows whether it was recorded may
// stay.
TEST_F(TransferTest, ADatabaseWithoutSpaceKeepsNoFileThatNothingRefersTo) {
  std::optional<testing::FullDisk> full;
  world.provider.before_block = [&](std::size_t before) {
    if (before > body().size() / 2 && !full) full.emplace();
  };
  world.start(collector.run());
  ASSERT_TRUE(full && full->hit());
  EXPECT_GT(succeeded(), 0);
  EXPECT_LT(succeeded(), requests);
  std::set<std::uint32_t> referred;
  for (const auto& outcome : world.queue.outcomes(job, 0, requests)) referred.insert(outcome.download);
  EXPECT_LE(downloads().size(), referred.size() + 1);
  full.reset();
  world.provider.before_block = nullptr;
  world.clock.advance(2h);
  expect_collected();
}

// A job that is canceled while its results arrive keeps what came, and what would have gone again is final.
TEST_F(TransferTest, ACancelWhileResultsArriveIsSeenByTheNextFile) {
  for (std::uint32_t i = 0; i < requests; ++i) values[i] = R"({"type":"expired"})";
  world.end(sent, values);
  world.provider.before_block = [&](std::size_t before) {
    if (before > 0 && world.job(job).state == JobState::running) world.queue.cancel_job(job, world.clock.now());
  };
  world.start(collector.run());
  EXPECT_EQ(world.batch(sent).state, BatchState::collected);
  EXPECT_EQ(world.job(job).counts[RequestState::expired] + world.job(job).counts[RequestState::canceled], requests);
  EXPECT_GT(world.job(job).counts[RequestState::expired], 0);
  EXPECT_EQ(world.job(job).counts[RequestState::pending], 0);
}

// Canceled at any block: every task ends, and the next run has what it needs.
TEST_F(TransferTest, AStopAtAnyBlockLosesNothing) {
  const auto blocks = body().size() / world.provider.block_bytes;
  for (std::size_t stop_at = 0; stop_at <= blocks; ++stop_at) {
    std::size_t block = 0;
    TaskGroup group(world.context.get_executor());
    world.provider.before_block = [&](std::size_t) {
      if (block++ == stop_at) group.cancel();
    };
    group.spawn("collector", collector.run());
    world.collect_bell.notify();
    world.clock.run_until_idle();
    group.cancel();
    world.clock.run_until_idle();
    ASSERT_EQ(group.size(), 0U);
    if (world.batch(sent).state == BatchState::collected) break;
  }
  world.provider.before_block = nullptr;
  world.start(collector.run());
  world.clock.advance(2h);
  expect_collected();
}

}  // namespace
}  // namespace offpeak
