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
    auto row = sql_->query("SELECT provider_id FROM batch WHERE intact");
    while (row.step()) ids.insert(row.text(0));
  }
  auto row = sql_->query("SELECT provider_id FROM excluded WHERE intent = ? AND intact", candidate_of);
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
  hold_for_twins(*sql_, now);
  transaction.commit();
}

void Queue::disprove_batch(BatchId id, Instant now) {
  Transaction transaction(*sql_);
  const auto wrong = batch(id);
  if (!wrong || wrong->proven) throw QueueError("database: a proven batch cannot be disproved");
  if (wrong->twin) {
    exclude_candidate(wrong->intent, wrong->provider_id);
    end_twin(*sql_, wrong->intent, now);
    sql_->run("DELETE FROM attempt WHERE batch = ?", id);
    sql_->run("DELETE FROM batch WHERE id = ?", id);
    hold_for_twins(*sql_, now);
    transaction.commit();
    return;
  }
  set_intent_state(*sql_, wrong->intent, IntentState::unknown, "the adopted batch was not ours: its results say so",
                   now);
  exclude_candidate(wrong->intent, wrong->provider_id);
  move_intent(*sql_, wrong->intent, RequestState::submitted, RequestState::assigned);
  sql_->run("DELETE FROM attempt WHERE batch = ?", id);
  sql_->run("DELETE FROM batch WHERE id = ?", id);
  transaction.commit();
}

AuditView Queue::audit_view(Instant since) {
  AuditView view;
  std::vector<IntentId> audited;
  {
    auto row = sql_->query(
        "SELECT id FROM intent WHERE state = 'not_created' AND settled_at >= ? AND intact AND NOT EXISTS (SELECT 1 "
        "FROM batch "
        "WHERE batch.intent = intent.id) ORDER BY id",
        since);
    while (row.step()) audited.push_back(IntentId{row.integer(0)});
  }
  if (audited.empty()) return view;
  for (const auto id : audited) {
    view.audited.push_back(*intent(id));
    auto row = sql_->query("SELECT provider_id FROM excluded WHERE intent = ? AND intact", id);
    while (row.step()) view.excluded[id].insert(row.text(0));
  }
  view.unsettled = unknown_intents();
  std::vector<IntentId> sending;
  {
    auto row = sql_->query("SELECT id FROM intent WHERE state IN ('uploading', 'committing') AND intact");
    while (row.step()) sending.push_back(IntentId{row.integer(0)});
  }
  for (const auto id : sending) view.unsettled.push_back(*intent(id));
  auto row = sql_->query("SELECT provider_id FROM batch WHERE intact");
  while (row.step()) view.known.insert(row.text(0));
  return view;
}

BatchId Queue::adopt_twin(IntentId id, const Batch& twin, bool cancel, Instant now) {
  Transaction transaction(*sql_);
  sql_->run(
      "INSERT INTO batch (provider_id, intent, state, requests, bytes, created_at, expires_at, processing, succeeded, "
      "errored, canceled, expired, proven, twin, cancel_state, downloads, failures) SELECT ?2, id, 'in_progress', "
      "requests, bytes, ?3, ?4, requests, 0, 0, 0, 0, 0, 1, ?5, 0, 0 FROM intent WHERE id = ?1",
      id, twin.provider_id, twin.created_at, twin.expires_at, cancel ? "wanted" : "no");
  const BatchId adopted{sql_->last_id()};
  hold_for_twins(*sql_, now);
  set_fact(*sql_, "duplicate_batches", integer_fact(*sql_, "duplicate_batches").value_or(0) + 1);
  transaction.commit();
  return adopted;
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
      "SELECT provider_id, requests, created_at, state FROM unexplained WHERE intact AND state = 'open' ORDER BY "
      "created_at");
  while (row.step()) found.push_back({row.text(0), row.integer(1), row.time(2), row.text(3)});
  return found;
}

bool Queue::dismiss_unexplained(const std::string& provider_id) {
  return sql_->run("UPDATE unexplained SET state = 'dismissed' WHERE provider_id = ? AND state = 'open'",
                   provider_id) == 1;
}

}  // namespace offpeak
