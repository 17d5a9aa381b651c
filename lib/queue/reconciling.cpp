// Reconcile's verbs: what an operator decides about batches that nothing explains, and about unknown intents.
#include <fmt/format.h>

#include <algorithm>

#include "queue/moves.hpp"

namespace offpeak {

namespace {

constexpr std::string_view columns =
    "provider_id, requests, created_at, state, cancel_state, failures, matched, unmatched, reason, next_action_at, "
    "copy_of, seen_at";

UnexplainedBatch read_unexplained(const Statement& row) {
  UnexplainedBatch batch;
  batch.provider_id = row.text(0);
  batch.requests = row.integer(1);
  batch.created_at = row.time(2);
  batch.state = row.text(3);
  batch.cancel_wanted = row.bytes(4) == "wanted";
  batch.failures = static_cast<std::uint32_t>(row.integer(5));
  batch.matched = static_cast<std::uint64_t>(row.integer(6));
  batch.unmatched = static_cast<std::uint64_t>(row.integer(7));
  batch.reason = row.maybe_text(8);
  batch.next_action_at = row.maybe_time(9);
  batch.copy_of = IntentId{row.integer(10)};
  batch.seen_at = row.time(11);
  return batch;
}

bool is_unknown(Sql& sql, IntentId id) {
  auto row = sql.query("SELECT 1 FROM intent WHERE intact AND id = ? AND state = 'unknown'", id);
  return row.step();
}

bool has_intent(Sql& sql, IntentId id) {
  auto row = sql.query("SELECT 1 FROM intent WHERE intact AND id = ?", id);
  return row.step();
}

bool has_batch(Sql& sql, const std::string& provider_id) {
  auto row = sql.query("SELECT 1 FROM batch WHERE intact AND provider_id = ?", provider_id);
  return row.step();
}

bool has_nonce(Sql& sql, const std::string& nonce) {
  auto row = sql.query("SELECT 1 FROM intent WHERE intact AND nonce = ?", nonce);
  return row.step();
}

// An intent that this state has forgotten, or never had: as the results tell of it.
IntentId insert_claimed_intent(Sql& sql, const ClaimedBatch& claimed, Instant now) {
  NewIntent intent;
  intent.nonce = claimed.nonce;
  intent.requests = claimed.requests;
  {
    auto row =
        sql.query("SELECT version, betas FROM job WHERE intact AND id = ?", claimed.assignments.front().range.job);
    if (row.step()) intent.headers = {row.text(0), split_betas(row.text(1))};
  }
  const auto id = insert_intent(sql, intent, IntentState::not_created, now);
  sql.run("UPDATE intent SET settled_at = ?2, reason = ?3 WHERE id = ?1", id, now,
          fmt::format("claimed from the results of {}", claimed.provider_id));
  for (const auto& assignment : claimed.assignments) insert_assignment(sql, id, assignment);
  return id;
}

}  // namespace

std::vector<UnexplainedBatch> Queue::unexplained() const {
  static const auto text = fmt::format(
      "SELECT {} FROM unexplained WHERE intact AND state IN ('open', 'claiming') ORDER BY created_at, provider_id",
      columns);
  std::vector<UnexplainedBatch> found;
  auto row = sql_->query(text);
  while (row.step()) found.push_back(read_unexplained(row));
  return found;
}

std::vector<UnexplainedBatch> Queue::strangers(std::uint32_t most) const {
  static const auto text = fmt::format(
      "SELECT {} FROM unexplained WHERE intact AND state = 'seen' ORDER BY seen_at DESC, provider_id LIMIT ?", columns);
  std::vector<UnexplainedBatch> found;
  auto row = sql_->query(text, most);
  while (row.step()) found.push_back(read_unexplained(row));
  return found;
}

std::optional<UnexplainedBatch> Queue::unexplained(const std::string& provider_id) const {
  static const auto text = fmt::format("SELECT {} FROM unexplained WHERE intact AND provider_id = ?", columns);
  auto row = sql_->query(text, provider_id);
  if (!row.step()) return std::nullopt;
  return read_unexplained(row);
}

Decided Queue::dismiss_unexplained(const std::string& provider_id) {
  const auto found = unexplained(provider_id);
  if (!found) return Decided::no_such_thing;
  if (found->state == "claimed" || found->state == "dismissed") return Decided::not_in_this_state;
  sql_->run(
      "UPDATE unexplained SET state = 'dismissed', reason = 'dismissed by the operator', next_action_at = NULL WHERE "
      "provider_id = ?",
      provider_id);
  return Decided::done;
}

Decided Queue::claim_unexplained(const std::string& provider_id, bool cancel) {
  const auto found = unexplained(provider_id);
  if (!found) return Decided::no_such_thing;
  if (found->state == "claimed") return Decided::not_in_this_state;
  if (found->state != "claiming") {
    sql_->run(
        "UPDATE unexplained SET state = 'claiming', failures = 0, reason = 'waits until the batch has ended', "
        "next_action_at = NULL WHERE provider_id = ?",
        provider_id);
  }
  if (cancel) {
    sql_->run("UPDATE unexplained SET cancel_state = 'wanted' WHERE provider_id = ? AND cancel_state = 'no'",
              provider_id);
  }
  return Decided::done;
}

void Queue::cancel_of_unexplained_requested(const std::string& provider_id) {
  sql_->run("UPDATE unexplained SET cancel_state = 'requested' WHERE provider_id = ? AND cancel_state = 'wanted'",
            provider_id);
}

void Queue::note_claim(const std::string& provider_id, const std::string& reason, Instant next_action_at, bool failed) {
  sql_->run(
      "UPDATE unexplained SET reason = ?2, next_action_at = ?3, failures = CASE WHEN ?4 THEN failures + 1 ELSE 0 END "
      "WHERE provider_id = ?1 AND state = 'claiming'",
      provider_id, reason, next_action_at, failed);
}

void Queue::give_up_claim(const std::string& provider_id, const std::string& reason) {
  sql_->run(
      "UPDATE unexplained SET state = CASE WHEN copy_of IS NULL THEN 'open' ELSE 'seen' END, reason = ?2, "
      "next_action_at = "
      "NULL WHERE provider_id = ?1 AND state = 'claiming'",
      provider_id, reason);
}

void Queue::end_claim(const std::string& provider_id, std::uint64_t unmatched, const std::string& reason, Instant now) {
  // What was taken for a copy of ours is somebody else's: we are not alone here.
  const auto claim = unexplained(provider_id);
  if (claim && claim->copy_of) set_fact(*sql_, "stranger_seen_at", to_millis(now));
  sql_->run(
      "UPDATE unexplained SET state = CASE WHEN copy_of IS NULL THEN 'claimed' ELSE 'seen' END, unmatched = ?2, "
      "reason = ?3, next_action_at = NULL WHERE provider_id = ?1 AND state = 'claiming'",
      provider_id, unmatched, reason);
}

Booked Queue::record_claim(const ClaimedBatch& claimed, Instant now) {
  Booked booked;
  const auto wish = unexplained(claimed.provider_id);
  // Decided otherwise meanwhile.
  if (!wish || wish->state != "claiming") return booked;
  Batch batch;
  batch.provider_id = claimed.provider_id;
  batch.requests = claimed.requests;
  batch.created_at = claimed.created_at;
  batch.expires_at = claimed.expires_at;
  if (const auto known = this->batch(claimed.provider_id)) {
    // Taken for that of another intent by its size alone: its results may disprove that, and then it is to be claimed.
    // Collected, nothing can be disproved any more: its results are lost.
    const bool decided = known->proven || known->state == BatchState::collected;
    booked.as = decided ? BookedAs::duplicate : BookedAs::in_flight;
    if (!decided) return booked;
  } else if (has_nonce(*sql_, claimed.nonce)) {
    Savepoint savepoint(*sql_);
    booked = book_by_nonce(*sql_, claimed.nonce, batch, false, now);
    if (booked.as == BookedAs::in_flight) return booked;
    savepoint.keep();
  } else if (claimed.assignments.empty()) {
    return booked;
  } else {
    booked.intent = insert_claimed_intent(*sql_, claimed, now);
    booked.as = BookedAs::twin;
    batch.processing = claimed.requests;
    // It has ended: there is nothing left to cancel.
    insert_batch(*sql_, booked.intent, batch, {.proven = true, .twin = true, .cancel_state = "no"});
    hold_for_twins(*sql_, now);
  }
  sql_->run(
      "UPDATE unexplained SET state = 'claimed', matched = ?2, unmatched = ?3, reason = 'claimed', next_action_at = "
      "NULL WHERE provider_id = ?1",
      claimed.provider_id, claimed.matched, claimed.unmatched);
  return booked;
}

std::vector<JobId> Queue::jobs_with_open_requests() const {
  std::vector<JobId> jobs;
  auto row = sql_->query(
      "SELECT id FROM job WHERE state IN ('queued', 'running', 'held', 'canceling') AND intact AND pending + assigned "
      "+ submitted > 0 ORDER BY priority DESC, id");
  while (row.step()) jobs.push_back(JobId{row.integer(0)});
  return jobs;
}

OpenLines Queue::open_lines(JobId job, Seq first) const {
  OpenLines open;
  open.job = job_bytes(job);
  const auto count = segment_entries - first % segment_entries;
  const auto entries = lines(job, first, count);
  std::vector<bool> final(entries.size());
  for (const auto& outcome : outcomes(job, first, count)) {
    if (outcome.seq - first < final.size()) final[outcome.seq - first] = true;
  }
  for (std::uint32_t i = 0; i < entries.size(); ++i) {
    if (!final[i]) open.lines.push_back({first + i, entries[i]});
  }
  if (entries.size() == count) open.next = first + count;
  return open;
}

void Queue::record_candidates(IntentId id, const std::vector<Candidate>& candidates) {
  const auto before = this->candidates(id);
  const auto alike = [](const Candidate& a, const Candidate& b) {
    return a.provider_id == b.provider_id && a.ended == b.ended;
  };
  auto sorted = candidates;
  std::ranges::sort(sorted, {}, &Candidate::provider_id);
  if (std::ranges::equal(before, sorted, alike)) return;
  sql_->run("DELETE FROM candidate WHERE intent NOT IN (SELECT id FROM intent WHERE intact AND state = 'unknown')");
  for (const auto& gone : before) {
    const bool still = std::ranges::any_of(sorted, [&](const auto& c) { return c.provider_id == gone.provider_id; });
    if (!still) sql_->run("DELETE FROM candidate WHERE intent = ? AND provider_id = ?", id, gone.provider_id);
  }
  for (const auto& found : sorted) {
    sql_->run("INSERT INTO candidate VALUES (?, ?, ?, ?, ?, 'no') ON CONFLICT DO UPDATE SET ended = excluded.ended", id,
              found.provider_id, found.created_at, found.expires_at, found.ended);
  }
}

std::vector<Candidate> Queue::candidates(IntentId id) const {
  std::vector<Candidate> found;
  auto row = sql_->query(
      "SELECT provider_id, created_at, expires_at, ended, cancel_state FROM candidate WHERE intact AND intent = ? "
      "ORDER BY provider_id",
      id);
  while (row.step()) {
    found.push_back({row.text(0), row.time(1), row.time(2), row.integer(3) != 0, row.bytes(4) == "wanted"});
  }
  return found;
}

Decided Queue::adopt_candidate(IntentId id, const std::string& provider_id, Instant now) {
  if (!has_intent(*sql_, id)) return Decided::no_such_thing;
  if (!is_unknown(*sql_, id) || has_batch(*sql_, provider_id)) return Decided::not_in_this_state;
  for (const auto& candidate : candidates(id)) {
    if (candidate.provider_id != provider_id) continue;
    Batch batch;
    batch.provider_id = provider_id;
    batch.created_at = candidate.created_at;
    batch.expires_at = candidate.expires_at;
    batch.processing = intent(id)->requests;
    become_created(*sql_, id, batch, false, now);
    return Decided::done;
  }
  return Decided::no_such_thing;
}

Decided Queue::cancel_candidate(IntentId id, const std::string& provider_id) {
  if (!has_intent(*sql_, id)) return Decided::no_such_thing;
  if (!is_unknown(*sql_, id)) return Decided::not_in_this_state;
  const auto known = candidates(id);
  if (std::ranges::none_of(known, [&](const auto& c) { return c.provider_id == provider_id; })) {
    return Decided::no_such_thing;
  }
  sql_->run("UPDATE candidate SET cancel_state = 'wanted' WHERE intent = ? AND provider_id = ? AND cancel_state = 'no'",
            id, provider_id);
  return Decided::done;
}

std::vector<std::string> Queue::candidates_to_cancel() const {
  std::vector<std::string> found;
  auto row = sql_->query(
      "SELECT DISTINCT provider_id FROM candidate JOIN intent ON intent.id = candidate.intent WHERE candidate.intact "
      "AND intent.intact AND cancel_state = "
      "'wanted' AND intent.state = 'unknown'");
  while (row.step()) found.push_back(row.text(0));
  return found;
}

void Queue::cancel_of_candidate_requested(const std::string& provider_id) {
  sql_->run("UPDATE candidate SET cancel_state = 'requested' WHERE provider_id = ? AND cancel_state = 'wanted'",
            provider_id);
}

Decided Queue::dismiss_intent(IntentId id, Instant now) {
  if (!has_intent(*sql_, id)) return Decided::no_such_thing;
  if (!is_unknown(*sql_, id)) return Decided::not_in_this_state;
  become_not_created(*sql_, id, "dismissed by the operator", now);
  return Decided::done;
}

}  // namespace offpeak
