// Records of rejected files, and numbers that never became a job's.
#include <gmock/gmock.h>

#include "tests/unit/queue/queue_world.hpp"

namespace offpeak::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class RejectedTest : public ::testing::Test {
 protected:
  RejectedFile record(const std::string& file, Instant at = world_now) {
    RejectedFile made;
    made.file = file;
    made.stored = file + ".1";
    made.at = at;
    made.error_count = 2;
    made.errors = R"([{"line":3,"message":"first"},{"line":4,"message":"second"}])";
    return made;
  }
  JobId announce(const std::string& name = "a.jsonl") {
    return world_.queue->announce_intake(IntakeSource::folder, name, {}, world_now);
  }
  JobId reject(const std::string& name, Instant at = world_now) {
    const auto id = announce(name);
    world_.queue->reject_file(id, record(name, at));
    return id;
  }
  std::vector<std::string> files(const ListOptions& options = {}, const std::string& file = "") {
    std::vector<std::string> found;
    for (const auto& one : world_.queue->rejected(options, file)) found.push_back(one.file);
    return found;
  }

  QueueWorld world_;
};

TEST_F(RejectedTest, ARecordComesBackAsItWasWritten) {
  reject(std::string("odd\n\xff.jsonl", 12));
  world_.open();
  const auto found = world_.queue->rejected({}, "");
  ASSERT_EQ(found.size(), 1u);
  const auto wanted = record(std::string("odd\n\xff.jsonl", 12));
  EXPECT_EQ(found[0].file, wanted.file);
  EXPECT_EQ(found[0].stored, wanted.stored);
  EXPECT_EQ(found[0].at, world_now);
  EXPECT_EQ(found[0].error_count, 2);
  EXPECT_EQ(found[0].errors, wanted.errors);
  EXPECT_FALSE(found[0].job);
  EXPECT_FALSE(found[0].seen);
}

TEST_F(RejectedTest, AreListedNewestFirstInPages) {
  for (const auto* name : {"a", "b", "c"}) reject(name);
  EXPECT_THAT(files(), ElementsAre("c", "b", "a"));
  ListOptions page;
  page.limit = 2;
  EXPECT_THAT(files(page), ElementsAre("c", "b"));
  page.after = world_.queue->rejected(page, "").back().id.value;
  EXPECT_THAT(files(page), ElementsAre("a"));
  EXPECT_THAT(files({}, "b"), ElementsAre("b"));
  EXPECT_THAT(files({}, "b.1"), ElementsAre("b")) << "by its name in rejected/ too";
  EXPECT_TRUE(files({}, "d").empty());
}

TEST_F(RejectedTest, TheStatusSpeaksOfThemUntilSomebodyHasLooked) {
  reject("a");
  reject("b");
  auto status = world_.queue->status(world_now);
  EXPECT_EQ(status.rejected_unseen, 2);
  EXPECT_EQ(status.rejected_newest.value().file, "b");
  EXPECT_THAT(status.rejected_newest->errors, ::testing::Not(HasSubstr("second"))) << "it is copied for all who ask";
  EXPECT_THAT(status.rejected_newest->errors, HasSubstr("first"));
  const auto id = status.rejected_newest->id;
  EXPECT_TRUE(world_.queue->see_rejected(id).value().seen);
  EXPECT_TRUE(world_.queue->see_rejected(id).value().seen) << "it may come twice";
  status = world_.queue->status(world_now);
  EXPECT_EQ(status.rejected_unseen, 1);
  EXPECT_EQ(status.rejected_newest.value().file, "a");
  ASSERT_EQ(world_.queue->unseen_rejected(10).size(), 1u);
  EXPECT_FALSE(world_.queue->see_rejected(RejectedId{99}));
}

TEST_F(RejectedTest, RetentionTakesThoseThatAreOld) {
  reject("old", world_now - std::chrono::hours(2));
  reject("new");
  EXPECT_TRUE(world_.queue->purge_rejected(world_now - std::chrono::hours(1), 100));
  EXPECT_THAT(files(), ElementsAre("new"));
  EXPECT_FALSE(world_.queue->purge_rejected(world_now - std::chrono::hours(1), 100));
}

TEST_F(RejectedTest, ANumberThatBecameNoJobIsGivenAgain) {
  const auto first = reject("a");
  EXPECT_EQ(announce(), first);
  const auto ids = world_.queue->announce_intakes({"b", "c", "d"}, world_now);
  world_.queue->reject_file(ids[1], std::nullopt);
  world_.queue->forget_intake(ids[0]);
  world_.open();
  EXPECT_EQ(announce(), ids[0]) << "the lowest first";
  EXPECT_EQ(announce(), ids[1]);
  EXPECT_GT(announce(), ids[2]);
  EXPECT_EQ(world_.queue->audit(std::nullopt).problems, std::vector<std::string>());
}

