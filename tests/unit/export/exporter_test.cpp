#include "export/exporter.hpp"

#include <sys/stat.h>

#include "export/summary.hpp"
#include "unit/results/stage_world.hpp"

namespace offpeak {
namespace {

using namespace std::chrono_literals;
using testing::errored_value;
using testing::StageWorld;
using testing::succeeded_value;
using Trouble = testing::TroubledFiles::Trouble;

ExporterDoors doors_of(StageWorld& world) {
  return {world.database, world.files, world.worker, world.clock, world.random, world.log, world.config};
}
ExporterBells bells_of(StageWorld& world) { return {world.export_bell, world.jobs_bell}; }

// Records these values as the outcomes of what was sent, from a download in reverse order.
void record(StageWorld& world, const StageWorld::Sent& sent, const std::vector<std::string>& values) {
  const auto download = world.queue.begin_download(sent.id);
  std::string body;
  std::vector<ResultRow> rows;
  const auto assignments = world.queue.assignments(sent.intent);
  for (auto place = static_cast<std::uint32_t>(values.size()); place-- > 0;) {
    const auto& value = values[place];
    const auto line = testing::result_line(sent.nonce, place, value);
    ResultRow row;
    for (const auto& assignment : assignments) {
      if (place < assignment.first_place || place - assignment.first_place >= assignment.range.count) continue;
      row.request = {assignment.range.job, assignment.range.first + place - assignment.first_place, 1};
    }
    row.type = value.find("succeeded") == 9 ? OutcomeType::succeeded
               : value.find("expired") == 9 ? OutcomeType::expired
               : value.find("errored") == 9 ? OutcomeType::errored
                                            : OutcomeType::canceled;
    row.offset = body.size() + line.find(value);
    row.bytes = static_cast<std::uint32_t>(value.size());
    row.checksum = checksum32(value);
    rows.push_back(row);
    body += line;
  }
  world.folder.write(download_name(sent.id, download).insert(0, "downloads/"), body);
  world.end_with(sent, values, body);
  world.queue.record_results(sent.id, download, rows, world.clock.now());
  world.queue.collect(sent.id, {}, world.clock.now());
}

std::string line_for(int i, const std::string& value) {
  return fmt::format("{{\"custom_id\":\"r{}\",\"result\":{}}}\n", i, value);
}

class ExporterTest : public ::testing::Test {
 protected:
  ExporterTest() : world(folder), exporter(doors_of(world), bells_of(world)) {}
  ~ExporterTest() override { world.stop(); }

