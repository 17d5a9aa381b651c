#include "queue/queue.hpp"

#include "queue/moves.hpp"
#include "queue/opening_check.hpp"
#include "queue/snapshot.hpp"

namespace offpeak {

Queue::Queue(const std::string& path, OpeningCheck check) : sql_(std::make_unique<Sql>(path)) {
  // Before the migrations, which would give what they find a checksum that fits.
  if (check == OpeningCheck::all) check_rows(*sql_);
  migrate(*sql_);
  if (check == OpeningCheck::all) check_schema(*sql_);
}

Queue::~Queue() = default;

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
    auto row = sql_->query("SELECT id FROM intent WHERE state = 'committing' AND intact");
    while (row.step()) committing.push_back(IntentId{row.integer(0)});
  }
  for (const auto id : committing) {
    mark_unknown(id, "the daemon stopped after the last byte may have left and before an answer was stored", now);
  }
}

}  // namespace offpeak
