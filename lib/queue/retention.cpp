// Retention's verbs: what finished long ago leaves, in slices, and the file gives its space back.
#include <algorithm>

#include "model/limits.hpp"
#include "queue/moves.hpp"

namespace offpeak {

namespace {

// So many contents are remembered however long ago they were purged: time alone, by a clock that was far ahead, would
// make the daemon forget them all.
constexpr std::int64_t digests_kept_jobs = 10'000;

constexpr std::uint32_t batches_a_slice = 100;

// Lists are still compared with what may come late: no batch id may be forgotten that such a list can show.
Instant oldest_watermark(Sql& sql, Instant now) {
  auto row = sql.query(
      "SELECT count(*), min(coalesce(watermark_at, 0)) FROM intent WHERE state IN ('uploading', 'committing', "
      "'unknown') OR (state = 'not_created' AND settled_at >= ?)",
      now - audit_time);
  row.step();
  return row.integer(0) == 0 ? now : row.time(1);
}

std::vector<PurgeableBatch> collected_without_jobs(Sql& sql, Instant created_before) {
  std::vector<PurgeableBatch> found;
  auto row = sql.query(
      "SELECT id, intent, downloads FROM batch WHERE state = 'collected' AND created_at < ?1 AND intact AND NOT "
      "EXISTS (SELECT 1 FROM assignment a JOIN job ON job.id = a.job WHERE a.intent = batch.intent) ORDER BY id LIMIT "
      "?2",
      created_before, batches_a_slice);
  while (row.step()) {
    found.push_back({BatchId{row.integer(0)}, IntentId{row.integer(1)}, static_cast<std::uint32_t>(row.integer(2))});
  }
  return found;
}

std::vector<IntentId> spent_intents(Sql& sql, Instant settled_before) {
  std::vector<IntentId> found;
  auto row = sql.query(
      "SELECT id FROM intent WHERE (state IN ('created', 'rejected') OR (state = 'not_created' AND settled_at < ?1)) "
      "AND intact AND NOT EXISTS (SELECT 1 FROM assignment a JOIN job ON job.id = a.job WHERE a.intent = intent.id) "
      "AND NOT EXISTS (SELECT 1 FROM batch b WHERE b.intent = intent.id) ORDER BY id LIMIT ?2",
      settled_before, batches_a_slice);
  while (row.step()) found.push_back(IntentId{row.integer(0)});
  return found;
}

}  // namespace

std::optional<PurgeableJob> Queue::next_to_purge(Instant done_before, Instant now) const {
  auto row = sql_->query(
      "SELECT id, data_name FROM job WHERE done_at IS NOT NULL AND done_at < ?1 AND intact AND NOT EXISTS (SELECT 1 "
      "FROM assignment a JOIN intent i ON i.id = a.intent LEFT JOIN batch b ON b.intent = i.id WHERE a.job = job.id "
      "AND (i.state IN ('uploading', 'committing', 'unknown') OR (i.state = 'not_created' AND b.id IS NULL AND "
      "i.settled_at >= ?2) OR (b.id IS NOT NULL AND b.state <> 'collected'))) ORDER BY done_at LIMIT 1",
      done_before, now - audit_time);
  if (!row.step()) return std::nullopt;
  return PurgeableJob{JobId{row.integer(0)}, row.text(1)};
}

void Queue::purge_job(JobId id, Instant now) {
  const auto state = job_state(*sql_, id);
  if (state != JobState::done && state != JobState::canceled) {
    throw QueueError("database: a job that is not finished cannot be purged");
  }
  sql_->run(
      "INSERT INTO purged (job, requests, digest, purged_at, rows_left) SELECT id, requests, digest, ?2, 1 FROM job "
      "WHERE id = ?1 AND intact",
      id, now);
  sql_->run("DELETE FROM job WHERE id = ?", id);
  sql_->run("DELETE FROM taken_file WHERE job = ?", id);
  sql_->forget_segment();
}

bool Queue::purge_rows(std::uint32_t most_rows) {
  JobId id;
  {
    auto row = sql_->query("SELECT job FROM purged WHERE rows_left = 1 AND intact ORDER BY job LIMIT 1");
    if (!row.step()) return false;
    id = JobId{row.integer(0)};
  }
  std::int64_t gone = 0;
  const auto left = [&] { return static_cast<std::int64_t>(most_rows) - gone; };
  gone += sql_->run(
      "DELETE FROM outcome WHERE job = ?1 AND seq IN (SELECT seq FROM outcome WHERE job = ?1 ORDER BY seq LIMIT ?2)",
      id, left());
  gone += sql_->run(
      "DELETE FROM attempt WHERE (batch, job, seq) IN (SELECT batch, job, seq FROM attempt WHERE job = ?1 LIMIT ?2)",
      id, left());
  gone += sql_->run(
      "DELETE FROM made_outcome WHERE job = ?1 AND first IN (SELECT first FROM made_outcome WHERE job = ?1 ORDER BY "
      "first LIMIT ?2)",
      id, left());
  // A segment is as large as hundreds of the other rows.
  gone += sql_->run(
      "DELETE FROM segment WHERE job = ?1 AND number IN (SELECT number FROM segment WHERE job = ?1 ORDER BY number "
      "LIMIT ?2)",
      id, (left() + 99) / 100);
  gone += sql_->run(
      "DELETE FROM unreadable WHERE job = ?1 AND seq IN (SELECT seq FROM unreadable WHERE job = ?1 ORDER BY seq LIMIT "
      "?2)",
      id, left());
  gone += sql_->run("DELETE FROM tally WHERE job = ?", id);
  gone += sql_->run("DELETE FROM oddity WHERE job = ?", id);
  if (gone == 0) sql_->run("UPDATE purged SET rows_left = 0 WHERE job = ?", id);
  return true;
}

std::vector<PurgeableBatch> Queue::batches_to_purge(Instant now) const {
  return collected_without_jobs(*sql_, oldest_watermark(*sql_, now));
}

bool Queue::purge_batches(const std::vector<PurgeableBatch>& batches, Instant now) {
  std::int64_t gone = 0;
  for (const auto& batch : batches) {
    // Lists go on showing it: what is not newer than it is compared with nothing any more.
    auto row = sql_->query("SELECT created_at FROM batch WHERE id = ? AND intact", batch.id);
    if (row.step()) raise_fact(*sql_, "known_from", row.integer(0));
  }
  for (const auto& batch : batches) gone += sql_->run("DELETE FROM batch WHERE id = ?", batch.id);
  // An intent that made no batch, or whose batch is gone, and that nobody asks about any more.
  const auto spent = spent_intents(*sql_, now - audit_time);
  for (const auto id : spent) {
    sql_->run("DELETE FROM assignment WHERE intent = ?", id);
    sql_->run("DELETE FROM intent WHERE id = ?", id);
  }
  sql_->run("DELETE FROM sent_by WHERE NOT EXISTS (SELECT 1 FROM intent WHERE intent.id = sent_by.intent)");
  sql_->run("DELETE FROM excluded WHERE NOT EXISTS (SELECT 1 FROM intent WHERE intent.id = excluded.intent)");
  sql_->run(
      "DELETE FROM purged WHERE rows_left = 0 AND purged_at < ? AND NOT EXISTS (SELECT 1 FROM assignment WHERE "
      "assignment.job = purged.job) AND job <= (SELECT max(job) FROM purged) - ?",
      now - std::chrono::days(digests_kept_days), digests_kept_jobs);
  sql_->run("DELETE FROM spent WHERE day < ?", to_millis(now) / 86'400'000 - digests_kept_days);
  return gone > 0 || !spent.empty();
}

bool Queue::give_space_back(std::uint32_t most_pages) {
  const auto pragma = [this](std::string_view text) {
    auto row = sql_->query(text);
    return row.step() ? row.integer(0) : 0;
  };
  const auto free_pages = pragma("PRAGMA freelist_count");
  // What a day's work will use again need not leave the file first.
  if (free_pages < free_pages_kept || free_pages * 4 < pragma("PRAGMA page_count")) return false;
  sql_->script("PRAGMA incremental_vacuum(" + std::to_string(most_pages) + ")");
  return pragma("PRAGMA freelist_count") < free_pages;
}

}  // namespace offpeak
