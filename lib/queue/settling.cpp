// Settle's verbs: intents whose outcome is unknown, and the start-up guard.
#include <map>

#include "queue/moves.hpp"

namespace offpeak {

void Queue::note_intent(IntentId id, const std::string& reason, Instant next_action_at) {
  sql_->run("UPDATE intent SET reason = ?2, next_action_at = ?3 WHERE id = ?1 AND state = 'unknown'", id, reason,
            next_action_at);
}

std::set<std::string> Queue::known_ids(IntentId candidate_of) {
  std::set<std::string> ids;
  {
    auto row = sql_->query("SELECT provider_id FROM batch");
    while (row.step()) ids.insert(row.text(0));
  }
  auto row = sql_->query("SELECT provider_id FROM excluded WHERE intent = ?", candidate_of);
  while (row.step()) ids.insert(row.text(0));
  return ids;
}

void Queue::exclude_candidate(IntentId id, const std::string& provider_id) {
  sql_->run("INSERT OR IGNORE INTO excluded VALUES (?, ?)", id, provider_id);
}

void Queue::record_not_created(IntentId id, Instant now) {
  Transaction transaction(*sql_);
  set_intent_state(*sql_, id, IntentState::not_created, "clean lists over settle_unknown did not show it", now);
  for (const auto& assignment : read_assignments(*sql_, id)) {
    PendingRange pending;
    pending.range = assignment.range;
    pending.attempts = assignment.attempts;
    pending.since = now;
    pending.most_together = assignment.most_together;
    pending.refused_at = assignment.refused_at;
    give_back(*sql_, pending, RequestState::assigned);
  }
  transaction.commit();
}

void Queue::disprove_batch(BatchId id, Instant now) {
  Transaction transaction(*sql_);
  const auto wrong = batch(id);
  if (!wrong || wrong->proven) throw QueueError("database: a proven batch cannot be disproved");
  set_intent_state(*sql_, wrong->intent, IntentState::unknown, "the adopted batch was not ours: its results say so",
                   now);
  exclude_candidate(wrong->intent, wrong->provider_id);
  std::map<JobId, std::int64_t> counts;
  for (const auto& assignment : read_assignments(*sql_, wrong->intent)) {
    counts[assignment.range.job] += assignment.range.count;
  }
  for (const auto& [job, count] : counts) {
    move_requests(*sql_, job, RequestState::submitted, RequestState::assigned, count);
  }
  sql_->run("DELETE FROM attempt WHERE batch = ?", id);
  sql_->run("DELETE FROM batch WHERE id = ?", id);
  transaction.commit();
}

bool Queue::is_new() { return !integer_fact(*sql_, "newest_known_at").has_value(); }

std::optional<Instant> Queue::newest_known_at() {
  const auto at = integer_fact(*sql_, "newest_known_at");
  if (!at) return std::nullopt;
  return from_millis(*at);
}

void Queue::take_as_known(const std::string& provider_id, Instant created_at) {
  Transaction transaction(*sql_);
  set_fact(*sql_, "newest_known_id", std::string_view(provider_id));
  set_fact(*sql_, "newest_known_at", to_millis(created_at));
  transaction.commit();
}

void Queue::record_unexplained(const std::vector<UnexplainedBatch>& batches) {
  Transaction transaction(*sql_);
  for (const auto& found : batches) {
    sql_->run("INSERT OR IGNORE INTO unexplained VALUES (?, ?, ?, ?)", found.provider_id, found.requests,
              found.created_at, found.state);
  }
  transaction.commit();
}

std::vector<UnexplainedBatch> Queue::unexplained() {
  std::vector<UnexplainedBatch> found;
  auto row = sql_->query(
      "SELECT provider_id, requests, created_at, state FROM unexplained WHERE state = 'open' ORDER BY created_at");
  while (row.step()) found.push_back({row.text(0), row.integer(1), row.time(2), row.text(3)});
  return found;
}

bool Queue::dismiss_unexplained(const std::string& provider_id) {
  return sql_->run("UPDATE unexplained SET state = 'dismissed' WHERE provider_id = ? AND state = 'open'",
                   provider_id) == 1;
}

}  // namespace offpeak
