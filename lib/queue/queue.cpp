#include "queue/queue.hpp"

#include "queue/moves.hpp"
#include "queue/opening_check.hpp"
#include "queue/snapshot.hpp"

namespace offpeak {

namespace {

std::unique_ptr<Sql> open_once(const std::string& path, Queue::OpeningCheck check) {
  auto sql = std::make_unique<Sql>(path);
  // Before the migrations, which would give what they find a checksum that fits.
  if (check == Queue::OpeningCheck::all) check_rows(*sql);
  migrate(*sql);
  if (check == Queue::OpeningCheck::all) check_schema(*sql);
  return sql;
}

// SQLite calls a database malformed too where the disk did not give a page of it away at first. Damage can be read, and
// is there each time that one looks; all else is a disk that fails, and no reason to restore a backup.
std::unique_ptr<Sql> open_database(const std::string& path, Queue::OpeningCheck check) {
  try {
    return open_once(path, check);
  } catch (const QueueDamaged&) {
    check_readable(path);
  }
  return open_once(path, check);
}

}  // namespace

Queue::Queue(const std::string& path, OpeningCheck check) : sql_(open_database(path, check)) {}

Queue::~Queue() = default;

Queue::Writing::Writing(Queue& queue) : transaction_(std::make_unique<Transaction>(*queue.sql_)) {}

Queue::Writing::~Writing() = default;

void Queue::Writing::commit() { transaction_->commit(); }

StageSet Queue::take_concerned() { return sql_->take_concerned(); }

Database::Ringing::~Ringing() {
  const auto concerned = database_.queue_.take_concerned();
  if (database_.bells_ != nullptr) database_.bells_->ring_soon(concerned);
}

// Model: T10.
void Queue::recover(Instant now) {
  // The clients that waited for these verdicts are gone.
  sql_->run("DELETE FROM intake WHERE source = 'socket' AND state = 'rejected'");
  if (const auto uploading = uploading_intent()) {
    Refusal refusal;
    refusal.reason = "the daemon stopped before the last byte left: proven not created";
    record_refused(uploading->id, refusal, now);
  }
  std::vector<IntentId> committing;
  {
    auto row = sql_->query(
        "SELECT id FROM intent WHERE state IN ('uploading', 'committing', 'unknown') AND state = 'committing' AND "
        "intact");
    while (row.step()) committing.push_back(IntentId{row.integer(0)});
  }
  clear_fact(*sql_, "list_seen");
  // What a restored state waits for is counted from this start.
  if (restored_at()) set_fact(*sql_, "restored_at", to_millis(now));
  for (const auto id : committing) {
    mark_unknown(id, "the daemon stopped after the last byte may have left and before an answer was stored", now);
  }
}

}  // namespace offpeak
