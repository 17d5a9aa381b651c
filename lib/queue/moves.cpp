#include "queue/moves.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "model/limits.hpp"

namespace offpeak {

namespace {

// A broken invariant: stop before it is written (crash-only).
void expect(bool holds, std::string_view what) {
  if (!holds) throw QueueError(fmt::format("database: broken invariant: {}", what));
}

PendingRange read_pending(const Statement& row, JobId job) {
  PendingRange pending;
  pending.range = {job, static_cast<Seq>(row.integer(0)), static_cast<std::uint32_t>(row.integer(1))};
  pending.attempts = static_cast<std::uint32_t>(row.integer(2));
  pending.since = row.time(3);
  pending.not_before = row.time(4);
  pending.most_together = static_cast<std::uint32_t>(row.integer(5));
  pending.refused_at = row.time(6);
  return pending;
}

bool waits_alike(const PendingRange& a, const PendingRange& b) {
  return a.attempts == b.attempts && a.not_before == b.not_before && a.most_together == b.most_together &&
         a.refused_at == b.refused_at;
}

void insert_pending(Sql& sql, const PendingRange& p) {
  sql.run("INSERT INTO pending VALUES (?, ?, ?, ?, ?, ?, ?, ?)", p.range.job, p.range.first, p.range.count, p.attempts,
          p.since, p.not_before, p.most_together, p.refused_at);
}

void delete_pending(Sql& sql, RequestRange range) {
  expect(sql.run("DELETE FROM pending WHERE job = ? AND first = ?", range.job, range.first) == 1,
         "a pending run vanished");
}

constexpr std::string_view pending_columns = "first, count, attempts, since, not_before, most_together, refused_at";

std::optional<PendingRange> pending_at_or_before(Sql& sql, JobId job, Seq seq) {
  static const auto text = fmt::format(
      "SELECT {} FROM pending WHERE job = ? AND first <= ? AND intact ORDER BY first DESC LIMIT 1", pending_columns);
  auto row = sql.query(text, job, seq);
  if (!row.step()) return std::nullopt;
  return read_pending(row, job);
}

}  // namespace

void move_requests(Sql& sql, JobId job, RequestState from, RequestState to, std::int64_t count) {
  if (count == 0) return;
  expect(may_change(from, to), fmt::format("a request went from {} to {}", to_text(from), to_text(to)));
  const auto text =
      fmt::format("UPDATE job SET {0} = {0} - ?2, {1} = {1} + ?2 WHERE id = ?1", to_text(from), to_text(to));
  expect(sql.run(text, job, count) == 1, "a job vanished");
  sql.note_move(job);
}

void add_pending(Sql& sql, const PendingRange& pending) {
  PendingRange joined = pending;
  if (joined.range.first > 0) {
    const auto before = pending_at_or_before(sql, joined.range.job, joined.range.first - 1);
    if (before && before->range.first + before->range.count == joined.range.first && waits_alike(*before, joined)) {
      delete_pending(sql, before->range);
      joined.range.first = before->range.first;
      joined.range.count += before->range.count;
      joined.since = std::min(joined.since, before->since);
    }
  }
  const Seq end = joined.range.first + joined.range.count;
  const auto after = pending_at_or_before(sql, joined.range.job, end);
  if (after && after->range.first == end && waits_alike(*after, joined)) {
    delete_pending(sql, after->range);
    joined.range.count += after->range.count;
    joined.since = std::min(joined.since, after->since);
  }
  insert_pending(sql, joined);
}

PendingRange take_pending(Sql& sql, RequestRange range) {
  const auto found = pending_at_or_before(sql, range.job, range.first);
  expect(found && range.count > 0 && range.first + range.count <= found->range.first + found->range.count,
         "a request was to be assigned that is not pending");
  delete_pending(sql, found->range);
  if (found->range.first < range.first) {
    PendingRange left = *found;
    left.range.count = range.first - found->range.first;
    insert_pending(sql, left);
  }
  const Seq end = range.first + range.count;
  const Seq found_end = found->range.first + found->range.count;
  if (end < found_end) {
    PendingRange right = *found;
    right.range.first = end;
    right.range.count = found_end - end;
    insert_pending(sql, right);
  }
  PendingRange taken = *found;
  taken.range = range;
  return taken;
}

std::vector<PendingRange> ready_pending(Sql& sql, JobId job, Instant now, std::uint32_t most) {
  // A run that waits since a time to come tells of a clock that was set back: it is ready.
  static const auto text = fmt::format(
      "SELECT {} FROM pending WHERE job = ?1 AND intact AND (not_before <= ?2 OR since > ?2 + 60000) ORDER BY first "
      "LIMIT ?3",
      pending_columns);
  std::vector<PendingRange> found;
  auto row = sql.query(text, job, now, most);
  while (row.step()) found.push_back(read_pending(row, job));
  return found;
}

std::vector<PendingRange> pending_in(Sql& sql, RequestRange range) {
  std::vector<PendingRange> found;
  auto before = range.first > 0 ? pending_at_or_before(sql, range.job, range.first - 1) : std::nullopt;
  if (before && before->range.first + before->range.count > range.first) found.push_back(*before);
  static const auto text = fmt::format(
      "SELECT {} FROM pending WHERE job = ? AND first >= ? AND first < ? AND intact ORDER BY first", pending_columns);
  {
    auto row = sql.query(text, range.job, range.first, std::int64_t{range.first} + range.count);
    while (row.step()) found.push_back(read_pending(row, range.job));
  }
  for (auto& pending : found) {
    const auto first = std::max(pending.range.first, range.first);
    const auto end = std::min(pending.range.first + pending.range.count, range.first + range.count);
    pending.range = {range.job, first, end - first};
  }
  return found;
}

std::int64_t outcomes_in(Sql& sql, RequestRange range) {
  auto row = sql.query("SELECT count(*) FROM outcome WHERE job = ? AND seq >= ? AND seq < ? AND intact", range.job,
                       range.first, std::int64_t{range.first} + range.count);
  row.step();
  return row.integer(0);
}

std::vector<RequestRange> without_outcomes(Sql& sql, RequestRange range) {
  std::vector<RequestRange> runs;
  Seq next = range.first;
  const Seq end = range.first + range.count;
  auto row = sql.query("SELECT seq FROM outcome WHERE job = ? AND seq >= ? AND seq < ? AND intact ORDER BY seq",
                       range.job, range.first, std::int64_t{end});
  while (row.step()) {
    const auto seq = static_cast<Seq>(row.integer(0));
    if (seq > next) runs.push_back({range.job, next, seq - next});
    next = seq + 1;
  }
  if (next < end) runs.push_back({range.job, next, end - next});
  return runs;
}

void move_intent(Sql& sql, IntentId id, RequestState from, RequestState to) {
  std::map<JobId, std::int64_t> counts;
  for (const auto& assignment : read_assignments(sql, id)) {
    counts[assignment.range.job] += assignment.range.count - outcomes_in(sql, assignment.range);
  }
  for (const auto& [job, count] : counts) move_requests(sql, job, from, to, count);
}

void hold_for_twins(Sql& sql, Instant now) {
  std::vector<IntentId> twins;
  {
    auto row = sql.query("SELECT intent FROM batch WHERE state <> 'collected' AND intact AND twin = 1");
    while (row.step()) twins.push_back(IntentId{row.integer(0)});
  }
  for (const auto id : twins) {
    for (const auto& assignment : read_assignments(sql, id)) {
      for (auto waiting : pending_in(sql, assignment.range)) {
        take_pending(sql, waiting.range);
        waiting.not_before = now + audit_time;
        add_pending(sql, waiting);
      }
    }
  }
}

bool shares_with_a_twin(Sql& sql, IntentId id) {
  auto row = sql.query(
      "SELECT 1 FROM batch b JOIN assignment t ON t.intent = b.intent JOIN assignment a ON a.job = t.job AND a.first < "
      "t.first + t.count AND t.first < a.first + a.count WHERE b.twin = 1 AND b.state <> 'collected' AND a.intent = ? "
      "AND b.intact AND t.intact AND a.intact "
      "LIMIT 1",
      id);
  return row.step();
}

void end_twin(Sql& sql, IntentId id, Instant now) {
  for (const auto& assignment : read_assignments(sql, id)) {
    for (auto waiting : pending_in(sql, assignment.range)) {
      take_pending(sql, waiting.range);
      waiting.not_before = std::min(waiting.not_before, now);
      add_pending(sql, waiting);
    }
  }
}

void make_outcome(Sql& sql, RequestRange range, RequestState from, OutcomeType type, const std::string& result) {
  sql.run("INSERT INTO made_outcome VALUES (?, ?, ?, ?, ?)", range.job, range.first, range.count, to_text(type),
          result);
  move_requests(sql, range.job, from, as_request_state(type), range.count);
}

void give_back(Sql& sql, const PendingRange& pending, RequestState from) {
  const bool canceling = job_state(sql, pending.range.job) == JobState::canceling;
  for (const auto& run : without_outcomes(sql, pending.range)) {
    if (canceling) {
      make_outcome(sql, run, from, OutcomeType::canceled, canceled_result);
      continue;
    }
    auto waiting = pending;
    waiting.range = run;
    add_pending(sql, waiting);
    move_requests(sql, run.job, from, RequestState::pending, run.count);
  }
}

JobState job_state(Sql& sql, JobId job) {
  auto row = sql.query("SELECT state FROM job WHERE id = ? AND intact", job);
  expect(row.step(), "a job vanished");
  const auto state = parse_job_state(row.bytes(0));
  expect(state.has_value(), "a job has an unknown state");
  return *state;
}

void set_job_state(Sql& sql, JobId job, JobState to, const std::optional<std::string>& reason) {
  const auto from = job_state(sql, job);
  expect(may_change(from, to), fmt::format("job {} went from {} to {}", job.value, to_text(from), to_text(to)));
  sql.run("UPDATE job SET state = ?2, reason = ?3 WHERE id = ?1", job, to_text(to), reason);
}

std::vector<Assignment> read_assignments(Sql& sql, IntentId id) {
  std::vector<Assignment> found;
  auto row = sql.query(
      "SELECT first_place, job, first, count, attempts, most_together, refused_at FROM assignment WHERE intent = ? "
      "AND intact ORDER BY first_place",
      id);
  while (row.step()) {
    Assignment assignment;
    assignment.first_place = static_cast<std::uint32_t>(row.integer(0));
    assignment.range = {JobId{row.integer(1)}, static_cast<Seq>(row.integer(2)),
                        static_cast<std::uint32_t>(row.integer(3))};
    assignment.attempts = static_cast<std::uint32_t>(row.integer(4));
    assignment.most_together = static_cast<std::uint32_t>(row.integer(5));
    assignment.refused_at = row.time(6);
    found.push_back(assignment);
  }
  return found;
}

void set_intent_state(Sql& sql, IntentId id, IntentState to, const std::optional<std::string>& reason, Instant now) {
  IntentState from{};
  {
    auto row = sql.query("SELECT state FROM intent WHERE id = ? AND intact", id);
    expect(row.step(), "an intent vanished");
    const auto state = parse_intent_state(row.bytes(0));
    expect(state.has_value(), "an intent has an unknown state");
    from = *state;
  }
  expect(may_change(from, to), fmt::format("intent {} went from {} to {}", id.value, to_text(from), to_text(to)));
  const bool settled = to != IntentState::committing && to != IntentState::unknown;
  sql.run("UPDATE intent SET state = ?2, reason = ?3, next_action_at = NULL, settled_at = ?4 WHERE id = ?1", id,
          to_text(to), reason, settled ? std::optional(now) : std::nullopt);
}

void want_cancel_where_only_canceled(Sql& sql) {
  sql.run(
      "UPDATE batch SET cancel_state = 'wanted' WHERE state <> 'collected' AND cancel_state = 'no' AND state = "
      "'in_progress' AND proven = 1 AND NOT EXISTS "
      "(SELECT 1 FROM assignment a JOIN job j ON j.id = a.job WHERE a.intent = batch.intent AND a.intact AND j.intact "
      "AND j.state NOT IN "
      "('canceling', 'canceled'))");
}

// All facts are compared for one: where a bit of a name flipped, the pause of that name would seem never to have been.
constexpr std::string_view fact_text = "SELECT max(CASE WHEN name = ? THEN value END), sum(intact) FROM fact";

std::optional<std::int64_t> integer_fact(Sql& sql, std::string_view name) {
  auto row = sql.query(fact_text, name);
  row.step();
  if (row.is_null(0)) return std::nullopt;
  return row.integer(0);
}

std::optional<Instant> time_fact(Sql& sql, std::string_view name) {
  const auto at = integer_fact(sql, name);
  if (!at) return std::nullopt;
  return from_millis(*at);
}

std::optional<std::string> text_fact(Sql& sql, std::string_view name) {
  auto row = sql.query(fact_text, name);
  row.step();
  return row.maybe_text(0);
}

void set_fact(Sql& sql, std::string_view name, std::int64_t value) {
  sql.run("INSERT INTO fact VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value", name, value);
}

void set_fact(Sql& sql, std::string_view name, std::string_view value) {
  sql.run("INSERT INTO fact VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value", name, value);
}

void raise_fact(Sql& sql, std::string_view name, std::int64_t least) {
  const auto value = integer_fact(sql, name);
  if (!value || *value < least) set_fact(sql, name, least);
}

void clear_fact(Sql& sql, std::string_view name) { sql.run("DELETE FROM fact WHERE name = ?", name); }

void add_oddity(Sql& sql, JobId job, BatchId batch, std::string_view kind, std::int64_t n) {
  if (n == 0) return;
  sql.run("INSERT INTO oddity VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n", job, batch, kind, n);
}

std::int64_t attempts_of(Sql& sql, BatchId id) {
  auto row = sql.query("SELECT count(*) FROM attempt WHERE batch = ? AND intact", id);
  row.step();
  return row.integer(0);
}

}  // namespace offpeak
