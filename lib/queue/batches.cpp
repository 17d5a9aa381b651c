// Poll's verbs: batches at the provider.
#include <fmt/format.h>

#include "queue/moves.hpp"

namespace offpeak {

namespace {

constexpr std::string_view columns =
    "batch.id, provider_id, intent, batch.state, batch.requests, batch.bytes, batch.created_at, expires_at, ended_at, "
    "archived_at, collected_at, processing, batch.succeeded, batch.errored, batch.canceled, batch.expired, proven, "
    "cancel_state, downloads, failures, batch.reason, batch.next_action_at, intent.nonce, twin, batch.intact, "
    "intent.intact";

Batch read_batch(const Statement& row) {
  Batch batch;
  batch.id = BatchId{row.integer(0)};
  batch.provider_id = row.text(1);
  batch.intent = IntentId{row.integer(2)};
  batch.state = parse_batch_state(row.bytes(3)).value_or(BatchState::in_progress);
  batch.requests = static_cast<std::uint32_t>(row.integer(4));
  batch.bytes = static_cast<std::uint64_t>(row.integer(5));
  batch.created_at = row.time(6);
  batch.expires_at = row.time(7);
  batch.ended_at = row.maybe_time(8);
  batch.archived_at = row.maybe_time(9);
  batch.collected_at = row.maybe_time(10);
  batch.processing = row.integer(11);
  batch.succeeded = row.integer(12);
  batch.errored = row.integer(13);
  batch.canceled = row.integer(14);
  batch.expired = row.integer(15);
  batch.proven = row.integer(16) != 0;
  batch.cancel_wanted = row.bytes(17) == "wanted";
  batch.downloads = static_cast<std::uint32_t>(row.integer(18));
  batch.failures = static_cast<std::uint32_t>(row.integer(19));
  batch.reason = row.maybe_text(20);
  batch.next_action_at = row.maybe_time(21);
  batch.nonce = row.text(22);
  batch.twin = row.integer(23) != 0;
  return batch;
}

template <class... Values>
std::vector<Batch> read_batches(Sql& sql, std::string_view where, const Values&... values) {
  const auto text = fmt::format("SELECT {} FROM batch JOIN intent ON intent.id = batch.intent {}", columns, where);
  std::vector<Batch> found;
  auto row = sql.query(text, values...);
  while (row.step()) found.push_back(read_batch(row));
  return found;
}

std::optional<Batch> first_of(std::vector<Batch> found) {
  if (found.empty()) return std::nullopt;
  return std::move(found.front());
}

}  // namespace

std::vector<Batch> Queue::open_batches() const {
  return read_batches(
      *sql_, "WHERE batch.state <> 'collected' AND batch.state IN ('in_progress', 'canceling') ORDER BY batch.id");
}

std::vector<Batch> Queue::batches_not_shown() const {
  return read_batches(*sql_, "WHERE batch.state <> 'collected' AND batch.reason GLOB ? ORDER BY batch.id",
                      std::string(not_shown) + "*");
}

// What has ended is due at once, so it gets no time: one of a clock that was ahead would be waited for.
void Queue::record_poll(const std::vector<BatchSeen>& seen, Instant /*now*/) {
  for (const auto& poll : seen) {
    const auto known = batch(poll.id);
    if (!known || !may_change(known->state, poll.state) || known->state == BatchState::collected) continue;
    const bool ends = poll.state == BatchState::ended && known->state != BatchState::ended;
    sql_->run(
        "UPDATE batch SET state = ?2, processing = ?3, succeeded = ?4, errored = ?5, canceled = ?6, expired = ?7, "
        "ended_at = ?8, archived_at = ?9, reason = NULL, next_action_at = ?10 WHERE id = ?1",
        poll.id, to_text(poll.state), poll.processing, poll.succeeded, poll.errored, poll.canceled, poll.expired,
        poll.ended_at, poll.archived_at, ends ? std::nullopt : known->next_action_at);
  }
}

void Queue::note_batch(BatchId id, const std::string& reason, std::optional<Instant> next_action_at) {
  sql_->run("UPDATE batch SET reason = ?2, next_action_at = ?3 WHERE id = ?1", id, reason, next_action_at);
}

std::vector<Batch> Queue::batches_to_cancel() const {
  return read_batches(
      *sql_,
      "WHERE batch.state <> 'collected' AND cancel_state = 'wanted' AND batch.state = 'in_progress' ORDER BY batch.id");
}

void Queue::cancel_requested(BatchId id) { sql_->run("UPDATE batch SET cancel_state = 'requested' WHERE id = ?", id); }

std::optional<Batch> Queue::next_to_collect(Instant now, Duration longest_wait) const {
  return first_of(read_batches(
      *sql_,
      "WHERE batch.state <> 'collected' AND batch.state = 'ended' AND (coalesce(batch.next_action_at, 0) <= ?1 OR "
      "batch.next_action_at > ?2) ORDER BY batch.next_action_at, batch.id LIMIT 1",
      now, now + longest_wait));
}

std::optional<Instant> Queue::next_collect_at() const {
  auto row = sql_->query(
      "SELECT min(coalesce(next_action_at, 0)) FROM batch WHERE state <> 'collected' AND state = 'ended' AND intact");
  if (!row.step()) return std::nullopt;
  return row.maybe_time(0);
}

std::vector<Batch> Queue::batches_of(JobId job) const {
  return read_batches(*sql_, "WHERE batch.intent IN (SELECT intent FROM assignment WHERE job = ?) ORDER BY batch.id",
                      job);
}

std::vector<Batch> Queue::batches(const ListOptions& options) const {
  return read_batches(*sql_, "WHERE batch.id > ?1 AND (?2 = '' OR batch.state = ?2) ORDER BY batch.id LIMIT ?3",
                      options.after, options.state, options.limit);
}

std::optional<Batch> Queue::batch(BatchId id) const { return first_of(read_batches(*sql_, "WHERE batch.id = ?", id)); }

std::optional<Batch> Queue::batch(const std::string& provider_id) const {
  return first_of(read_batches(*sql_, "WHERE provider_id = ?", provider_id));
}

}  // namespace offpeak
