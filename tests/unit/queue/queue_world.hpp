// A queue in a temporary folder with a bit of everything in it, and the means to break its file behind its back.
#pragma once

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "queue/queue.hpp"
#include "queue/row_checksum.hpp"
#include "support/strange_batch.hpp"

namespace offpeak::testing {

inline const Instant world_now = from_millis(1'800'000'000'000);

class QueueWorld {
 public:
  QueueWorld() {
    make_folder();
    open();
  }
  // A copy of a closed database.
  explicit QueueWorld(const std::string& database) : nonces_(1000) {
    make_folder();
    std::filesystem::copy_file(database, path());
    open();
  }
  ~QueueWorld() {
    queue.reset();
    std::filesystem::remove_all(folder_);
  }
  QueueWorld(const QueueWorld&) = delete;
  QueueWorld& operator=(const QueueWorld&) = delete;

  std::string path() const { return folder_ + "/offpeak.db"; }
  const std::string& folder() const { return folder_; }
  void open() {
    queue.reset();
    queue = std::make_unique<Queue>(path());
  }
  void close() { queue.reset(); }

  JobId add_job(std::uint32_t requests, const std::vector<MadeOutcome>& made = {}) {
    const auto id = queue->announce_intake(IntakeSource::folder, "a.jsonl", {}, world_now);
    queue->intake_in_claimed(id);
    std::vector<std::string> segments;
    for (std::uint32_t first = 0; first < requests; first += segment_entries) {
      segments.push_back(encode_segment(entries(first, std::min(requests - first, segment_entries))));
    }
    queue->add_segments(id, 0, segments);
    queue->add_made_outcomes(id, made);
    Job job;
    job.id = id;
    job.name = "a";
    job.file = "a.jsonl";
    job.requests = requests;
    job.headers = {"2023-06-01", {}};
    job.digest.bytes[0] = static_cast<unsigned char>(id.value);
    job.digest.bytes[1] = static_cast<unsigned char>(id.value >> 8);
    job.data_name = std::to_string(id.value);
    EXPECT_FALSE(queue->accept_job(job, false, false, world_now).duplicate_of);
    return id;
  }

  static std::vector<LineEntry> entries(std::uint32_t first, std::uint32_t count) {
    std::vector<LineEntry> made(count);
    std::uint64_t offset = std::uint64_t{first} * 100;
    for (auto& entry : made) {
      entry.offset = offset;
      entry.bytes = 99;
      entry.params_bytes = entry.sent_params_bytes = 50;
      offset += 100;
    }
    return made;
  }

  IntentId assign(const std::vector<RequestRange>& ranges) {
    NewIntent intent;
    intent.nonce = "nonce" + std::to_string(++nonces_);
    intent.headers = {"2023-06-01", {}};
    for (const auto& range : ranges) {
      intent.parts.push_back({range, 0, 0, {}});
      intent.requests += range.count;
    }
    intent.bytes = intent.requests * 100ULL;
    return queue->create_intent(intent, world_now);
  }

  BatchId submit(IntentId id) {
    EXPECT_TRUE(queue->mark_committing(id, world_now));
    Batch batch;
    batch.provider_id = "msgbatch_" + std::to_string(id.value);
    batch.created_at = world_now;
    return queue->record_created(id, batch, true, world_now);
  }

  void end(BatchId id) {
    BatchSeen seen;
    seen.id = id;
    seen.state = BatchState::ended;
    queue->record_poll({seen}, world_now);
  }

  static ResultRow result(JobId job, Seq seq, ResultAction action = ResultAction::outcome,
                          OutcomeType type = OutcomeType::succeeded) {
    ResultRow row;
    row.request = {job, seq, 1};
    row.action = action;
    row.type = type;
    row.bytes = 40;
    row.offset = seq * 100ULL;
    row.checksum = 7'000 + seq;
    if (action == ResultAction::outcome && type == OutcomeType::succeeded) {
      row.cost = 120;
      row.stop_reason = "end_turn";
      row.usage.input_tokens = 10;
    }
    return row;
  }

