// Rows of intents, of what they carry and of their batches: written here only.
#include <fmt/format.h>

#include "queue/moves.hpp"
#include "queue/refusals.hpp"

namespace offpeak {

IntentId insert_intent(Sql& sql, const NewIntent& intent, IntentState state, Instant now) {
  sql.run(
      "INSERT INTO intent (nonce, state, version, betas, requests, bytes, watermark, watermark_at, created_at) "
      "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
      intent.nonce, to_text(state), intent.headers.version, join_betas(intent.headers.betas), intent.requests,
      intent.bytes, intent.watermark, intent.watermark_at, now);
  const IntentId id{sql.last_id()};
  sql.run("INSERT INTO sent_by (intent, sender) SELECT ?, value FROM fact WHERE name = 'sender' AND intact", id);
  return id;
}

void insert_assignment(Sql& sql, IntentId id, const Assignment& assignment) {
  const auto& range = assignment.range;
  sql.run("INSERT INTO assignment VALUES (?, ?, ?, ?, ?, ?, ?, ?)", id, assignment.first_place, range.job, range.first,
          range.count, assignment.attempts, assignment.most_together, assignment.refused_at);
}

BatchId insert_batch(Sql& sql, IntentId id, const Batch& batch, const NewBatch& as) {
  sql.run(
      "INSERT INTO batch (provider_id, intent, state, requests, bytes, created_at, expires_at, processing, succeeded, "
      "errored, canceled, expired, proven, twin, cancel_state, downloads, failures) SELECT ?2, id, ?3, requests, "
      "bytes, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, 0, 0 FROM intent WHERE id = ?1",
      id, batch.provider_id, to_text(batch.state), batch.created_at, batch.expires_at, batch.processing,
      batch.succeeded, batch.errored, batch.canceled, batch.expired, as.proven, as.twin, as.cancel_state);
  const BatchId inserted{sql.last_id()};
  // It is known now: nobody has to decide about it.
  sql.run(
      "DELETE FROM unexplained WHERE provider_id = ? AND (state IN ('seen', 'open') "
      "OR (state = 'claiming' AND copy_of IS NOT NULL))",
      batch.provider_id);
  return inserted;
}

namespace {

std::optional<HeaderGroup> headers_of(Sql& sql, IntentId id) {
  auto row = sql.query("SELECT version, betas FROM intent WHERE id = ? AND intact", id);
  if (!row.step()) return std::nullopt;
  return HeaderGroup{row.text(0), split_betas(row.text(1))};
}

}  // namespace

BatchId become_created(Sql& sql, IntentId id, const Batch& batch, bool proven, Instant now) {
  std::string cancel_state = "no";
  {
    // An operator may have wished that it is canceled while it was one of several candidates.
    auto row = sql.query("SELECT cancel_state FROM candidate WHERE intact AND intent = ? AND provider_id = ?", id,
                         batch.provider_id);
    if (row.step()) cancel_state = row.text(0);
  }
  set_intent_state(sql, id, IntentState::created, std::nullopt, now);
  const auto created = insert_batch(sql, id, batch, {.proven = proven, .twin = false, .cancel_state = cancel_state});
  move_intent(sql, id, RequestState::assigned, RequestState::submitted);
  if (const auto headers = headers_of(sql, id)) headers_accepted(sql, *headers, now);
  // The guard compares the provider's clock with itself, never with ours.
  if (!batch.times_are_ours && to_millis(batch.created_at) > integer_fact(sql, "newest_known_at").value_or(-1)) {
    set_fact(sql, "newest_known_at", to_millis(batch.created_at));
  }
  want_cancel_where_only_canceled(sql);
  return created;
}

BatchId become_twin(Sql& sql, IntentId id, const Batch& batch, const NewBatch& as, Instant now) {
  Batch twin;
  twin.provider_id = batch.provider_id;
  twin.created_at = batch.created_at;
  twin.expires_at = batch.expires_at;
  {
    auto row = sql.query("SELECT requests FROM intent WHERE intact AND id = ?", id);
    if (row.step()) twin.processing = row.integer(0);
  }
  const auto adopted =
      insert_batch(sql, id, twin, {.proven = as.proven, .twin = true, .cancel_state = as.cancel_state});
  hold_for_twins(sql, now);
  set_fact(sql, "duplicate_batches", integer_fact(sql, "duplicate_batches").value_or(0) + 1);
  return adopted;
}

void become_not_created(Sql& sql, IntentId id, const std::string& reason, Instant now) {
  set_intent_state(sql, id, IntentState::not_created, reason, now);
  for (const auto& assignment : read_assignments(sql, id)) {
    PendingRange pending;
    pending.range = assignment.range;
    pending.attempts = assignment.attempts;
    pending.since = now;
    pending.most_together = assignment.most_together;
    pending.refused_at = assignment.refused_at;
    give_back(sql, pending, RequestState::assigned);
  }
  hold_for_twins(sql, now);
}

void insert_unexplained(Sql& sql, const UnexplainedBatch& batch) {
  sql.run(
      "INSERT INTO unexplained (provider_id, requests, created_at, state, cancel_state, failures, matched, unmatched, "
      "reason, copy_of, seen_at) VALUES (?1, ?2, ?3, ?4, ?5, 0, 0, 0, ?6, ?7, ?8) ON CONFLICT (provider_id) DO UPDATE "
      "SET state = excluded.state, reason = excluded.reason, copy_of = excluded.copy_of "
      "WHERE (state = 'seen' AND excluded.state IN ('open', 'claiming', 'claimed')) "
      "OR (state = 'open' AND excluded.state IN ('claiming', 'claimed')) "
      "OR (state = 'claiming' AND excluded.state = 'claimed')",
      batch.provider_id, batch.requests, batch.created_at, batch.state, batch.cancel_wanted ? "wanted" : "no",
      batch.reason, batch.copy_of ? std::optional(batch.copy_of) : std::nullopt, batch.seen_at);
}

std::string_view to_text(BookedAs as) {
  switch (as) {
    case BookedAs::nobodys:
      return "nobody's";
    case BookedAs::adopted:
      return "adopted";
    case BookedAs::twin:
      return "twin";
    case BookedAs::duplicate:
      return "duplicate";
    case BookedAs::in_flight:
      return "in_flight";
    case BookedAs::unexplained:
      return "unexplained";
  }
  return "";
}

namespace {

// What a nonce has proven is not forgotten. `claiming`: it is not known yet what the batch is to be, and its results
// are asked again until it is.
void note_proven(Sql& sql, const Batch& batch, IntentId intent, std::string_view state, Instant now) {
  UnexplainedBatch proven;
  proven.provider_id = batch.provider_id;
  proven.requests = batch.requests;
  proven.created_at = batch.created_at;
  proven.state = state;
  proven.copy_of = intent;
  proven.seen_at = now;
  proven.reason = fmt::format("its results carry the ids of intent {}, which {}", intent.value,
                              state == "claiming" ? "is not settled yet" : "has another batch: compare the bill");
  insert_unexplained(sql, proven);
  // Whatever else was thought of it: no verdict passes it by.
  sql.run("DELETE FROM excluded WHERE intent = ? AND provider_id = ?", intent, batch.provider_id);
}

}  // namespace

Booked book_by_nonce(Sql& sql, const std::string& nonce, const Batch& batch, bool exclusive, Instant now) {
  Booked booked;
  std::optional<IntentState> state;
  bool has_batch = false;
  bool may_be_disproved = false;
  {
    auto row = sql.query(
        "SELECT id, state, EXISTS (SELECT 1 FROM batch WHERE intact AND batch.intent = intent.id), EXISTS (SELECT 1 "
        "FROM batch WHERE intact AND batch.intent = intent.id AND proven = 0 AND state <> 'collected') FROM intent "
        "WHERE intact AND nonce = ?",
        nonce);
    if (row.step()) {
      booked.intent = IntentId{row.integer(0)};
      state = parse_intent_state(row.bytes(1));
      has_batch = row.integer(2) != 0;
      may_be_disproved = row.integer(3) != 0;
    }
  }
  if (!state) {
    if (!exclusive) return booked;
    UnexplainedBatch lost;
    lost.provider_id = batch.provider_id;
    lost.requests = batch.requests;
    lost.created_at = batch.created_at;
    lost.state = "open";
    lost.seen_at = now;
    lost.reason = "its results carry ids of offpeak that no intent explains";
    insert_unexplained(sql, lost);
    booked.as = BookedAs::unexplained;
    return booked;
  }
  // It was given another one by its count alone, whose results will say whether that is right.
  if (may_be_disproved) {
    booked.as = BookedAs::in_flight;
    note_proven(sql, batch, booked.intent, "claiming", now);
    return booked;
  }
  if (has_batch) {
    booked.as = BookedAs::duplicate;
    note_proven(sql, batch, booked.intent, "claimed", now);
    set_fact(sql, "duplicate_batches", integer_fact(sql, "duplicate_batches").value_or(0) + 1);
    return booked;
  }
  Batch fresh;
  fresh.provider_id = batch.provider_id;
  fresh.created_at = batch.created_at;
  fresh.expires_at = batch.expires_at;
  fresh.processing = batch.requests;
  switch (*state) {
    case IntentState::unknown:
      become_created(sql, booked.intent, fresh, true, now);
      booked.as = BookedAs::adopted;
      return booked;
    case IntentState::not_created:
    case IntentState::rejected:
      become_twin(sql, booked.intent, fresh, {.proven = true}, now);
      booked.as = BookedAs::twin;
      return booked;
    case IntentState::uploading:
    case IntentState::committing:
      booked.as = BookedAs::in_flight;
      note_proven(sql, batch, booked.intent, "claiming", now);
      return booked;
    case IntentState::created:
      booked.as = BookedAs::duplicate;
      return booked;
  }
  return booked;
}

}  // namespace offpeak
