// Submit's verbs: what the intent carries, and what became of its create call.
#include <fmt/format.h>

#include "queue/moves.hpp"
#include "queue/refusals.hpp"

namespace offpeak {

namespace {

constexpr std::string_view columns =
    "id, nonce, state, version, betas, requests, bytes, watermark, watermark_at, created_at, committed_at, reason, "
    "next_action_at, settled_at, intact";

Intent read_intent(const Statement& row) {
  Intent intent;
  intent.id = IntentId{row.integer(0)};
  intent.nonce = row.text(1);
  intent.state = parse_intent_state(row.bytes(2)).value_or(IntentState::unknown);
  intent.headers = {row.text(3), split_betas(row.text(4))};
  intent.requests = static_cast<std::uint32_t>(row.integer(5));
  intent.bytes = static_cast<std::uint64_t>(row.integer(6));
  intent.watermark = row.maybe_text(7);
  intent.watermark_at = row.maybe_time(8);
  intent.created_at = row.time(9);
  intent.committed_at = row.maybe_time(10);
  intent.reason = row.maybe_text(11);
  intent.next_action_at = row.maybe_time(12);
  intent.settled_at = row.maybe_time(13);
  return intent;
}

PendingRange as_pending(const Assignment& assignment, Instant now) {
  PendingRange pending;
  pending.range = assignment.range;
  pending.attempts = assignment.attempts;
  pending.since = now;
  pending.most_together = assignment.most_together;
  pending.refused_at = assignment.refused_at;
  return pending;
}

// Everything but the request at `place` goes back; that one becomes errored.
void give_back_but_one(Sql& sql, const Assignment& assignment, std::uint32_t place, const std::string& result,
                       Instant now) {
  const auto offset = place - assignment.first_place;
  const auto& range = assignment.range;
  auto pending = as_pending(assignment, now);
  if (offset > 0) {
    pending.range = {range.job, range.first, offset};
    give_back(sql, pending, RequestState::assigned);
  }
  if (offset + 1 < range.count) {
    pending.range = {range.job, range.first + offset + 1, range.count - offset - 1};
    give_back(sql, pending, RequestState::assigned);
  }
  for (const auto& run : without_outcomes(sql, {range.job, range.first + offset, 1})) {
    make_outcome(sql, run, RequestState::assigned, OutcomeType::errored, result);
  }
}

void apply_refusal(Sql& sql, const Intent& intent, const Refusal& refusal, Instant now) {
  for (const auto& assignment : read_assignments(sql, intent.id)) {
    const bool named = refusal.kind == RefusalKind::name_request && refusal.place >= assignment.first_place &&
                       refusal.place - assignment.first_place < assignment.range.count;
    const bool alone = refusal.kind == RefusalKind::halve && intent.requests == 1 && refusal.alone_is_errored;
    if (named || alone) {
      give_back_but_one(sql, assignment, named ? refusal.place : 0, refusal.result, now);
      continue;
    }
    auto pending = as_pending(assignment, now);
    if (refusal.kind == RefusalKind::halve) {
      pending.most_together = std::max<std::uint32_t>(intent.requests / 2, 1);
      if (to_millis(pending.refused_at) == 0) pending.refused_at = now;
    }
    if (refusal.kind == RefusalKind::aside) {
      pending.most_together = std::min(pending.most_together == 0 ? intent.requests : pending.most_together,
                                       std::max<std::uint32_t>(intent.requests, 1));
      if (to_millis(pending.refused_at) == 0) pending.refused_at = now;
      pending.not_before = refusal.not_before;
    }
    give_back(sql, pending, RequestState::assigned);
  }
}

}  // namespace

std::optional<Intent> Queue::uploading_intent() const {
  static const auto text = fmt::format(
      "SELECT {} FROM intent WHERE state IN ('uploading', 'committing', 'unknown') AND state = 'uploading' ORDER BY id "
      "LIMIT 1",
      columns);
  auto row = sql_->query(text);
  if (!row.step()) return std::nullopt;
  return read_intent(row);
}

std::optional<Intent> Queue::intent(IntentId id) const {
  static const auto text = fmt::format("SELECT {} FROM intent WHERE id = ?", columns);
  auto row = sql_->query(text, id);
  if (!row.step()) return std::nullopt;
  return read_intent(row);
}

std::vector<Intent> Queue::unknown_intents() const {
  static const auto text = fmt::format(
      "SELECT {} FROM intent WHERE state IN ('uploading', 'committing', 'unknown') AND state = 'unknown' ORDER BY id",
      columns);
  std::vector<Intent> found;
  auto row = sql_->query(text);
  while (row.step()) found.push_back(read_intent(row));
  return found;
}

std::vector<Assignment> Queue::assignments(IntentId id) const { return read_assignments(*sql_, id); }

JobBytes Queue::job_bytes(JobId id) const {
  auto row = sql_->query("SELECT data_name, defaults FROM job WHERE id = ? AND intact", id);
  if (!row.step()) throw QueueError(fmt::format("database: there is no job {}", id.value));
  return {id, row.text(0), row.text(1)};
}

std::vector<LineEntry> Queue::lines(JobId job, Seq first, std::uint32_t count) const {
  std::vector<LineEntry> found;
  std::int64_t requests = 0;
  {
    auto row = sql_->query("SELECT requests FROM job WHERE id = ? AND intact", job);
    if (row.step()) requests = row.integer(0);
  }
  const auto end = std::min<std::int64_t>(std::int64_t{first} + count, requests);
  for (std::int64_t seq = first; seq < end; ++seq) {
    const auto& entries = sql_->segment(job, static_cast<std::uint32_t>(seq / segment_entries));
    const auto at = static_cast<std::size_t>(seq % segment_entries);
    if (at >= entries.size()) throw QueueError(fmt::format("database: job {} has no request {}", job.value, seq));
    found.push_back(entries[at]);
  }
  return found;
}

bool Queue::mark_committing(IntentId id, Instant now) {
  if (shares_with_a_twin(*sql_, id)) return false;
  for (const auto& assignment : read_assignments(*sql_, id)) {
    if (outcomes_in(*sql_, assignment.range) > 0) return false;
  }
  set_intent_state(*sql_, id, IntentState::committing, std::nullopt, now);
  sql_->run("UPDATE intent SET committed_at = ?2 WHERE id = ?1", id, now);
  return true;
}

BatchId Queue::record_created(IntentId id, const Batch& batch, bool proven, Instant now) {
  const auto created = become_created(*sql_, id, batch, proven, now);
  return created;
}

// Model: T6, T8.
void Queue::record_refused(IntentId id, const Refusal& refusal, Instant now) {
  const auto refused = intent(id);
  if (!refused) throw QueueError(fmt::format("database: there is no intent {}", id.value));
  set_intent_state(*sql_, id, IntentState::rejected, refusal.reason, now);
  apply_refusal(*sql_, *refused, refusal, now);
  if (refusal.header_refusals) store_header_refusals(*sql_, refused->headers, *refusal.header_refusals);
  if (!refusal.hold_reason.empty()) hold_jobs_of(*sql_, refused->headers, refusal.hold_reason, now);
  hold_for_twins(*sql_, now);
  if (refusal.learned_max_bytes != 0) {
    set_fact(*sql_, "learned_max_bytes", static_cast<std::int64_t>(refusal.learned_max_bytes));
  }
}

// Model: T9.
void Queue::mark_unknown(IntentId id, const std::string& reason, Instant now) {
  set_intent_state(*sql_, id, IntentState::unknown, reason, now);
}

void Queue::pause_account(const std::string& reason, Instant next_try_at, int tries, Instant now) {
  if (!text_fact(*sql_, "account_reason")) set_fact(*sql_, "account_since", to_millis(now));
  set_fact(*sql_, "account_reason", std::string_view(reason));
  set_fact(*sql_, "account_next_try_at", to_millis(next_try_at));
  set_fact(*sql_, "account_tries", tries);
}

void Queue::resume_account() {
  clear_fact(*sql_, "account_reason");
  clear_fact(*sql_, "account_next_try_at");
  clear_fact(*sql_, "account_tries");
  clear_fact(*sql_, "account_since");
}

AccountState Queue::account() const {
  AccountState state;
  const auto reason = text_fact(*sql_, "account_reason");
  if (!reason) return state;
  state.paused = true;
  state.reason = *reason;
  state.next_try_at = from_millis(integer_fact(*sql_, "account_next_try_at").value_or(0));
  state.tries = static_cast<int>(integer_fact(*sql_, "account_tries").value_or(1));
  state.since = time_fact(*sql_, "account_since");
  return state;
}

void Queue::delay_creates(const CreateDelay& delay, Instant now) {
  if (!integer_fact(*sql_, "delay_tries")) set_fact(*sql_, "delay_since", to_millis(now));
  set_fact(*sql_, "delay_reason", std::string_view(delay.reason));
  set_fact(*sql_, "delay_not_before", to_millis(delay.not_before));
  set_fact(*sql_, "delay_tries", delay.tries);
}

void Queue::end_create_delay() {
  clear_fact(*sql_, "delay_reason");
  clear_fact(*sql_, "delay_not_before");
  clear_fact(*sql_, "delay_tries");
  clear_fact(*sql_, "delay_since");
}

CreateDelay Queue::create_delay() const {
  CreateDelay delay;
  delay.tries = static_cast<int>(integer_fact(*sql_, "delay_tries").value_or(0));
  delay.reason = text_fact(*sql_, "delay_reason").value_or("");
  delay.not_before = from_millis(integer_fact(*sql_, "delay_not_before").value_or(0));
  if (delay.tries > 0) delay.since = time_fact(*sql_, "delay_since");
  return delay;
}

}  // namespace offpeak
