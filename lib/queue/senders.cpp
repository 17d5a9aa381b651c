// Whose list it is: under which key, at which address everything was sent.
#include "model/limits.hpp"
#include "model/made_result.hpp"
#include "queue/moves.hpp"

namespace offpeak {

std::string Queue::key_salt(const std::string& fresh) {
  if (const auto salt = text_fact(*sql_, "key_salt")) return *salt;
  set_fact(*sql_, "key_salt", std::string_view(fresh));
  return fresh;
}

std::optional<ProviderIdentity> Queue::sender() const {
  const auto id = integer_fact(*sql_, "sender");
  if (!id) return std::nullopt;
  auto row = sql_->query("SELECT origin, workspace, key_hash, organization FROM sender WHERE id = ? AND intact", *id);
  if (!row.step()) return std::nullopt;
  return ProviderIdentity{row.text(0), row.text(1), row.text(2), row.text(3)};
}

void Queue::become_sender(const ProviderIdentity& identity) {
  if (sender() == identity) return;
  std::optional<std::int64_t> id;
  {
    auto row = sql_->query(
        "SELECT id FROM sender WHERE origin = ? AND workspace = ? AND key_hash = ? AND organization = ? AND intact",
        identity.origin, identity.workspace, identity.key_hash, identity.organization);
    if (row.step()) id = row.integer(0);
  }
  if (!id) {
    sql_->run("INSERT INTO sender (origin, workspace, key_hash, organization) VALUES (?, ?, ?, ?)", identity.origin,
              identity.workspace, identity.key_hash, identity.organization);
    id = sql_->last_id();
  }
  set_fact(*sql_, "sender", *id);
}

void Queue::begin_workspace() {
  std::int64_t newest = 0;
  {
    auto row = sql_->query("SELECT coalesce(max(id), 0) FROM batch");
    if (row.step()) newest = row.integer(0);
  }
  set_fact(*sql_, "workspace_after_batch", newest);
  if (integer_fact(*sql_, "restored_at")) {
    // What was forgotten may have been sent in the workspace before, which no list shows any more.
    set_fact(*sql_, "restored_elsewhere", 1);
    sql_->run(
        "UPDATE job SET reason = ?2 WHERE state IN ('queued', 'running', 'held', 'canceling') AND state = 'held' "
        "AND reason = ?1",
        recovered_reason, recovered_for_operator);
  }
}

std::optional<std::string> Queue::batch_to_prove_by() const {
  const auto after = integer_fact(*sql_, "workspace_after_batch").value_or(0);
  auto row = sql_->query(
      "SELECT provider_id FROM batch WHERE intact AND proven = 1 AND id > ? ORDER BY id DESC LIMIT 1", after);
  if (!row.step()) return std::nullopt;
  return row.text(0);
}

OldWork Queue::old_work(Instant now) const {
  OldWork work;
  {
    auto row = sql_->query(
        "SELECT count(*), coalesce(sum(requests), 0) FROM intent WHERE state IN ('uploading', 'committing', "
        "'unknown') AND intact");
    row.step();
    work.unknown_intents = row.integer(0);
    work.requests += row.integer(1);
  }
  {
    auto row =
        sql_->query("SELECT count(*), coalesce(sum(requests), 0) FROM batch WHERE state <> 'collected' AND intact");
    row.step();
    work.open_batches = row.integer(0);
    work.requests += row.integer(1);
  }
  auto row = sql_->query(
      "SELECT count(*) FROM intent WHERE state = 'not_created' AND settled_at >= ? AND intact AND NOT EXISTS (SELECT "
      "1 FROM batch WHERE batch.intent = intent.id)",
      now - audit_time);
  row.step();
  work.audited_intents = row.integer(0);
  return work;
}

bool Queue::give_up_old_work(Instant now) {
  const auto result =
      made_error("results_lost",
                 "It was sent under a key or to an address that the operator has given up; it may have been "
                 "paid for. It is not sent again by itself.");
  {
    std::optional<BatchId> open;
    {
      auto row = sql_->query("SELECT id FROM batch WHERE state <> 'collected' AND intact ORDER BY id LIMIT 1");
      if (row.step()) open = BatchId{row.integer(0)};
    }
    if (open) {
      static_cast<void>(results_lost(*open, result, result, now));
      return true;
    }
  }
  for (const auto& intent : unknown_intents()) {
    // Settled so long ago that no list is compared with it.
    set_intent_state(*sql_, intent.id, IntentState::not_created, "given up by the operator", now - audit_time * 2);
    for (const auto& assignment : read_assignments(*sql_, intent.id)) {
      for (const auto& run : without_outcomes(*sql_, assignment.range)) {
        make_outcome(*sql_, run, RequestState::assigned, OutcomeType::errored, result);
      }
    }
  }
  sql_->run("UPDATE intent SET settled_at = ?2 WHERE state = 'not_created' AND settled_at >= ?1", now - audit_time,
            now - audit_time * 2);
  return false;
}

void Queue::forget_newest_known() {
  clear_fact(*sql_, "newest_known_id");
  clear_fact(*sql_, "newest_known_at");
  set_fact(*sql_, "list_forgotten", 1);
}

}  // namespace offpeak
