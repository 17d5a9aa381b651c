// What is asked all the time does not walk through what was done long ago: SQLite counts the steps of its walks through
// whole tables, and they are the same behind thirty batches and behind three hundred.
#include <functional>

#include "unit/queue/queue_world.hpp"

namespace offpeak {
namespace {

using testing::QueueWorld;
using testing::world_now;

sqlite3* last_opened = nullptr;

int note_connection(sqlite3* connection, const char** /*error*/, const sqlite3_api_routines* /*api*/) {
  const std::string_view file = sqlite3_db_filename(connection, "main");
  if (!file.empty()) last_opened = connection;  // one in memory soon closes again
  return SQLITE_OK;
}

// While one lives, the connection to a file that was opened last is known.
class Connections {
 public:
  Connections() { sqlite3_auto_extension(entry()); }
  ~Connections() { sqlite3_cancel_auto_extension(entry()); }

 private:
  static void (*entry())() { return reinterpret_cast<void (*)()>(&note_connection); }
};

int take_steps() {
  int steps = 0;
  for (auto* statement = sqlite3_next_stmt(last_opened, nullptr); statement != nullptr;
       statement = sqlite3_next_stmt(last_opened, statement)) {
    steps += sqlite3_stmt_status(statement, SQLITE_STMTSTATUS_FULLSCAN_STEP, 1);
  }
  return steps;
}

struct Asked {
  const char* name;
  std::function<void(Queue&)> ask;
};

const std::vector<Asked>& asked_all_the_time() {
  static const std::vector<Asked> all{
      {"pack_view", [](Queue& q) { q.pack_view(world_now, 1000); }},
      {"uploading_intent", [](Queue& q) { q.uploading_intent(); }},
      {"unknown_intents", [](Queue& q) { q.unknown_intents(); }},
      {"audit_floor", [](Queue& q) { q.audit_floor(world_now); }},
      {"taken_by_count", [](Queue& q) { q.taken_by_count(IntentId{1}); }},
      {"may_explain", [](Queue& q) { q.may_explain({}, world_now); }},
      {"old_work", [](Queue& q) { q.old_work(world_now); }},
      {"unexplained", [](Queue& q) { q.unexplained(); }},
      {"candidates_to_cancel", [](Queue& q) { q.candidates_to_cancel(); }},
      {"open_batches", [](Queue& q) { q.open_batches(); }},
      {"batches_to_cancel", [](Queue& q) { q.batches_to_cancel(); }},
      {"next_to_collect", [](Queue& q) { q.next_to_collect(world_now, std::chrono::hours(1)); }},
      {"next_collect_at", [](Queue& q) { q.next_collect_at(); }},
      {"jobs_to_export", [](Queue& q) { q.jobs_to_export(); }},
      {"intakes", [](Queue& q) { q.intakes(); }},
      {"status", [](Queue& q) { q.status(world_now); }},
      {"job_waits", [](Queue& q) { q.job_waits(q.jobs_with_open_requests().front(), world_now); }},
      {"next_to_purge", [](Queue& q) { q.next_to_purge(world_now - std::chrono::hours(1), world_now); }},
      {"jobs_with_open_requests", [](Queue& q) { q.jobs_with_open_requests(); }},
  };
  return all;
}

// So many jobs of one request that are done, and one job that waits.
void fill(QueueWorld& world, int done) {
  for (int i = 0; i < done; ++i) {
    const auto job = world.add_job(1);
    const auto batch = world.submit(world.assign({{job, 0, 1}}));
    world.end(batch);
    world.record(batch, {QueueWorld::result(job, 0)});
    world.queue->collect(batch, {}, world_now);
    world.queue->finish_job(job, JobState::done, world_now);
  }
  world.add_job(10);
}

std::map<std::string, int> steps_behind(int done) {
  const Connections connections;
  QueueWorld world;
  fill(world, done);
  std::map<std::string, int> steps;
  for (const auto& asked : asked_all_the_time()) {
    take_steps();
    asked.ask(*world.queue);
    steps[asked.name] = take_steps();
  }
  return steps;
}

TEST(FullScan, WhatIsAskedAllTheTimeCostsTheSameHoweverMuchIsDone) {
  const auto few = steps_behind(30);
  const auto many = steps_behind(300);
  EXPECT_EQ(few.size(), asked_all_the_time().size());
  for (const auto& [name, steps] : many) EXPECT_EQ(steps, few.at(name)) << name;
}

// What happens to one batch or job.
TEST(FullScan, WhatIsDoneToOneCostsTheSameHoweverManyAreDone) {
  std::vector<int> steps;
  for (const int done : {30, 300}) {
    const Connections connections;
    QueueWorld world;
    fill(world, done);
    take_steps();
    fill(world, 1);
    steps.push_back(take_steps());
  }
  EXPECT_EQ(steps[0], steps[1]);
}

}  // namespace
}  // namespace offpeak
