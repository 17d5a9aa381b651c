// The sums over all jobs that the status shows, without reading the jobs.
#include <gmock/gmock.h>

#include "queue/sql.hpp"
#include "queue_world.hpp"
#include "unit/base/temporary_folder.hpp"

namespace offpeak::testing {
namespace {

class TotalsTest : public ::testing::Test {
 protected:
  // What status() shows is what the jobs say.
  void expect_sums() {
    RequestCounts counts;
    std::int64_t open = 0;
    for (const auto& job : world_.queue->jobs({})) {
      for (std::size_t i = 0; i < counts.by_state.size(); ++i) counts.by_state[i] += job.counts.by_state[i];
      open += job.done_at ? 0 : 1;
    }
    const auto status = world_.queue->status(world_now);
    EXPECT_EQ(status.counts, counts);
    EXPECT_EQ(status.jobs_open, open);
    EXPECT_EQ(world_.queue->audit(std::nullopt).problems, std::vector<std::string>());
  }
  std::int64_t parts() {
    world_.close();
    Sql sql(world_.path());
    auto row = sql.query("SELECT count(*) FROM job_total");
    row.step();
    return row.integer(0);
  }

  const FilledWorld filled_ = FilledFile::get().filled;
  QueueWorld world_{FilledFile::get().world.path()};
};

TEST_F(TotalsTest, MoveWithTheJobs) {
  expect_sums();
  auto& queue = *world_.queue;
  const auto job = world_.add_job(4);
  expect_sums();
  const auto batch = world_.submit(world_.assign({{job, 0, 4}}));
  expect_sums();
  world_.end(batch);
  world_.record(batch, {QueueWorld::result(job, 0), QueueWorld::result(job, 1), QueueWorld::result(job, 2),
                        QueueWorld::result(job, 3, ResultAction::outcome, OutcomeType::expired)});
  expect_sums();
  EXPECT_TRUE(queue.collect(batch, {}, world_now).complete);
  queue.finish_job(job, JobState::done, world_now);
  expect_sums();
  EXPECT_EQ(queue.cancel_job(filled_.held, world_now), Queue::Change::done);
  expect_sums();
  queue.finish_job(filled_.held, JobState::canceled, world_now);
  expect_sums();
  queue.purge_job(job, world_now);
  expect_sums();
}

TEST_F(TotalsTest, DoNotMoveWithWhatIsRolledBack) {
  const auto before = world_.queue->status(world_now);
  const auto assign = [&](Queue&) { return world_.assign({{filled_.held, 0, 1}, {JobId{77}, 0, 1}}); };
  EXPECT_THROW(world_.queue->write(assign), QueueError);
  EXPECT_EQ(world_.queue->status(world_now).counts, before.counts);
  expect_sums();
}

TEST_F(TotalsTest, ARowForEveryFewThousandJobs) {
  world_.queue->skip_job_ids({JobId{9000}}, false, world_now);
  const auto far = world_.add_job(7);
  EXPECT_EQ(far.value, 9001);
  expect_sums();
  EXPECT_EQ(parts(), 2);
  world_.open();
  EXPECT_EQ(world_.queue->cancel_job(far, world_now), Queue::Change::done);
  world_.queue->finish_job(far, JobState::canceled, world_now);
  world_.queue->purge_job(far, world_now);
  expect_sums();
  EXPECT_EQ(parts(), 1);
}

TEST_F(TotalsTest, ADamagedRowIsNamedAndNeverMoved) {
  world_.tamper("UPDATE job_total SET pending = 0x4A6F6273");  // "Jobs" in the file
  world_.close();
  std::fstream file(world_.path(), std::ios::in | std::ios::out | std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  const auto at = bytes.find("Jobs");
  ASSERT_NE(at, std::string::npos);
  file.clear();
  file.seekp(static_cast<std::streamoff>(at));
  file.put('j');
  file.close();
  EXPECT_THROW(Queue refused(world_.path()), QueueDamaged);
  Queue queue(world_.path(), Queue::OpeningCheck::none);
  EXPECT_THROW(queue.status(world_now), QueueDamaged);
  EXPECT_THROW(queue.cancel_job(filled_.held, world_now), QueueDamaged);
  EXPECT_THAT(queue.audit(std::nullopt).problems,
              ::testing::Contains(::testing::HasSubstr("table job_total, row (part) = (0)")));
}

// Of the version before, with jobs that are open, done and canceled.
TEST(TotalsMigration, AnOldDatabaseGetsItsTotalsFromItsJobs) {
  TemporaryFolder folder;
  constexpr std::size_t version_before = 4;
  const auto migrations = migration_texts();
  {
    Sql sql(folder / "offpeak.db");
    for (std::size_t i = 0; i < version_before; ++i) sql.script(migrations.at(i));
    const auto add = [&sql](int id, std::string_view state, int pending, int submitted, int succeeded, int canceled) {
      sql.run(
          "INSERT INTO job (id, name, file, state, created_at, done_at, priority, version, betas, max_attempts, "
          "max_cost, digest, format, data_name, options_line, defaults, requests, pending, assigned, submitted, "
          "succeeded, errored, expired, canceled, cost) VALUES (?1, 'a', x'61', ?2, 5, ?3, 0, 'v', '', 5, 0, x'00', "
          "'lines', 'a', '', '', ?4 + ?5 + ?6 + ?7, ?4, 0, ?5, ?6, 0, 0, ?7, 0)",
          id, state, state == "running" ? std::optional<std::int64_t>() : 9, pending, submitted, succeeded, canceled);
    };
    add(1, "done", 0, 0, 10, 1);
    add(4095, "running", 100, 20, 3, 0);
    add(4096, "canceled", 0, 0, 0, 1000);
    add(5000, "running", 10'000, 0, 0, 0);
    sql.script("PRAGMA user_version = 4");
  }
  Queue queue(folder / "offpeak.db");
  const auto status = queue.status(world_now);
  EXPECT_EQ(status.jobs_open, 2);
  EXPECT_EQ(status.counts[RequestState::pending], 10'100);
  EXPECT_EQ(status.counts[RequestState::submitted], 20);
  EXPECT_EQ(status.counts[RequestState::succeeded], 13);
  EXPECT_EQ(status.counts[RequestState::canceled], 1001);
  for (const auto& problem : queue.audit(std::nullopt).problems) {
    EXPECT_THAT(problem, ::testing::Not(::testing::HasSubstr("totals")));
  }
}

}  // namespace
}  // namespace offpeak::testing