TEST_F(RejectedTest, AJobsNumberIsNeverGivenAgain) {
  const auto job = world_.add_job(1);
  world_.queue->reject_file(job, record("a"));
  world_.queue->forget_intake(job);
  EXPECT_GT(announce(), job);
}

TEST_F(RejectedTest, ANumberThatMayBeTakenIsNotGivenAgain) {
  const auto id = announce();
  world_.queue->retire_intake(id);
  EXPECT_GT(announce(), id);
}

// A state that was put back knows less than the folders.
TEST_F(RejectedTest, ANumberThatAFolderHoldsIsNotGivenAgain) {
  const auto ids = world_.queue->announce_intakes({"a", "b", "c"}, world_now);
  for (const auto id : ids) world_.queue->reject_file(id, std::nullopt);
  world_.queue->skip_job_ids({ids[0], ids[2]}, false, world_now);
  EXPECT_EQ(announce(), ids[1]);
  EXPECT_GT(announce(), ids[2]);
}

TEST_F(RejectedTest, TheAuditFindsANumberThatIsFreeAndTaken) {
  const auto job = world_.add_job(1);
  world_.tamper("INSERT INTO free_id (id) VALUES (" + std::to_string(job.value) + ")");
  const auto report = world_.queue->audit(std::nullopt);
  ASSERT_EQ(report.problems.size(), 1u);
  EXPECT_THAT(report.problems[0], HasSubstr("is free, and something has it"));
}

TEST_F(RejectedTest, AJobWhoseFileChangedSaysSoAndIsARecord) {
  const auto job = world_.add_job(1, {{0, 1, OutcomeType::errored, "{}"}});
  EXPECT_FALSE(world_.queue->taken_file(job));
  world_.tamper("INSERT INTO taken_file (job, bytes, modified_ns, changed) VALUES (1, 70, 5, 0)");
  EXPECT_EQ(world_.queue->taken_file(job), (TakenFile{70, 5}));
  EXPECT_FALSE(world_.queue->job(job)->file_changed);
  EXPECT_EQ(world_.queue->finish_jobs({{job, JobState::done, world_now, "5 bytes came late"}}), std::vector{true});
  world_.open();
  const auto done = world_.queue->job(job).value();
  EXPECT_EQ(done.state, JobState::done);
  EXPECT_EQ(done.reason, "5 bytes came late");
  EXPECT_TRUE(done.file_changed);
  EXPECT_THAT(to_json(done), HasSubstr(R"("file_changed":true)"));
  const auto records = world_.queue->rejected({}, "a.jsonl");
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].job, job);
  EXPECT_EQ(records[0].stored, "");
  EXPECT_THAT(records[0].errors, HasSubstr("5 bytes came late"));
  world_.queue->purge_job(job, world_now);
  EXPECT_FALSE(world_.queue->taken_file(job));
}

TEST_F(RejectedTest, AChangeIsOneRecordHoweverOftenItIsSeen) {
  const auto job = world_.add_job(1, {{0, 1, OutcomeType::errored, "{}"}});
  world_.tamper("INSERT INTO taken_file (job, bytes, modified_ns, changed) VALUES (1, 70, 5, 0)");
  world_.queue->note_file_changed(job, "5 bytes came late", world_now);
  world_.queue->note_file_changed(job, "6 bytes came late", world_now);
  EXPECT_TRUE(world_.queue->job(job)->file_changed);
  EXPECT_FALSE(world_.queue->job(job)->reason) << "it is open: its reason says what it waits for";
  world_.queue->finish_jobs({{job, JobState::done, world_now, "7 bytes came late"}});
  EXPECT_EQ(world_.queue->job(job)->reason, "7 bytes came late");
  EXPECT_EQ(world_.queue->rejected({}, "").size(), 1u);
  const auto other = world_.add_job(1, {{0, 1, OutcomeType::errored, "{}"}});
  world_.tamper("INSERT INTO taken_file (job, bytes, modified_ns, changed) VALUES (2, 70, 5, 0)");
  world_.queue->finish_job(other, JobState::done, world_now);
  world_.queue->note_file_changed(other, "5 bytes came late", world_now);
  EXPECT_EQ(world_.queue->job(other)->reason, "5 bytes came late") << "it was done before";
  EXPECT_EQ(world_.queue->rejected({}, "").size(), 2u);
}

}  // namespace
}  // namespace offpeak::testing
