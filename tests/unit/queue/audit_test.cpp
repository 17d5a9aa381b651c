#include <gmock/gmock.h>

#include "queue_world.hpp"

namespace offpeak::testing {
namespace {

class AuditTest : public ::testing::Test {
 protected:
  // The problems of an audit of everything, one a line.
  std::string problems() { return text(world_.queue->audit(std::nullopt)); }
  static std::string text(const AuditReport& report) {
    std::string text;
    for (const auto& problem : report.problems) text += problem + '\n';
    return text;
  }
  // What an audit says after `sql` was done behind the queue's back.
  std::string problems_after(const std::string& sql) {
    world_.tamper(sql);
    return problems();
  }
  std::string mixed() const { return std::to_string(filled_.mixed.value); }

  const FilledWorld filled_ = FilledFile::get().filled;
  QueueWorld world_{FilledFile::get().world.path()};
};

TEST_F(AuditTest, EveryRequestIsInOnePlace) {
  const auto report = world_.queue->audit(std::nullopt);
  EXPECT_EQ(text(report), "");
  EXPECT_TRUE(report.ok());
  EXPECT_TRUE(report.at_rest);
  EXPECT_EQ(report.jobs, 3);
  EXPECT_EQ(report.requests, 3 + 3000 + 5);
  EXPECT_EQ(report.outcomes, 3 + (7 + 1 + 1 + 3));
  EXPECT_EQ(report.waiting, report.requests - report.outcomes);
  EXPECT_EQ(report.intents, 6);
  EXPECT_EQ(report.batches, 4);
}

TEST_F(AuditTest, OneJobAlone) {
  const auto report = world_.queue->audit(filled_.done);
  EXPECT_TRUE(report.ok()) << text(report);
  EXPECT_EQ(report.jobs, 1);
  EXPECT_EQ(report.requests, 3);
  EXPECT_EQ(report.outcomes, 3);
  EXPECT_EQ(report.intents, 1);
  EXPECT_EQ(report.batches, 1);
}

TEST_F(AuditTest, AJobThatIsNotThereHasNothing) {
  const auto report = world_.queue->audit(JobId{99});
  EXPECT_TRUE(report.ok());
  EXPECT_EQ(report.requests, 0);
}

TEST_F(AuditTest, FindsARequestThatNothingHolds) {
  EXPECT_THAT(problems_after("UPDATE pending SET count = count - 1 WHERE job = " + mixed() + " AND first = 50"),
              ::testing::HasSubstr("request 99: in no place"));
}

TEST_F(AuditTest, FindsARequestInTwoPlaces) {
  const auto found = problems_after("UPDATE pending SET first = first - 2, count = count + 2 WHERE job = " + mixed() +
                                    " AND first = 50");
  EXPECT_THAT(found, ::testing::HasSubstr("requests 48 to 49: in more than one place: pending, assigned"));
  EXPECT_THAT(found, ::testing::HasSubstr("intent " + std::to_string(filled_.sending.value)));
}

TEST_F(AuditTest, FindsALostOutcome) {
  EXPECT_THAT(problems_after("DELETE FROM outcome WHERE job = " + mixed() + " AND seq = 5"),
              ::testing::HasSubstr("request 5: in no place"));
}

TEST_F(AuditTest, FindsAnOutcomeThatNobodyBroughtBack) {
  EXPECT_THAT(problems_after("UPDATE outcome SET batch = 1 WHERE job = " + mixed() + " AND seq = 5"),
              ::testing::HasSubstr("request 5 has its outcome from batch 1, which did not carry it"));
}

TEST_F(AuditTest, FindsAnOutcomeOfADownloadThatNeverWas) {
  EXPECT_THAT(problems_after("UPDATE outcome SET download = 9 WHERE job = " + mixed() + " AND seq = 5"),
              ::testing::HasSubstr("download 9"));
}

TEST_F(AuditTest, FindsARequestBehindTheEnd) {
  EXPECT_THAT(problems_after("INSERT INTO pending VALUES (" + mixed() + ", 3000, 2, 0, 0, 0, 0, 0)"),
              ::testing::HasSubstr("pending holds request 3000"));
}

TEST_F(AuditTest, FindsWrongCounters) {
  const auto found =
      problems_after("UPDATE job SET pending = pending - 1, succeeded = succeeded + 1 WHERE id = " + mixed());
  EXPECT_THAT(found, ::testing::HasSubstr("job " + mixed() + " counts"));
  EXPECT_THAT(found, ::testing::HasSubstr("pending"));
  EXPECT_THAT(found, ::testing::HasSubstr("succeeded"));
}

TEST_F(AuditTest, FindsKindsOfOutcomesThatWereSwapped) {
  EXPECT_THAT(problems_after("UPDATE job SET errored = errored - 1, expired = expired + 1 WHERE id = " +
                             std::to_string(filled_.done.value)),
              ::testing::HasSubstr("expired"));
}

TEST_F(AuditTest, FindsAMissingIndexSegment) {
  EXPECT_THAT(problems_after("DELETE FROM segment WHERE job = " + mixed() + " AND number = 1"),
              ::testing::HasSubstr("index segment 1"));
}

TEST_F(AuditTest, FindsASegmentTooMany) {
  EXPECT_THAT(problems_after("INSERT INTO segment SELECT job, 3, entries FROM segment WHERE job = " + mixed() +
                             " AND number = 0"),
              ::testing::HasSubstr("segment 3 behind its last one"));
}

TEST_F(AuditTest, FindsAnIntentWhosePartsDoNotAddUp) {
  EXPECT_THAT(problems_after("UPDATE intent SET requests = 11 WHERE id = 1"),
              ::testing::HasSubstr("intent 1 has 11 requests, its parts have 3"));
}

TEST_F(AuditTest, FindsAGapBetweenPlaces) {
  EXPECT_THAT(problems_after("UPDATE assignment SET first_place = 1 WHERE intent = 1"),
              ::testing::HasSubstr("intent 1: places 0 and 1 do not follow each other"));
}

TEST_F(AuditTest, FindsAnIntentWithoutItsBatch) {
  EXPECT_THAT(problems_after("DELETE FROM batch WHERE intent = 1"),
              ::testing::HasSubstr("intent 1 is created, but has no batch"));
}

TEST_F(AuditTest, FindsABatchThatItsIntentDoesNotKnow) {
  EXPECT_THAT(problems_after("UPDATE intent SET state = 'rejected' WHERE id = 1"),
              ::testing::HasSubstr("intent 1 is rejected, but has batch"));
}

TEST_F(AuditTest, FindsABatchOfAnotherSize) {
  EXPECT_THAT(problems_after("UPDATE batch SET requests = 4 WHERE intent = 1"), ::testing::HasSubstr("has 4 requests"));
}

TEST_F(AuditTest, FindsRowsOfAJobThatIsNotThere) {
  EXPECT_THAT(problems_after("UPDATE tally SET job = 77 WHERE job = " + mixed()),
              ::testing::HasSubstr("tally holds rows of job 77"));
}

TEST_F(AuditTest, FindsMoreStopReasonsThanAnswers) {
  EXPECT_THAT(problems_after("UPDATE tally SET n = 5000 WHERE kind = 'stop_reason' AND job = " + mixed()),
              ::testing::HasSubstr("5000 stop reasons"));
}

TEST_F(AuditTest, FindsASequenceThatWouldGiveAnIdTwice) {
  EXPECT_THAT(problems_after("UPDATE sqlite_sequence SET seq = 1 WHERE name = 'intake'"),
              ::testing::HasSubstr("only 1 ids of intake were given"));
}

TEST_F(AuditTest, FindsTotalsThatAreNotThoseOfTheJobs) {
  const auto found = problems_after("UPDATE job_total SET pending = pending - 1, jobs_open = jobs_open + 1");
  EXPECT_THAT(found, ::testing::HasSubstr("the totals of jobs 0 to 4095 count 3 open jobs, the jobs say 2"));
  EXPECT_THAT(found, ::testing::ContainsRegex("count [0-9]+ pending"));
  EXPECT_THAT(found, ::testing::Not(::testing::HasSubstr("succeeded")));
}

TEST_F(AuditTest, FindsTotalsThatAreMissing) {
  world_.queue->skip_job_ids({JobId{5000}}, false, world_now);
  world_.add_job(6);
  EXPECT_EQ(problems_after("DELETE FROM job_total WHERE part = 1"),
            "the totals of jobs 4096 to 8191 count 0 open jobs, the jobs say 1\n"
            "the totals of jobs 4096 to 8191 count 0 pending, the jobs say 6\n");
}

TEST_F(AuditTest, FindsTotalsOfJobsThatAreNotThere) {
  EXPECT_EQ(problems_after("INSERT INTO job_total VALUES (3, 0, 0, 0, 0, 2, 0, 0, 0)"),
            "the totals of jobs 12288 to 16383 count 2 succeeded, the jobs say 0\n");
}

TEST_F(AuditTest, ListsTheFirstHundredAndCountsAll) {
  world_.tamper(
      "DELETE FROM outcome; WITH RECURSIVE n(i) AS (SELECT 51 UNION ALL SELECT i + 2 FROM n WHERE i < 999) INSERT INTO "
      "made_outcome SELECT " +
      mixed() + ", i, 1, 'errored', '' FROM n WHERE i NOT IN (SELECT first FROM made_outcome)");
  const auto report = world_.queue->audit(std::nullopt);
  EXPECT_EQ(report.problems.size(), audit_problems_max);
  EXPECT_GT(report.problem_count, 400);
  EXPECT_FALSE(report.ok());
}

// A job that goes on between two slices is no problem; its counters are then compared where they can be.
TEST_F(AuditTest, AJobThatMovesMeanwhileIsNoProblem) {
  const auto big = world_.add_job(40'000);
  const auto batch = world_.submit(world_.assign({{big, 0, 20}}));
  AuditProgress progress;
  progress.only = big;
  ASSERT_TRUE(world_.queue->audit_slice(progress));  // finds the job
  ASSERT_TRUE(world_.queue->audit_slice(progress));  // its first slice
  world_.end(batch);
  world_.record(batch, {QueueWorld::result(big, 0), QueueWorld::result(big, 1)});
  world_.assign({{big, 30'000, 10}});
  int slices = 2;
  while (world_.queue->audit_slice(progress)) ++slices;
  EXPECT_GT(slices, 4);
  EXPECT_EQ(text(progress.report), "");
  EXPECT_FALSE(progress.report.at_rest);
  EXPECT_EQ(progress.report.requests, 40'000);
}

}  // namespace
}  // namespace offpeak::testing
