#include "queue/queue.hpp"

#include "queue/moves.hpp"

namespace offpeak {

Queue::Queue(const std::string& path) : sql_(std::make_unique<Sql>(path)) { migrate(*sql_); }

Queue::~Queue() = default;

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
    auto row = sql_->query("SELECT id FROM intent WHERE state = 'committing'");
    while (row.step()) committing.push_back(IntentId{row.integer(0)});
  }
  for (const auto id : committing) {
    mark_unknown(id, "the daemon stopped after the last byte may have left and before an answer was stored", now);
  }
}

}  // namespace offpeak
