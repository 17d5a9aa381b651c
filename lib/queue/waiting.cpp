// Waiting's verbs: what of the daemon and of one job waits, and since when. Words are made in lib/waits.
#include "queue/waiting.hpp"

#include <fmt/format.h>

#include "queue/moves.hpp"

namespace offpeak {

namespace {

// Of one thing the status shows so many; of a job's pending runs so many are read.
constexpr int shown_max = 20;
constexpr int runs_max = 1000;

constexpr std::string_view noted_prefix = "noted.";

constexpr std::string_view batch_columns =
    "b.id, b.provider_id, b.state, b.twin, b.failures, b.created_at, b.expires_at, b.ended_at, b.reason, "
    "b.next_action_at";

WaitingBatch read_batch(const Statement& row, int requests_column) {
  WaitingBatch batch;
  batch.id = BatchId{row.integer(0)};
  batch.provider_id = row.text(1);
  batch.state = parse_batch_state(row.bytes(2)).value_or(BatchState::in_progress);
  batch.twin = row.integer(3) != 0;
  batch.failures = static_cast<std::uint32_t>(row.integer(4));
  batch.created_at = row.time(5);
  batch.expires_at = row.time(6);
  batch.ended_at = row.maybe_time(7);
  batch.reason = row.maybe_text(8);
  batch.next_action_at = row.maybe_time(9);
  batch.requests = row.integer(requests_column);
  return batch;
}

constexpr std::string_view intent_columns = "i.id, i.state, i.created_at, i.committed_at, i.reason, i.next_action_at";

WaitingIntent read_intent(const Statement& row, int requests_column) {
  WaitingIntent intent;
  intent.id = IntentId{row.integer(0)};
  intent.state = parse_intent_state(row.bytes(1)).value_or(IntentState::unknown);
  intent.created_at = row.time(2);
  intent.committed_at = row.maybe_time(3);
  intent.reason = row.maybe_text(4);
  intent.next_action_at = row.maybe_time(5);
  intent.requests = row.integer(requests_column);
  return intent;
}

// A run that waits since a time to come tells of a clock that was set back: it is ready, as in ready_pending.
bool is_ready(Instant not_before, Instant since, Instant now) {
  return not_before <= now || since > now + std::chrono::minutes(1);
}

void read_pending(Sql& sql, JobId job, Instant now, JobWaits& waits) {
  Seq first_back = 0;
  {
    auto row = sql.query(
        "SELECT first, count, attempts, since, not_before, most_together FROM pending WHERE job = ? AND intact ORDER "
        "BY first LIMIT ?",
        job, runs_max + 1);
    for (int runs = 0; row.step(); ++runs) {
      if (runs == runs_max) {
        waits.more = true;
        break;
      }
      const auto since = row.time(3);
      const auto not_before = row.time(4);
      if (is_ready(not_before, since, now)) {
        if (waits.ready == 0) waits.most_together = static_cast<std::uint32_t>(row.integer(5));
        waits.ready += row.integer(1);
        if (!waits.ready_since || since < *waits.ready_since) waits.ready_since = since;
        continue;
      }
      waits.backing_off += row.integer(1);
      if (waits.back_at && *waits.back_at <= not_before) continue;
      waits.back_at = not_before;
      waits.attempts = static_cast<std::uint32_t>(row.integer(2));
      first_back = static_cast<Seq>(row.integer(0));
    }
  }
  if (waits.backing_off == 0) return;
  auto row = sql.query(
      "SELECT error_type FROM attempt WHERE job = ? AND seq = ? AND intact AND action <> 'twin' ORDER BY at DESC LIMIT "
      "1",
      job, first_back);
  if (row.step()) waits.error_type = row.text(0);
}

void read_sent(Sql& sql, JobId job, JobWaits& waits) {
  {
    static const auto text = fmt::format(
        "SELECT {}, sum(a.count) FROM assignment a CROSS JOIN intent i ON i.id = a.intent WHERE a.job = ? AND a.intact "
        "AND i.intact AND i.state IN ('uploading', 'committing', 'unknown') GROUP BY i.id ORDER BY i.id LIMIT {}",
        intent_columns, shown_max);
    auto row = sql.query(text, job);
    while (row.step()) waits.intents.push_back(read_intent(row, 6));
  }
  static const auto text = fmt::format(
      "SELECT {}, sum(a.count) FROM assignment a CROSS JOIN batch b ON b.intent = a.intent WHERE a.job = ? AND "
      "a.intact AND b.intact AND b.state <> 'collected' GROUP BY b.id ORDER BY b.id LIMIT {}",
      batch_columns, shown_max);
  auto row = sql.query(text, job);
  while (row.step()) waits.batches.push_back(read_batch(row, 10));
}

// All facts in one walk: there are some dozens of them, and each is compared.
void read_facts(Sql& sql, Status& status, Instant now) {
  const auto today = fmt::format("unpriced.{}", to_millis(now) / 86'400'000);
  auto row = sql.query("SELECT name, value FROM fact WHERE intact");
  while (row.step()) {
    const auto name = row.bytes(0);
    if (name == "duplicate_batches") status.duplicate_batches = row.integer(1);
    if (name == "submitting_paused_since" && status.submitting_paused) status.submitting_paused_since = row.time(1);
    if (name == "intake_paused_since" && status.intake_paused) status.intake_paused_since = row.time(1);
    if (name == today) status.unpriced_today = row.integer(1);
    if (!name.starts_with(noted_prefix)) continue;
    const auto member = name.substr(name.rfind('.') + 1);
    auto& noted = status.noted[std::string(name.substr(noted_prefix.size(), name.rfind('.') - noted_prefix.size()))];
    if (member == "count") noted.count = row.integer(1);
    if (member == "last_at") noted.last_at = row.time(1);
    if (member == "what") noted.what = row.text(1);
  }
}

}  // namespace

void read_waits(Sql& sql, Status& status, Instant now) {
  read_facts(sql, status, now);
  {
    auto row = sql.query("SELECT count(*) FROM job WHERE state = 'held' AND reason IN (?1, ?2) AND intact",
                         held_by_operator, held_by_options);
    row.step();
    status.held_by_operator = row.integer(0);
  }
  {
    static const auto text = fmt::format(
        "SELECT {}, i.requests FROM intent i WHERE i.state IN ('uploading', 'committing', 'unknown') AND i.state = "
        "'unknown' AND i.intact ORDER BY i.id LIMIT {}",
        intent_columns, shown_max);
    auto row = sql.query(text);
    while (row.step()) status.unsettled.push_back(read_intent(row, 6));
  }
  static const auto text = fmt::format(
      "SELECT {}, b.requests FROM batch b WHERE b.state <> 'collected' AND (b.reason IS NOT NULL OR b.twin = 1) AND "
      "b.intact ORDER BY +b.id LIMIT {}",
      batch_columns, shown_max);
  auto row = sql.query(text);
  while (row.step()) status.troubled.push_back(read_batch(row, 10));
}

JobWaits Queue::job_waits(JobId id, Instant now) const {
  JobWaits waits;
  read_pending(*sql_, id, now, waits);
  read_sent(*sql_, id, waits);
  return waits;
}

void Queue::note(std::string_view kind, const std::string& what, Instant now) {
  const auto name = fmt::format("{}{}", noted_prefix, kind);
  set_fact(*sql_, name + ".count", integer_fact(*sql_, name + ".count").value_or(0) + 1);
  set_fact(*sql_, name + ".last_at", to_millis(now));
  set_fact(*sql_, name + ".what", std::string_view(what));
}

// Only today's is ever shown; yesterday's goes.
void add_unpriced(Sql& sql, std::int64_t requests, Instant now) {
  if (requests == 0) return;
  const auto name = fmt::format("unpriced.{}", to_millis(now) / 86'400'000);
  const auto before = integer_fact(sql, name);
  if (!before) sql.run("DELETE FROM fact WHERE name GLOB 'unpriced.*'");
  set_fact(sql, name, before.value_or(0) + requests);
}

}  // namespace offpeak