  void record(BatchId id, const std::vector<ResultRow>& rows) {
    queue->record_results(id, queue->begin_download(id), rows, world_now);
  }

  // Statements on the closed file, with checksums that fit: what a wrong program would write, not what a disk does.
  void tamper(const std::string& sql) {
    close();
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(path().c_str(), &db), SQLITE_OK);
    add_row_functions(db);
    char* error = nullptr;
    EXPECT_EQ(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, &error), SQLITE_OK) << (error ? error : "");
    sqlite3_free(error);
    sqlite3_close(db);
    open();
  }

  std::unique_ptr<Queue> queue;

 private:
  void make_folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "offpeak-queue-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
  }

  std::string folder_;
  int nonces_ = 0;
};

struct FilledWorld {
  JobId mixed, done, held;
  IntentId sending;
};

// Every table holds something that counts.
inline FilledWorld fill(QueueWorld& world) {
  FilledWorld made;
  auto& queue = *world.queue;
  made.done = world.add_job(3);
  const auto first = world.submit(world.assign({{made.done, 0, 3}}));
  world.end(first);
  auto odd = QueueWorld::result(made.done, 2, ResultAction::outcome, OutcomeType::errored);
  odd.unreadable = Unreadable{"for a reason", true};
  world.record(first, {QueueWorld::result(made.done, 0), QueueWorld::result(made.done, 1), odd});
  EXPECT_TRUE(queue.collect(first, {}, world_now).complete);
  queue.finish_job(made.done, JobState::done, world_now);

  // Of 3,000: two skipped; 0-9 answered, of which three go again; 10-19 in a batch that runs; 20-29 unknown; 30-39 not
  // created, with a late twin; 40-49 being sent.
  made.mixed = world.add_job(3000, {{100, 1, OutcomeType::errored, "{}"}, {2000, 2, OutcomeType::errored, "{}"}});
  const auto answered = world.submit(world.assign({{made.mixed, 0, 10}}));
  world.end(answered);
  std::vector<ResultRow> rows;
  for (Seq seq = 0; seq < 10; ++seq) {
    rows.push_back(QueueWorld::result(made.mixed, seq, seq < 3 ? ResultAction::another : ResultAction::outcome,
                                      seq < 3 ? OutcomeType::expired : OutcomeType::succeeded));
  }
  world.record(answered, rows);
  EXPECT_TRUE(queue.collect(answered, {}, world_now).complete);
  const auto running = world.submit(world.assign({{made.mixed, 10, 10}}));
  world.record(running, {QueueWorld::result(made.mixed, 10)});
  const auto unknown = world.assign({{made.mixed, 20, 10}});
  EXPECT_TRUE(queue.mark_committing(unknown, world_now));
  queue.mark_unknown(unknown, "a time-out", world_now);
  queue.exclude_candidate(unknown, "msgbatch_other");
  const auto late = world.assign({{made.mixed, 30, 10}});
  EXPECT_TRUE(queue.mark_committing(late, world_now));
  queue.mark_unknown(late, "a time-out", world_now);
  queue.record_not_created(late, world_now);
  Batch twin;
  twin.provider_id = "msgbatch_twin";
  twin.created_at = world_now;
  world.record(queue.adopt_twin(late, twin, true, world_now), {QueueWorld::result(made.mixed, 31)});
  made.sending = world.assign({{made.mixed, 40, 10}});

  made.held = world.add_job(5);
  EXPECT_EQ(queue.hold_job(made.held, "wait for the boss"), Queue::Change::done);
  find_strange(queue, "msgbatch_odd", 4, world_now, world_now);
  queue.announce_intake(IntakeSource::folder, "b.jsonl", {}, world_now);
  queue.pause(true, false, true, world_now);
  return made;
}

// A filled database, made once and closed; its bytes are the same for every test of a program.
struct FilledFile {
  FilledFile() : filled(fill(world)) { world.close(); }
  static FilledFile& get() {
    static FilledFile file;
    return file;
  }
  QueueWorld world;
  FilledWorld filled;
};

}  // namespace offpeak::testing
