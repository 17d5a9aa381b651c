// Settle's verbs: intents whose outcome is unknown, and the start-up guard.
#include <fmt/format.h>

#include <map>

#include "queue/moves.hpp"

namespace offpeak {

namespace {

constexpr const char* disproved_reason = "the adopted batch was not ours: its results say so";

// An adopted batch is not its intent's: that one is unknown again, or, of a late twin, still taken as not created.
void take_batch_away(Sql& sql, const Batch& wrong, const std::string& reason, Instant now) {
  sql.run("INSERT OR IGNORE INTO excluded VALUES (?, ?)", wrong.intent, wrong.provider_id);
  if (wrong.twin) {
    end_twin(sql, wrong.intent, now);
  } else {
    set_intent_state(sql, wrong.intent, IntentState::unknown, reason, now);
    sql.run("UPDATE intent SET next_action_at = ?2 WHERE id = ?1", wrong.intent, now);
    move_intent(sql, wrong.intent, RequestState::submitted, RequestState::assigned);
  }
  sql.run("DELETE FROM attempt WHERE batch = ?", wrong.id);
  sql.run("DELETE FROM batch WHERE id = ?", wrong.id);
  if (wrong.twin) hold_for_twins(sql, now);
}

}  // namespace

void Queue::note_intent(IntentId id, const std::string& reason, Instant next_action_at) {
  sql_->run("UPDATE intent SET reason = ?2, next_action_at = ?3 WHERE id = ?1 AND state = 'unknown'", id, reason,
            next_action_at);
}

std::set<std::string> Queue::known_ids(IntentId candidate_of) const {
  std::set<std::string> ids;
  {
    auto row = sql_->query("SELECT provider_id FROM batch WHERE intact");
    while (row.step()) ids.insert(row.text(0));
  }
  {
    auto row = sql_->query("SELECT provider_id FROM unexplained WHERE state IN ('claimed', 'dismissed') AND intact");
    while (row.step()) ids.insert(row.text(0));
  }
  auto row = sql_->query("SELECT provider_id FROM excluded WHERE intent = ? AND intact", candidate_of);
  while (row.step()) ids.insert(row.text(0));
  return ids;
}

std::set<std::string> Queue::taken_by_count(IntentId except) const {
  std::set<std::string> ids;
  auto row = sql_->query(
      "SELECT provider_id FROM batch WHERE state <> 'collected' AND proven = 0 AND intact AND intent <> ?1 AND NOT "
      "EXISTS (SELECT 1 FROM excluded WHERE excluded.intent = ?1 AND excluded.provider_id = batch.provider_id)",
      except);
  while (row.step()) ids.insert(row.text(0));
  return ids;
}

void Queue::exclude_candidate(IntentId id, const std::string& provider_id) {
  sql_->run("INSERT OR IGNORE INTO excluded VALUES (?, ?)", id, provider_id);
}

// Model: T13.
void Queue::record_not_created(IntentId id, Instant now) {
  become_not_created(*sql_, id, "clean lists over settle_unknown did not show it", now);
}

// A count is never an identity: an answer says more.
// Model: T7.
bool Queue::record_answered(IntentId id, const Batch& answered, Instant now) {
  const auto known = batch(answered.provider_id);
  if (known && (known->proven || known->state == BatchState::collected)) return false;
  if (known) {
    take_batch_away(*sql_, *known,
                    fmt::format("the adopted batch is that of intent {}: its create was answered so", id.value), now);
  }
  become_created(*sql_, id, answered, !known, now);
  return true;
}

// Model: T15.
void Queue::disprove_batch(BatchId id, Instant now) {
  const auto wrong = batch(id);
  if (!wrong || wrong->proven) throw QueueError("database: a proven batch cannot be disproved");
  take_batch_away(*sql_, *wrong, disproved_reason, now);
}

// Model: T15.
Booked Queue::rebook_batch(BatchId id, const std::string& nonce, bool exclusive, Instant now) {
  const auto wrong = batch(id);
  if (!wrong || wrong->proven) throw QueueError("database: a proven batch cannot be disproved");
  take_batch_away(*sql_, *wrong, disproved_reason, now);
  const auto booked = book_by_nonce(*sql_, nonce, *wrong, exclusive, now);
  return booked;
}

Booked Queue::book_candidate(IntentId candidate_of, const std::string& nonce, const Batch& batch, bool exclusive,
                             Instant now) {
  exclude_candidate(candidate_of, batch.provider_id);
  const auto booked = book_by_nonce(*sql_, nonce, batch, exclusive, now);
  return booked;
}

BatchId Queue::adopt_twin(IntentId id, const Batch& twin, bool cancel, Instant now) {
  const auto adopted = become_twin(*sql_, id, twin, {.cancel_state = cancel ? "wanted" : "no"}, now);
  return adopted;
}

bool Queue::is_new() const { return !integer_fact(*sql_, "newest_known_at").has_value(); }

std::optional<Instant> Queue::work_since() const {
  if (integer_fact(*sql_, "list_forgotten")) return std::nullopt;
  if (integer_fact(*sql_, "restored_at")) return Instant();
  auto row = sql_->query("SELECT min(created_at) FROM job");
  if (!row.step()) return std::nullopt;
  return row.maybe_time(0);
}

std::optional<Instant> Queue::newest_known_at() const { return time_fact(*sql_, "newest_known_at"); }

}  // namespace offpeak
