// Pack's verbs: what waits, and the one durable transaction that writes an intent.
#include <fmt/format.h>

#include <map>

#include "model/limits.hpp"
#include "queue/moves.hpp"
#include "queue/refusals.hpp"

namespace offpeak {

namespace {

void read_jobs(Sql& sql, PackView& view, Instant now, std::uint32_t most_ranges) {
  std::vector<PackJob> waiting;
  {
    // The condition of the index of open jobs, word for word, and then what is wanted of it: else SQLite would not see
    // that it may use it, and read every job that was ever done.
    auto row = sql.query(
        "SELECT id, priority, version, betas FROM job WHERE state IN ('queued', 'running', 'held', 'canceling') AND "
        "state IN ('queued', 'running') AND intact AND pending > 0 ORDER BY priority DESC, id LIMIT ?",
        most_ranges);
    while (row.step()) {
      PackJob job;
      job.job = JobId{row.integer(0)};
      job.priority = row.integer(1);
      job.headers = {row.text(2), split_betas(row.text(3))};
      waiting.push_back(std::move(job));
    }
  }
  for (auto& job : waiting) {
    job.pending = ready_pending(sql, job.job, now, most_ranges);
    if (!job.pending.empty()) view.jobs.push_back(std::move(job));
  }
  if (waiting.empty()) return;
  auto row = sql.query(
      "SELECT min(not_before) FROM pending JOIN job ON job.id = pending.job WHERE pending.intact AND job.intact AND "
      "not_before > ? AND job.state IN "
      "('queued', 'running')",
      now);
  if (row.step()) view.next_ready_at = row.maybe_time(0);
}

void read_in_flight(Sql& sql, PackView& view) {
  {
    auto row = sql.query(
        "SELECT state, requests FROM intent WHERE state IN ('uploading', 'committing', 'unknown') AND intact");
    while (row.step()) {
      view.intent_uploading = view.intent_uploading || row.bytes(0) != "unknown";
      view.queued_requests += row.integer(1);
      ++view.open_batches;
      view.unsettled_counts.insert(static_cast<std::uint32_t>(row.integer(1)));
    }
  }
  {
    // An adopted batch may still be disproved: until its results have shown a nonce, its intent is not settled.
    auto row =
        sql.query("SELECT requests FROM batch WHERE state <> 'collected' AND intact AND proven = 0 AND twin = 0");
    while (row.step()) view.unsettled_counts.insert(static_cast<std::uint32_t>(row.integer(0)));
  }
  auto row = sql.query(
      "SELECT count(*), coalesce(sum(requests), 0) FROM batch WHERE state <> 'collected' AND state IN ('in_progress', "
      "'canceling') AND intact");
  row.step();
  view.open_batches += row.integer(0);
  view.queued_requests += row.integer(1);
}

void insert_assignments(Sql& sql, IntentId id, const NewIntent& intent) {
  std::map<JobId, std::int64_t> assigned;
  std::uint32_t place = 0;
  for (const auto& part : intent.parts) {
    take_pending(sql, part.range);
    insert_assignment(sql, id, {place, part.range, part.attempts, part.most_together, part.refused_at});
    place += part.range.count;
    assigned[part.range.job] += part.range.count;
  }
  if (place != intent.requests) throw QueueError("database: an intent's parts do not add up to its requests");
  for (const auto& [job, count] : assigned) {
    move_requests(sql, job, RequestState::pending, RequestState::assigned, count);
    if (job_state(sql, job) == JobState::queued) set_job_state(sql, job, JobState::running, std::nullopt);
  }
}

}  // namespace

PackView Queue::pack_view(Instant now, std::uint32_t most_ranges_a_job) const {
  PackView view;
  read_in_flight(*sql_, view);
  view.account = account();
  view.delay = create_delay();
  view.refused_last = was_refused_last(*sql_);
  view.refused_headers = refused_header_groups(*sql_, 2);
  view.submitting_paused = integer_fact(*sql_, "submitting_paused").value_or(0) != 0;
  {
    auto row = sql_->query(
        "SELECT 1 FROM unexplained WHERE intact AND state IN ('open', 'claiming') AND copy_of IS NULL LIMIT 1");
    view.unexplained_batches = row.step();
  }
  view.restored_at = restored_at();
  view.learned_max_bytes = static_cast<std::uint64_t>(integer_fact(*sql_, "learned_max_bytes").value_or(0));
  {
    auto row = sql_->query("SELECT cost FROM spent WHERE day = ? AND intact", to_millis(now) / 86'400'000);
    if (row.step()) view.spent_today = row.integer(0);
  }
  read_jobs(*sql_, view, now, most_ranges_a_job);
  return view;
}

std::uint32_t Queue::sent_params_bytes(JobId job, Seq seq) const {
  const auto& entries = sql_->segment(job, seq / segment_entries);
  if (seq % segment_entries >= entries.size()) {
    throw QueueError(fmt::format("database: job {} has no request {}", job.value, seq));
  }
  return entries[seq % segment_entries].sent_params_bytes;
}

// Model: T2.
IntentId Queue::create_intent(const NewIntent& intent, Instant now) {
  const auto id = insert_intent(*sql_, intent, IntentState::uploading, now);
  insert_assignments(*sql_, id, intent);
  return id;
}

}  // namespace offpeak
