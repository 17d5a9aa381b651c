#include "export/exporter.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <numeric>

#include "base/json.hpp"
#include "export/summary.hpp"
#include "support/sync_spy.hpp"
#include "unit/results/stage_world.hpp"

namespace offpeak {
namespace {

using namespace std::chrono_literals;
using testing::errored_value;
using testing::StageWorld;
using testing::succeeded_value;
using Trouble = testing::TroubledFiles::Trouble;

ExporterDoors doors_of(StageWorld& world) {
  return {world.database, world.files,  world.worker, {&world.worker, &world.worker},
          world.clock,    world.random, world.log,    world.config};
}

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
  ExporterTest() : world(folder), exporter(doors_of(world), world.export_bell) {}
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

// Lines that could not be read are the provider's all the same: they stand there as they came.
TEST_F(ExporterTest, WhatCannotBeReadStandsThereAsItCame) {
  const auto job = world.add_job(3);
  const auto sent = world.submit();
  const std::string json = R"({"custom_id":"x","result":{"type":"failed","deep":[[[{}]]]}})";
  const std::string text = "{\"custom_id\":\"y\",\xC3\xA4\xFF\x01\t" + std::string(300'000, 'z') + "\xC3\xA4 \"\\";
  const std::vector<std::string> parts{succeeded_value("a") + "\n", json + "\n", text + "\n"};
  std::vector<ResultRow> rows;
  std::string body;
  for (Seq seq = 0; seq < 3; ++seq) {
    auto& row = rows.emplace_back();
    row.request = {job, seq, 1};
    row.type = seq == 0 ? OutcomeType::succeeded : OutcomeType::errored;
    row.offset = body.size();
    row.bytes = static_cast<std::uint32_t>(parts[seq].size() - 1);
    row.checksum = checksum32(std::string_view(parts[seq]).substr(0, row.bytes));
    if (seq > 0) row.unreadable = Unreadable{"for a reason", seq == 1};
    body += parts[seq];
  }
  const auto download = world.queue.begin_download(sent.id);
  folder.write("downloads/" + download_name(sent.id, download), body);
  world.end_with(sent, {}, body);
  world.queue.record_results(sent.id, download, rows, world.clock.now());
  world.queue.collect(sent.id, {}, world.clock.now());
  world.start(exporter.run());
  const std::string error =
      R"({"type":"errored","error":{"type":"error","error":{"type":"offpeak_unreadable_result","message":)"
      R"("the provider's line cannot be read: for a reason","line":null},"request_id":null},)";
  EXPECT_EQ(folder.read("results/1-job/results.jsonl"),
            line_for(0, succeeded_value("a")) + line_for(1, error + "\"provider_line\":" + json + "}") +
                line_for(2, error + "\"provider_text\":" + json_quote(text) + "}"));
  EXPECT_NE(folder.read("results/1-job/summary.json").find(R"("errors":{"offpeak_unreadable_result":2})"),
            std::string::npos);
  EXPECT_EQ(world.job(job).state, JobState::done);
  EXPECT_TRUE(world.queue.audit(std::nullopt).ok());
}

TEST_F(ExporterTest, AnAnswerLongerThanAnyBlockIsWrittenInPieces) {
  const auto job = world.add_job(3);
  const std::vector<std::string> values{succeeded_value("a"), succeeded_value(std::string(5'000'000, 'y')),
                                        succeeded_value("c")};
  record(world, world.submit(), values);
  ResultLines lines(world.files, {folder / "claimed", folder / "downloads"}, world.job(job));
  const auto window = read_result_window(world.queue, job, 0, 10);
  std::string all;
  std::size_t longest = 0;
  for (LinePlace from; from.at < window.outcomes.size();) {
    std::string piece;
    from = lines.append_results(window, from, 100'000, std::nullopt, piece).value();
    longest = std::max(longest, piece.size());
    all += piece;
  }
  EXPECT_EQ(all, line_for(0, values[0]) + line_for(1, values[1]) + line_for(2, values[2]));
  EXPECT_LE(longest, 100'000u + 300'000u);
  auto damaged = window;
  ++damaged.outcomes[1].checksum;
  std::string piece;
  EXPECT_FALSE(lines.append_results(damaged, {1, 0}, std::size_t(-1), std::nullopt, piece));
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

// Jobs that are ready together.
class ExportGroupTest : public ExporterTest {
 protected:
  // "0", "1", ... of one request each, all done in one batch; their ids count from 1.
  void make_ready(int count) {
    std::vector<std::string> values;
    for (int i = 0; i < count; ++i) {
      world.add_job(1, std::to_string(i));
      values.push_back(succeeded_value(std::to_string(i)));
    }
    record(world, world.submit(), values);
  }
  std::size_t done() {
    ListOptions all;
    all.limit = 1000;
    std::size_t n = 0;
    for (const auto& job : world.queue.jobs(all)) n += job.state == JobState::done ? 1 : 0;
    return n;
  }
  std::string folder_name(int place) { return folder / fmt::format("results/{}-{}", place + 1, place); }
};

TEST_F(ExportGroupTest, SmallJobsShareTheSyncOfTheResultsFolderAndTheTransaction) {
  make_ready(40);
  const testing::SyncSpy spy;
  world.start(exporter.run());
  EXPECT_EQ(done(), 40u);
  std::size_t names = 0, rows = 0, files = 0;
  for (const auto& step : spy.steps()) {
    names += step == "sync " + (folder / "results") ? 1 : 0;
    rows += step.find(".db-wal") != std::string::npos && step.starts_with("sync") ? 1 : 0;
    files += step.starts_with("sync ") && step.find("/results/.") != std::string::npos ? 1 : 0;
  }
  EXPECT_EQ(names, 1u) << spy.text();
  EXPECT_EQ(rows, 1u) << spy.text();
  EXPECT_EQ(files, 160u) << "three files and their folder, of every job";
  // No name before all of its bytes, no row before all of the names.
  EXPECT_LT(spy.last("sync " + (folder / "results/.")), spy.first("rename")) << spy.text();
  const auto steps = spy.steps();
  const auto synced = std::ranges::find(steps, "sync " + (folder / "results")) - steps.begin();
  EXPECT_LT(spy.last("rename"), synced) << spy.text();
  EXPECT_LT(synced, spy.last("sync " + (folder / "offpeak.db-wal"))) << spy.text();
}

TEST_F(ExportGroupTest, ADamagedNeighbourIsHeldAndTheOthersAreDone) {
  make_ready(3);
  for (int damaged : {0, 1}) std::filesystem::remove(folder / fmt::format("claimed/{}", damaged + 1));
  world.start(exporter.run());
  EXPECT_EQ(world.job(JobId{1}).state, JobState::held);
  EXPECT_EQ(world.job(JobId{2}).state, JobState::held);
  EXPECT_EQ(world.job(JobId{3}).state, JobState::done);
  EXPECT_EQ(world.files.list(folder / "results").value().size(), 1u);
}

TEST_F(ExportGroupTest, ANeighbourThatMeetsAFullDiskIsTriedAgainAlone) {
  make_ready(3);
  world.files.trouble_at(Trouble::disk_full, 3);
  world.start(exporter.run());
  EXPECT_EQ(done(), 2u);
  EXPECT_EQ(world.log.count("error export.failed"), 1u);
  world.clock.advance(2h);
  EXPECT_EQ(done(), 3u);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(std::filesystem::exists(folder_name(i))) << i;
}

TEST_F(ExportGroupTest, AJobThatIsCanceledMeanwhileIsExportedAgainAndTheOthersAreDone) {
  make_ready(3);
  world.group.spawn("exporter", exporter.run());
  // Somewhere between two steps, after the queue was read.
  world.run_steps(8);
  ASSERT_EQ(done(), 0u);
  ASSERT_EQ(world.queue.cancel_job(JobId{2}, world.clock.now()), Queue::Change::done);
  world.clock.run_until_idle();
  EXPECT_EQ(world.job(JobId{2}).state, JobState::canceled);
  EXPECT_EQ(done(), 2u);
  EXPECT_NE(folder.read("results/2-1/summary.json").find(R"("state":"canceled")"), std::string::npos);
}

TEST_F(ExportGroupTest, WhereTheNamesCannotBeSyncedNoneIsDoneUntilTheyAre) {
  make_ready(3);
  world.files.set_unsyncable(true);
  world.start(exporter.run());
  EXPECT_EQ(done(), 0u);
  world.files.set_unsyncable(false);
  world.clock.advance(2h);
  EXPECT_EQ(done(), 3u);
}

TEST_F(ExportGroupTest, HundredsOfJobsAreAllDone) {
  make_ready(230);
  world.start(exporter.run());
  EXPECT_EQ(done(), 230u);
  EXPECT_EQ(world.files.list(folder / "results").value().size(), 230u);
}

// A life with trouble at its n-th operation, then another one without; what stands in the end.
std::map<std::string, std::string> export_after_trouble(const std::vector<std::uint32_t>& sizes, Trouble trouble,
                                                        int operation, int steps, bool& hit) {
  TemporaryFolder folder;
  const auto requests = std::accumulate(sizes.begin(), sizes.end(), std::uint32_t{0});
  JobId job;  // the last one
  {
    StageWorld world(folder);
    for (const auto size : sizes) job = world.add_job(size);
    std::vector<std::string> values;
    for (std::uint32_t i = 0; i < requests; ++i)
      values.push_back(i % 3 == 0 ? errored_value("not_found_error") : succeeded_value("x"));
    record(world, world.submit(), values);
    world.files.trouble_at(trouble, operation);
    Exporter exporter(doors_of(world), world.export_bell);
    if (steps > 0) {
      world.group.spawn("exporter", exporter.run());
      world.run_steps(steps);
      hit = world.job(job).state != JobState::done;
    } else {
      world.start(exporter.run());
      hit = world.files.hit();
    }
    // All three or none, at any time.
    for (std::size_t id = 1; id <= sizes.size(); ++id) {
      const auto name = folder / fmt::format("results/{}-job", id);
      if (std::filesystem::exists(name)) EXPECT_EQ(world.files.list(name).value().size(), 3u);
    }
    world.stop();
  }
  StageWorld world(folder);
  Exporter exporter(doors_of(world), world.export_bell);
  world.start(exporter.run());
  world.clock.advance(2h);
  std::map<std::string, std::string> found;
  for (const auto& entry : world.files.list(folder / "results").value()) {
    for (const auto& file : world.files.list(join_path(folder / "results", entry.name)).value()) {
      const auto name = entry.name + "/" + file.name;
      found[name] = folder.read("results/" + name);
    }
  }
  for (const auto& one : world.queue.jobs({})) {
    EXPECT_EQ(one.state, JobState::done);
    const auto& summary = found[fmt::format("{}-job/summary.json", one.id.value)];
    EXPECT_EQ(summary.find("{\"job\":" + to_json(one) + ","), 0u) << summary;
  }
  return found;
}

// One job alone, and several together.
class ExporterCrash : public ::testing::TestWithParam<std::vector<std::uint32_t>> {
 protected:
  // The same with trouble at the first operation or step, at the second and so on, until there is none.
  void expect_the_same(Trouble trouble, bool steps) {
    bool hit = true;
    const auto expected = export_after_trouble(GetParam(), Trouble::none, 0, 0, hit);
    EXPECT_EQ(expected.size(), 3 * GetParam().size());
    int at = 1;
    for (hit = true; hit && at < 200; ++at) {
      const auto found = export_after_trouble(GetParam(), trouble, steps ? 0 : at, steps ? at : 0, hit);
      EXPECT_EQ(found, expected) << at;
    }
    EXPECT_GT(at, 10);
    EXPECT_LT(at, 200);
  }
};

// faults.md 38
TEST_P(ExporterCrash, AKillAtAnyFileOperationLeavesAllThreeFilesOrNoneAndTheSameBytes) {
  expect_the_same(Trouble::kill, false);
}

// faults.md 39
TEST_P(ExporterCrash, AFullDiskAtAnyFileOperationEndsInTheSameBytes) { expect_the_same(Trouble::disk_full, false); }

// faults.md 38
TEST_P(ExporterCrash, AStopBetweenAnyTwoStepsEndsInTheSameBytes) { expect_the_same(Trouble::none, true); }

INSTANTIATE_TEST_SUITE_P(Jobs, ExporterCrash,
                         ::testing::Values(std::vector<std::uint32_t>{60}, std::vector<std::uint32_t>{2, 30, 1, 5}));

}  // namespace
}  // namespace offpeak
