// What refusals that named nobody say about the headers of their creates.
#include "queue/refusals.hpp"

#include "queue/moves.hpp"

namespace offpeak {

namespace {

constexpr std::string_view refused_last = "refused_last";

// Everything of these headers that was set aside by a refusal may go. What else it may wait for is found anew.
void end_setting_aside(Sql& sql, const HeaderGroup& headers, Instant now) {
  sql.run(
      "UPDATE pending SET not_before = ?3 WHERE refused_at > 0 AND not_before > ?3 AND job IN (SELECT id FROM job "
      "WHERE state IN ('queued', 'running', 'held', 'canceling') AND intact AND version = ?1 AND betas = ?2)",
      headers.version, join_betas(headers.betas), now);
  hold_for_twins(sql, now);
}

}  // namespace

HeaderRefusals read_header_refusals(Sql& sql, const HeaderGroup& headers) {
  HeaderRefusals refusals;
  auto row = sql.query(
      "SELECT words, halvings, alone, accepted_at FROM refused_headers WHERE version = ? AND betas = ? AND intact",
      headers.version, join_betas(headers.betas));
  if (!row.step()) return refusals;
  refusals.words = row.text(0);
  refusals.halvings = static_cast<std::uint32_t>(row.integer(1));
  refusals.alone = static_cast<std::uint32_t>(row.integer(2));
  refusals.accepted_at = row.maybe_time(3);
  return refusals;
}

void store_header_refusals(Sql& sql, const HeaderGroup& headers, const HeaderRefusals& refusals) {
  sql.run(
      "INSERT INTO refused_headers VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (version, betas) DO UPDATE SET words = "
      "excluded.words, halvings = excluded.halvings, alone = excluded.alone",
      headers.version, join_betas(headers.betas), refusals.words, refusals.halvings, refusals.alone,
      refusals.accepted_at);
  set_fact(sql, refused_last, std::int64_t{1});
}

void headers_accepted(Sql& sql, const HeaderGroup& headers, Instant now) {
  clear_fact(sql, refused_last);
  const auto known = sql.run(
      "UPDATE refused_headers SET words = '', halvings = 0, alone = 0, accepted_at = ?3 WHERE version = ?1 AND "
      "betas = ?2",
      headers.version, join_betas(headers.betas), now);
  if (known > 0) end_setting_aside(sql, headers, now);
}

void hold_jobs_of(Sql& sql, const HeaderGroup& headers, const std::string& reason, Instant now) {
  std::vector<JobId> jobs;
  {
    auto row = sql.query(
        "SELECT id FROM job WHERE state IN ('queued', 'running', 'held', 'canceling') AND state IN ('queued', "
        "'running') AND intact AND pending > 0 AND version = ? AND betas = ?",
        headers.version, join_betas(headers.betas));
    while (row.step()) jobs.push_back(JobId{row.integer(0)});
  }
  for (const auto job : jobs) set_job_state(sql, job, JobState::held, reason);
  end_setting_aside(sql, headers, now);
}

bool was_refused_last(Sql& sql) { return integer_fact(sql, refused_last).value_or(0) != 0; }

std::set<HeaderGroup> refused_header_groups(Sql& sql, std::uint32_t creates_least) {
  std::set<HeaderGroup> found;
  auto row =
      sql.query("SELECT version, betas FROM refused_headers WHERE intact AND words <> '' AND halvings + alone >= ?",
                creates_least);
  while (row.step()) found.insert({row.text(0), split_betas(row.text(1))});
  return found;
}

HeaderRefusals Queue::header_refusals(const HeaderGroup& headers) const { return read_header_refusals(*sql_, headers); }

bool Queue::waits_with(const HeaderGroup& headers, Instant now) const {
  auto row = sql_->query(
      "SELECT 1 FROM job JOIN pending ON pending.job = job.id WHERE job.state IN ('queued', 'running', 'held', "
      "'canceling') AND job.state IN ('queued', 'running') AND job.intact AND pending.intact AND job.pending > 0 AND "
      "job.version = ? AND job.betas = ? AND pending.not_before <= ? LIMIT 1",
      headers.version, join_betas(headers.betas), now);
  return row.step();
}

}  // namespace offpeak
