// A state that was put back does not know what was taken in since.
#include "ingest/recovered.hpp"

#include <gtest/gtest.h>

#include "support/full_disk.hpp"
#include "tests/unit/ingest/compressed.hpp"
#include "tests/unit/ingest/ingest_fixture.hpp"
#include "tests/unit/ingest/ingest_helpers.hpp"

namespace offpeak {
namespace {

TEST(ClaimedFolder, TellsLeftOversFromWhatNobodyKnows) {
  const auto sorted = sort_claimed({"1", "2", "2.data", "3", "4", "4.data", "5.data", "6.ids", "note", "7", "7.data"},
                                   {{JobId{1}, JobId{2}}, {JobId{3}, JobId{7}}, {}});
  EXPECT_EQ(sorted.left_over, (std::vector<std::string>{"2", "4.data", "6.ids"}));
  ASSERT_EQ(sorted.unknown.size(), 2u);
  EXPECT_EQ(sorted.unknown[0].file, "4");
  EXPECT_EQ(sorted.unknown[1].file, "5.data");
  EXPECT_EQ(sorted.unknown[1].id, JobId{5});
  EXPECT_EQ(sorted.ids, (std::set<JobId>{JobId{1}, JobId{2}, JobId{3}, JobId{4}, JobId{5}, JobId{7}}));
}

// Retention removed it, and a power cut brought it back: taken in again it would be paid for twice.
TEST(ClaimedFolder, AFileOfAPurgedJobIsLeftOver) {
  const auto sorted = sort_claimed({"1.data", "2"}, {{}, {}, {JobId{1}, JobId{2}}});
  EXPECT_EQ(sorted.left_over, (std::vector<std::string>{"1.data", "2"}));
  EXPECT_TRUE(sorted.unknown.empty());
  EXPECT_EQ(sorted.ids, (std::set<JobId>{JobId{1}, JobId{2}}));
}

// The state was put back to where the file was being checked. Since then it was accepted, and only then does the
// compressed original go.
TEST(ClaimedFolder, WhatWasUnpackedAndHasNoOriginalWasAccepted) {
  const auto sorted = sort_claimed({"1", "1.data", "2.data", "3"}, {{}, {JobId{1}, JobId{2}, JobId{3}}, {}});
  EXPECT_EQ(sorted.left_over, std::vector<std::string>{});
  ASSERT_EQ(sorted.unknown.size(), 1u);
  EXPECT_EQ(sorted.unknown[0].file, "2.data");
  EXPECT_EQ(sorted.unknown[0].id, JobId{2});
}

TEST(ClaimedFolder, NumbersThatAreNoIdsUseNoIdsUp) {
  const auto sorted = sort_claimed({"9223372036854775807", "99999999999999999999", "-3", "0", "1x"}, {});
  EXPECT_TRUE(sorted.ids.empty());
  EXPECT_TRUE(sorted.unknown.empty());
  EXPECT_EQ(id_of_results("12-reviews"), JobId{12});
  EXPECT_EQ(id_of_results("reviews"), JobId{});
  EXPECT_EQ(id_of_results(".12-x"), JobId{});
}

TEST(RecoveredName, FitsTheBytes) {
  const auto name = [](std::string_view head) { return recovered_name(JobId{3}, head); };
  EXPECT_EQ(name(request("a") + "\n" + request("b")), "recovered-3.jsonl");
  EXPECT_EQ(name("\n\n{\"offpeak\":{\"name\":\"x\"}}\n" + request("a")), "recovered-3.jsonl");
  EXPECT_EQ(name("\xEF\xBB\xBF{\"requests\":[" + request("a") + "]}"), "recovered-3.json");
  EXPECT_EQ(name("{\n \"requests\": []}"), "recovered-3.json");
  EXPECT_EQ(name(gzip("x")), "recovered-3.jsonl.gz");
  EXPECT_EQ(name(zstd("x")), "recovered-3.jsonl.zst");
  const std::string huge(recovered_head_bytes, 'x');
  EXPECT_EQ(name(("{\"requests\":[{\"custom_id\":\"" + huge).substr(0, recovered_head_bytes)), "recovered-3.json");
  EXPECT_EQ(name(("{\"custom_id\":\"" + huge).substr(0, recovered_head_bytes)), "recovered-3.jsonl");
}

class RestoredState : public IngestFixture {
 protected:
  void forget_everything() {
    std::filesystem::remove_all(config.paths.state);
    std::filesystem::create_directories(config.paths.state);
  }
};

TEST_F(RestoredState, WhatItDoesNotKnowComesBackAsJobs) {
  write("a.jsonl", request("a") + "\n");
  write("b.jsonl.gz", gzip(request("b") + "\n"));
  write("c.json", "{\"requests\":[" + request("c") + "]}");
  {
    Life life(*this);
    life.advance(long_enough);
    ASSERT_EQ(life.queue.jobs({}).size(), 3u);
  }
  const auto before = names("claimed");
  forget_everything();
  Life life(*this);
  life.advance(long_enough);
  const auto jobs = life.queue.jobs({});
  ASSERT_EQ(jobs.size(), 3u);
  std::set<std::int64_t> ids;
  for (const auto& job : jobs) {
    EXPECT_EQ(job.counts[RequestState::pending], 1);
    EXPECT_GT(job.id.value, 3) << "no id of a file that was there";
    EXPECT_TRUE(job.name.starts_with("recovered-")) << job.name;
    EXPECT_EQ(job.state, JobState::held) << "until it is known what ran of it";
  }
  life.queue.end_restore();
  for (const auto& job : life.queue.jobs({})) EXPECT_EQ(job.state, JobState::queued);
  EXPECT_EQ(names("claimed").size(), before.size());
  EXPECT_EQ(names("rejected"), Names{});
  EXPECT_EQ(log.count("intake.recovered"), 3u);
}

// The number of a file that was rejected is given again: no number is higher than the state has ever given.
TEST_F(RestoredState, AFileWhoseNumberWasGivenBeforeTellsOfIt) {
  {
    Life life(*this);
    const auto id = life.queue.announce_intake(IntakeSource::folder, "bad.jsonl", {}, life.clock.now());
    life.queue.reject_file(id, std::nullopt);
  }
  folder.write("spool/claimed/1", request("a") + "\n");
  Life life(*this);
  life.advance(long_enough);
  EXPECT_TRUE(life.queue.restored_at());
  ASSERT_EQ(life.queue.jobs({}).size(), 1u);
  EXPECT_EQ(life.queue.jobs({})[0].state, JobState::held);
}

TEST_F(RestoredState, ACompressedFileThatItOnlyKnowsAsBeingCheckedIsNotDropped) {
  {
    Life life(*this);
    const auto id = life.queue.announce_intake(IntakeSource::folder, "b.jsonl.gz", {}, life.clock.now());
    life.queue.intake_in_claimed(id);
    ASSERT_EQ(id, JobId{1});
  }
  folder.write("spool/claimed/1.data", request("b") + "\n");
  Life life(*this);
  life.advance(long_enough);
  const auto jobs = life.queue.jobs({});
  ASSERT_EQ(jobs.size(), 1u);
  EXPECT_EQ(jobs[0].name, "recovered-1");
  EXPECT_EQ(names("claimed"), Names{jobs[0].data_name});
  EXPECT_TRUE(life.queue.intakes().empty());
}

// Nothing is taken in before it is known which ids are used; a full disk only puts it off.
TEST_F(RestoredState, AFullDiskPutsItOff) {
  {
    Life life(*this);
  }  // makes the database
  folder.write("spool/claimed/4", request("a") + "\n");
  std::optional<testing::FullDisk> full;
  full.emplace();
  Life life(*this);
  life.advance(long_enough);
  EXPECT_TRUE(full->hit());
  EXPECT_TRUE(life.queue.jobs({}).empty());
  full.reset();
  life.advance(long_enough);
  ASSERT_EQ(life.queue.jobs({}).size(), 1u);
  EXPECT_EQ(life.queue.jobs({})[0].name, "recovered-4");
}

TEST_F(RestoredState, WhereOthersMakeBatchesTheyComeBackHeld) {
  config.provider.exclusive = false;
  folder.write("spool/claimed/4", request("a") + "\n");
  Life life(*this);
  life.advance(long_enough);
  const auto jobs = life.queue.jobs({});
  ASSERT_EQ(jobs.size(), 1u);
  EXPECT_EQ(jobs[0].state, JobState::held);
}

TEST_F(RestoredState, TheContentOfAKnownJobIsNotRunAgain) {
  write("a.jsonl", request("a") + "\n");
  {
    Life life(*this);
    life.advance(long_enough);
  }
  folder.write("spool/claimed/9", request("a") + "\n");
  Life life(*this);
  life.advance(long_enough);
  EXPECT_EQ(life.queue.jobs({}).size(), 1u);
  EXPECT_EQ(names("rejected"), (Names{"recovered-9.jsonl", "recovered-9.jsonl.error.json"})) << "and it is not lost";
}

TEST_F(RestoredState, NewIdsSkipWhatIsThere) {
  std::filesystem::create_directories(config.paths.results() + "/12-done");
  folder.write("spool/claimed/7", "no job at all");
  Life life(*this);
  life.advance(long_enough);
  drop(life, "new.jsonl", request("n") + "\n");
  life.advance(long_enough);
  const auto jobs = life.queue.jobs({});
  ASSERT_EQ(jobs.size(), 1u);
  EXPECT_GT(jobs[0].id.value, 12);
  EXPECT_TRUE(names("rejected").contains("recovered-7.json")) << "what is no job is told, not deleted";
}

TEST_F(RestoredState, ACrashAtAnyOperationIsGoneOnFrom) {
  for (const bool after : {false, true}) {
    for (int at = 1; at < 200; ++at) {
      SCOPED_TRACE(at);
      forget_everything();
      for (const auto* place : {"claimed", "rejected"}) {
        std::filesystem::remove_all(folder / (std::string("spool/") + place));
        std::filesystem::create_directories(folder / (std::string("spool/") + place));
      }
      folder.write("spool/claimed/2", request("a") + "\n");
      bool accepted = false;
      {
        files.operations = 0;
        files.crash_at = at;
        files.crash_after = after;
        Life life(*this);
        life.advance(long_enough);
        accepted = !life.accepted.empty();
        files.crash_at = 0;
      }
      Life life(*this);
      life.advance(long_enough);
      const auto jobs = life.queue.jobs({});
      ASSERT_EQ(jobs.size(), 1u);
      EXPECT_EQ(names("claimed"), Names{jobs[0].data_name});
      EXPECT_EQ(names("rejected"), Names{});
      if (accepted) break;  // from here on only scans go on
    }
  }
}

}  // namespace
}  // namespace offpeak