  TemporaryFolder folder;
  StageWorld world;
  Exporter exporter;
};

TEST_F(ExporterTest, WritesTheThreeFilesInInputOrderByteForByte) {
  const auto job = world.add_job(4, "reviews", 1, JobFormat::lines, R"({"offpeak":{"max_attempts":1}})");
  const std::vector<std::string> values{succeeded_value("\\u00e4 \xC3\xA4"), errored_value("api_error"),
                                        R"({"type":"expired"})", succeeded_value("d")};
  record(world, world.submit(), values);
  world.start(exporter.run());
  std::string expected;
  for (int i = 0; i < 4; ++i) expected += line_for(i, values[static_cast<std::size_t>(i)]);
  EXPECT_EQ(folder.read("results/1-reviews/results.jsonl"), expected);
  EXPECT_EQ(folder.read("results/1-reviews/failed.jsonl"),
            "{\"offpeak\":{\"max_attempts\":1}}\n"
            "{\"custom_id\":\"r1\",\"params\":{\"model\":\"m\",\"job\":1,\"n\":1}}\n"
            "{\"custom_id\":\"r2\",\"params\":{\"model\":\"m\",\"job\":1,\"n\":2}}\n");
  EXPECT_EQ(world.job(job).state, JobState::done);
  EXPECT_EQ(world.job(job).done_at, world.clock.now());
  // The job in the summary is the job as it is now.
  EXPECT_EQ(folder.read("results/1-reviews/summary.json").find("{\"job\":" + to_json(world.job(job)) + ",\"counts\":"),
            0u);
}

TEST_F(ExporterTest, FilesAndFolderHaveTheirModes) {
  world.add_job(1);
  record(world, world.submit(), {succeeded_value()});
  world.start(exporter.run());
  struct stat status{};
  ASSERT_EQ(::stat((folder / "results/1-job").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 02750u);
  for (const auto* name : {"results.jsonl", "failed.jsonl", "summary.json"}) {
    ASSERT_EQ(::stat((folder / ("results/1-job/" + std::string(name))).c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0640u);
  }
}

TEST_F(ExporterTest, WaitsUntilEveryRequestHasItsOutcome) {
  const auto job = world.add_job(2);
  const auto sent = world.submit();
  world.start(exporter.run());
  world.clock.advance(1h);
  EXPECT_TRUE(world.files.list(folder / "results").value().empty());
  record(world, sent, {succeeded_value(), succeeded_value()});
  world.export_bell.notify();
  world.clock.run_until_idle();
  EXPECT_EQ(world.job(job).state, JobState::done);
}

TEST_F(ExporterTest, OutcomesThatOffpeakMadeStandAsTheyWereMade) {
  const auto job = world.add_job(2, "job");
  world.queue.cancel_job(job, world.clock.now());
  world.start(exporter.run());
  EXPECT_EQ(world.job(job).state, JobState::canceled);
  EXPECT_EQ(folder.read("results/1-job/results.jsonl"),
            line_for(0, R"({"type":"canceled"})") + line_for(1, R"({"type":"canceled"})"));
  EXPECT_NE(folder.read("results/1-job/summary.json").find(R"("state":"canceled")"), std::string::npos);
}

TEST_F(ExporterTest, ALineWithoutAnIdGetsNull) {
  const auto id = world.queue.announce_intake(IntakeSource::folder, "bad.jsonl", {}, world.clock.now());
  const std::string text = "not json\r\n{\"custom_id\":\"b\",\"params\":{}}\n";
  folder.write("claimed/data", text);
  LineEntry bad;
  bad.bytes = 8;
  LineEntry good;
  good.offset = 10;
  good.bytes = 29;
  good.id_offset = 13;
  good.id_bytes = 3;
  good.params_offset = 26;
  good.params_bytes = good.sent_params_bytes = 2;
  good.checksum = checksum32("{}");
  world.queue.intake_in_claimed(id);
  world.add_index(id, {bad, good});
  world.queue.add_made_outcomes(id, {{0, 1, OutcomeType::errored, errored_value("offpeak_invalid")},
                                     {1, 1, OutcomeType::errored, errored_value("offpeak_other")}});
  Job job;
  job.id = id;
  job.name = "bad";
  job.requests = 2;
  job.data_name = "data";
  job.headers.version = "v";
  world.queue.accept_job(job, false, false, world.clock.now());
  world.start(exporter.run());
  EXPECT_EQ(folder.read("results/1-bad/results.jsonl"),
            "{\"custom_id\":null,\"result\":" + errored_value("offpeak_invalid") +
                "}\n{\"custom_id\":\"b\",\"result\":" + errored_value("offpeak_other") + "}\n");
  EXPECT_EQ(folder.read("results/1-bad/failed.jsonl"), "not json\n{\"custom_id\":\"b\",\"params\":{}}\n");
}

TEST_F(ExporterTest, AnElementOfARequestsArrayFailsOnOneLine) {
  world.add_job(2, "job", 5, JobFormat::requests);
  record(world, world.submit(), {errored_value("not_found_error"), succeeded_value()});
  world.start(exporter.run());
  EXPECT_EQ(folder.read("results/1-job/failed.jsonl"),
            "{\"custom_id\":\"r0\",  \"params\":{\"model\":\"m\",\"job\":1,\"n\":0}}\n");
}

TEST_F(ExporterTest, LargeJobsAndLongLinesAreWholeAcrossWindowsAndBlocks) {
  world.add_job(3000);
  std::vector<std::string> values;
  std::string expected, failed;
  for (int i = 0; i < 3000; ++i) {
    const bool fails = i % 7 == 0;
    const std::size_t size = i == 60 ? 3'000'000 : static_cast<std::size_t>(i % 997);
    values.push_back(fails ? errored_value("not_found_error", std::string(size, 'e'))
                           : succeeded_value(std::string(size, 'x')));
    expected += line_for(i, values.back());
    if (fails)
      failed += fmt::format("{{\"custom_id\":\"r{}\",\"params\":{{\"model\":\"m\",\"job\":1,\"n\":{}}}}}\n", i, i);
  }
  record(world, world.submit(), values);
  world.start(exporter.run());
  EXPECT_TRUE(folder.read("results/1-job/results.jsonl") == expected);
  EXPECT_TRUE(folder.read("results/1-job/failed.jsonl") == failed);
}

TEST_F(ExporterTest, ARawDownloadThatChangedHoldsTheJob) {
  const auto job = world.add_job(2);
  record(world, world.submit(), {succeeded_value("good"), succeeded_value()});
  auto raw = folder.read("downloads/1.1.jsonl");
  const auto at = raw.find("good");
  raw[at] = 'f';
  folder.write("downloads/1.1.jsonl", raw);
  world.start(exporter.run());
  EXPECT_EQ(world.job(job).state, JobState::held);
  EXPECT_NE(world.job(job).reason.value_or("").find("1.1.jsonl"), std::string::npos);
  EXPECT_TRUE(world.files.list(folder / "results").value().empty());
  // Not again and again.
  for (int i = 0; i < 5; ++i) {
    world.export_bell.notify();
    world.clock.advance(1h);
  }
  EXPECT_EQ(world.log.count("error export.damaged"), 1u);
  // Restored and released it is exported.
  raw[at] = 'g';
  folder.write("downloads/1.1.jsonl", raw);
  world.queue.release_job(job);
  world.export_bell.notify();
  world.clock.run_until_idle();
  EXPECT_EQ(world.job(job).state, JobState::done);
}

TEST_F(ExporterTest, AClaimedFileThatChangedOrIsMissingHoldsTheJob) {
  const auto job = world.add_job(2);
  record(world, world.submit(), {succeeded_value(), succeeded_value()});
  const auto text = folder.read("claimed/1");
  auto changed = text;
  changed[changed.find("\"m\"") + 1] = 'n';
  const auto holds = [&] {
    world.queue.release_job(job);
    world.export_bell.notify();
    world.clock.run_until_idle();
    return world.job(job).state == JobState::held;
  };
  folder.write("claimed/1", changed);
  world.start(exporter.run());
  EXPECT_EQ(world.job(job).state, JobState::held);
  folder.write("claimed/1", text.substr(0, text.size() / 2));
  EXPECT_TRUE(holds());
  std::filesystem::remove(folder / "claimed/1");
  EXPECT_TRUE(holds());
  EXPECT_NE(world.job(job).reason.value_or("").find("missing"), std::string::npos);
}

// faults.md 39
TEST_F(ExporterTest, AFullDiskIsWaitedOutAndItsSpaceGivenBack) {
  const auto job = world.add_job(2);
  record(world, world.submit(), {succeeded_value(), succeeded_value()});
  world.files.set_full(true);
  world.start(exporter.run());
  world.clock.advance(1h);
  EXPECT_EQ(world.job(job).state, JobState::running);
  EXPECT_TRUE(world.files.list(folder / "results").value().empty());
  EXPECT_TRUE(world.log.has("error export.failed"));
  world.files.set_full(false);
  world.clock.advance(2h);
  EXPECT_EQ(world.job(job).state, JobState::done);
}

TEST_F(ExporterTest, LeftoversOfAKilledRunAreRemovedAtStart) {
  folder.write("results/.9-old.tmp/results.jsonl", "half");
  folder.write("results/8-mine/results.jsonl", "whole");
  world.start(exporter.run());
  EXPECT_FALSE(std::filesystem::exists(folder / "results/.9-old.tmp"));
  EXPECT_TRUE(std::filesystem::exists(folder / "results/8-mine/results.jsonl"));
}

TEST_F(ExporterTest, WhatStandsUnderItsNameIsKeptBesideIt) {
  folder.write("results/1-job/notes.txt", "mine");
  world.add_job(1);
  record(world, world.submit(), {succeeded_value()});
  world.start(exporter.run());
  EXPECT_EQ(folder.read("results/1-job.replaced-1/notes.txt"), "mine");
  EXPECT_EQ(folder.read("results/1-job/results.jsonl"), line_for(0, succeeded_value()));
}

TEST_F(ExporterTest, ResultsOfAnEarlierRoundOfTheJobAreReplaced) {
  const auto job = world.add_job(1);
  record(world, world.submit(), {errored_value("not_found_error")});
  const auto finished = as_finished(world.job(job), world.clock.now());
  folder.write("results/1-job/results.jsonl", "before the retry");
  folder.write("results/1-job/failed.jsonl", "");
  folder.write("results/1-job/summary.json", summary_json(finished, {}, {}));  // it had no batch then
  world.start(exporter.run());
  EXPECT_EQ(folder.read("results/1-job/results.jsonl"), line_for(0, errored_value("not_found_error")));
  EXPECT_EQ(world.files.list(folder / "results").value().size(), 1u);
}

TEST_F(ExporterTest, AFinishedJobWakesWhoeverWatches) {
  world.add_job(1);
  record(world, world.submit(), {succeeded_value()});
  world.start(exporter.run());
  bool rung = false;
  boost::asio::co_spawn(world.context, world.jobs_bell.wait_for(1s), [&](std::exception_ptr, bool was) { rung = was; });
  world.clock.run_until_idle();
  EXPECT_TRUE(rung);
}

// A life with trouble at its n-th operation, then another one without; what stands in the end.
std::map<std::string, std::string> export_after_trouble(Trouble trouble, int operation, int steps, bool& hit) {
  TemporaryFolder folder;
  {
    StageWorld world(folder);
    const auto job = world.add_job(60);
    std::vector<std::string> values;
    for (int i = 0; i < 60; ++i) values.push_back(i % 3 == 0 ? errored_value("not_found_error") : succeeded_value("x"));
    record(world, world.submit(), values);
    world.files.trouble_at(trouble, operation);
    Exporter exporter(doors_of(world), bells_of(world));
    if (steps > 0) {
      world.group.spawn("exporter", exporter.run());
      world.run_steps(steps);
      hit = world.job(job).state != JobState::done;
    } else {
      world.start(exporter.run());
      hit = world.files.hit();
    }
    // All three or none, at any time.
    if (std::filesystem::exists(folder / "results/1-job")) {
      EXPECT_EQ(world.files.list(folder / "results/1-job").value().size(), 3u);
    }
    world.stop();
  }
  StageWorld world(folder);
  Exporter exporter(doors_of(world), bells_of(world));
  world.start(exporter.run());
  world.clock.advance(2h);
  EXPECT_EQ(world.job(JobId{1}).state, JobState::done);
  std::map<std::string, std::string> found;
  for (const auto& entry : world.files.list(folder / "results").value()) {
    for (const auto& file : world.files.list(join_path(folder / "results", entry.name)).value()) {
      const auto name = entry.name + "/" + file.name;
      found[name] = folder.read("results/" + name);
    }
  }
  EXPECT_EQ(found["1-job/summary.json"].find("{\"job\":" + to_json(world.job(JobId{1})) + ","), 0u);
  return found;
}

// faults.md 38
TEST(ExporterCrash, AKillAtAnyFileOperationLeavesAllThreeFilesOrNoneAndTheSameBytes) {
  bool hit = true;
  const auto expected = export_after_trouble(Trouble::none, 0, 0, hit);
  EXPECT_EQ(expected.size(), 3u);
  int operation = 1;
  for (hit = true; hit && operation < 100; ++operation) {
    EXPECT_EQ(export_after_trouble(Trouble::kill, operation, 0, hit), expected) << operation;
  }
  EXPECT_GT(operation, 10);
}

// faults.md 39
TEST(ExporterCrash, AFullDiskAtAnyFileOperationEndsInTheSameBytes) {
  bool hit = true;
  const auto expected = export_after_trouble(Trouble::none, 0, 0, hit);
  int operation = 1;
  for (hit = true; hit && operation < 100; ++operation) {
    auto found = export_after_trouble(Trouble::disk_full, operation, 0, hit);
    EXPECT_EQ(found, expected) << operation;
  }
  EXPECT_GT(operation, 10);
}

// faults.md 38
TEST(ExporterCrash, AStopBetweenAnyTwoStepsEndsInTheSameBytes) {
  bool hit = true;
  const auto expected = export_after_trouble(Trouble::none, 0, 0, hit);
  int steps = 1;
  for (hit = true; hit && steps < 200; ++steps) {
    EXPECT_EQ(export_after_trouble(Trouble::none, 0, steps, hit), expected) << steps;
  }
  EXPECT_GT(steps, 10);
}

}  // namespace
}  // namespace offpeak
