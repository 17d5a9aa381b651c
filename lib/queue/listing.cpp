// What the provider's list shows, compared with what is known: the one place where batches that are not ours are told,
// whoever read the list.
#include <fmt/format.h>

#include <algorithm>

#include "model/limits.hpp"
#include "queue/moves.hpp"
#include "queue/strangers.hpp"

namespace offpeak {

namespace {

// What nobody has decided about in all the time that the provider keeps a batch's results is forgotten.
constexpr auto seen_kept = std::chrono::days(31);

std::vector<ProviderBatch> read_told(Sql& sql, const std::vector<ProviderBatch>& listed, ListKnowledge& known) {
  std::vector<ProviderBatch> left;
  for (const auto& batch : listed) {
    {
      auto row = sql.query("SELECT 1 FROM batch WHERE intact AND provider_id = ?", batch.id);
      if (row.step()) {
        known.ours.insert(batch.id);
        continue;
      }
    }
    auto row = sql.query("SELECT state FROM unexplained WHERE intact AND provider_id = ?", batch.id);
    if (row.step()) {
      known.told.emplace(batch.id, row.text(0));
      continue;
    }
    if (!batch.created_at_known || batch.created_at > known.known_from) left.push_back(batch);
  }
  return left;
}

struct Found {
  IntentId id;
  std::optional<Instant> own_created_at;
  bool own_proven = false;
};

// Of rows of an intent, the moment at which its own batch was created, and whether that is proven.
void add_ids(Statement&& row, std::vector<Found>& ids) {
  while (row.step()) ids.push_back({IntentId{row.integer(0)}, row.maybe_time(1), row.integer(2) != 0});
}

// Whose create had been answered with a batch of the same size at about the same time.
void add_copied(Sql& sql, const ProviderBatch& strange, std::vector<Found>& ids) {
  if (!strange.created_at_known) return;
  add_ids(sql.query("SELECT intent, created_at, proven FROM batch WHERE twin = 0 AND created_at BETWEEN ?1 AND ?2 "
                    "AND (?3 = 0 OR requests = ?3) AND intact ORDER BY id",
                    strange.created_at - arrival_window, strange.created_at + arrival_window, strange.counts.total()),
          ids);
}

// Is a cancel under way of a batch that nothing but its size and time has made ours?
bool waits_for_proof(Sql& sql) {
  auto row = sql.query(
      "SELECT 1 FROM batch WHERE state <> 'collected' AND twin = 1 AND proven = 0 AND cancel_state <> 'no' AND intact "
      "LIMIT 1");
  return row.step();
}

// Since the last start, whose recovery clears it: a fact, so that it goes with a write that is undone.
void note_list_seen(Sql& sql) {
  if (!integer_fact(sql, "list_seen")) set_fact(sql, "list_seen", 1);
}

}  // namespace

std::vector<MayExplain> Queue::may_explain(const std::vector<ProviderBatch>& strange, Instant now) const {
  std::vector<Found> ids;
  add_ids(sql_->query("SELECT id, NULL, 0 FROM intent WHERE state IN ('uploading', 'committing', 'unknown') "
                      "AND intact ORDER BY id"),
          ids);
  add_ids(sql_->query("SELECT id, NULL, 0 FROM intent WHERE state = 'not_created' AND settled_at >= ? AND intact "
                      "AND NOT EXISTS (SELECT 1 FROM batch WHERE batch.intent = intent.id) ORDER BY +id",
                      now - audit_time),
          ids);
  add_ids(sql_->query("SELECT intent, created_at, 0 FROM batch WHERE state <> 'collected' AND proven = 0 "
                      "AND twin = 0 AND intact ORDER BY +id"),
          ids);
  for (const auto& batch : strange) add_copied(*sql_, batch, ids);
  std::vector<MayExplain> found;
  std::set<IntentId> taken;
  for (const auto& [id, own_created_at, own_proven] : ids) {
    if (!taken.insert(id).second) continue;
    MayExplain one;
    one.intent = *intent(id);
    one.own_created_at = own_created_at;
    one.own_proven = own_proven;
    auto row = sql_->query("SELECT provider_id FROM excluded WHERE intent = ? AND intact", id);
    while (row.step()) one.excluded.insert(row.text(0));
    found.push_back(std::move(one));
  }
  return found;
}

// Model: T16.
std::vector<Stranger> Queue::see_list(const std::vector<ProviderBatch>& listed, const ListMoment& moment,
                                      ListLook look) {
  if (look == ListLook::start) note_list_seen(*sql_);
  if (!integer_fact(*sql_, "list_seen")) return {};
  ListKnowledge known;
  known.known_from = from_millis(integer_fact(*sql_, "known_from").value_or(-1));
  const auto strange = read_told(*sql_, listed, known);
  if (strange.empty()) return {};
  if (const auto at = integer_fact(*sql_, "stranger_seen_at")) known.stranger_seen_at = from_millis(*at);
  known.intents = may_explain(strange, moment.now);
  known.undecided = waits_for_proof(*sql_);
  known.may_have_forgotten = look == ListLook::start || integer_fact(*sql_, "restored_at").has_value();
  auto found = strangers_of(strange, known, moment);
  for (const auto& one : found) record_stranger(one, moment, look);
  sql_->run("DELETE FROM unexplained WHERE state = 'seen' AND seen_at < ?", moment.now - seen_kept);
  std::erase_if(found, [](const Stranger& one) { return one.is == StrangerIs::unsettled; });
  return found;
}

void Queue::record_stranger(const Stranger& stranger, const ListMoment& moment, ListLook look) {
  Batch batch;
  batch.provider_id = stranger.batch.id;
  batch.created_at = stranger.batch.created_at;
  batch.expires_at = stranger.batch.expires_at;
  UnexplainedBatch row;
  row.provider_id = stranger.batch.id;
  row.requests = stranger.batch.counts.total();
  row.created_at = stranger.batch.created_at;
  row.seen_at = moment.now;
  switch (stranger.is) {
    case StrangerIs::unsettled:
      return;
    case StrangerIs::late_twin:
      become_twin(*sql_, stranger.intent, batch, {.cancel_state = stranger.may_cancel ? "wanted" : "no"}, moment.now);
      return;
    case StrangerIs::second_copy:
      // Its results are read as an operator's claim would read them: their nonce proves whose it is.
      row.state = "claiming";
      row.copy_of = stranger.intent;
      row.reason = fmt::format("it may be a second copy of intent {}, made by something that repeats requests",
                               stranger.intent.value);
      insert_unexplained(*sql_, row);
      return;
    case StrangerIs::stranger:
      // A state that was put back has forgotten what it sent: then each of them may be ours and paid for.
      const bool holds = moment.exclusive && (look == ListLook::start || integer_fact(*sql_, "restored_at"));
      row.state = holds ? "open" : "seen";
      if (stranger.intent) {
        row.reason = fmt::format("it may be of intent {}, which explains one batch only", stranger.intent.value);
      }
      insert_unexplained(*sql_, row);
      set_fact(*sql_, "stranger_seen_at", to_millis(moment.now));
      return;
  }
}

std::optional<Instant> Queue::restored_at() const { return time_fact(*sql_, "restored_at"); }

bool Queue::is_restore_decided() const {
  for (const std::string_view text :
       {"SELECT 1 FROM intent WHERE state IN ('uploading', 'committing', 'unknown') AND intact LIMIT 1",
        "SELECT 1 FROM batch WHERE state <> 'collected' AND intact AND proven = 0 LIMIT 1",
        "SELECT 1 FROM unexplained WHERE intact AND state IN ('open', 'claiming') LIMIT 1"}) {
    auto row = sql_->query(text);
    if (row.step()) return false;
  }
  return true;
}

// Model: T22.
bool Queue::end_restore() {
  if (!restored_at() || !is_restore_decided()) return false;
  std::vector<JobId> recovered;
  {
    auto row = sql_->query(
        "SELECT id FROM job WHERE state IN ('queued', 'running', 'held', 'canceling') AND state = 'held' "
        "AND reason = ? AND intact",
        recovered_reason);
    while (row.step()) recovered.push_back(JobId{row.integer(0)});
  }
  for (const auto id : recovered) set_job_state(*sql_, id, JobState::queued, std::nullopt);
  clear_fact(*sql_, "restored_at");
  clear_fact(*sql_, "restore_floor");
  return true;
}

void Queue::take_as_known(const std::vector<ProviderBatch>& newest, const ListMoment& moment) {
  auto first = newest.empty() ? ProviderBatch() : newest.front();
  // Where the newest says no date: it is not younger than the answer.
  if (!first.created_at_known) first.created_at = moment.date.value_or(moment.now);
  set_fact(*sql_, "newest_known_id", std::string_view(first.id));
  set_fact(*sql_, "newest_known_at", to_millis(first.created_at));
  set_fact(*sql_, "known_from", to_millis(first.created_at));
  if (restored_at()) set_fact(*sql_, "restore_floor", to_millis(first.created_at));
  clear_fact(*sql_, "list_forgotten");
  if (!newest.empty() && moment.exclusive) {
    UnexplainedBatch row;
    row.provider_id = first.id;
    row.requests = first.counts.total();
    row.created_at = first.created_at;
    row.state = "seen";
    row.seen_at = moment.now;
    row.reason =
        "it was there before this state folder began: another program, or another offpeak, uses this workspace";
    insert_unexplained(*sql_, row);
    set_fact(*sql_, "stranger_seen_at", to_millis(moment.now));
  }
  note_list_seen(*sql_);
}

std::optional<AuditFloor> Queue::audit_floor(Instant now) const {
  {
    auto row = sql_->query(
        "SELECT watermark, watermark_at FROM intent WHERE state = 'not_created' AND settled_at >= ? AND intact "
        "AND NOT EXISTS (SELECT 1 FROM batch WHERE batch.intent = intent.id AND proven = 1) ORDER BY watermark_at "
        "LIMIT 1",
        now - audit_time);
    if (row.step()) return AuditFloor{row.maybe_text(0), row.maybe_time(1)};
  }
  auto row = sql_->query(
      "SELECT watermark, watermark_at FROM intent WHERE state = 'created' AND settled_at >= ? AND intact "
      "ORDER BY settled_at LIMIT 1",
      now - copies_time);
  if (!row.step()) return std::nullopt;
  return AuditFloor{row.maybe_text(0), row.maybe_time(1), false, true};
}

std::vector<ListedBatch> Queue::must_be_listed(Instant from, Instant before, std::uint32_t most) const {
  const auto after = integer_fact(*sql_, "workspace_after_batch").value_or(0);
  const auto known_from = from_millis(integer_fact(*sql_, "known_from").value_or(0));
  std::vector<ListedBatch> found;
  auto row = sql_->query(
      "SELECT provider_id, created_at FROM batch WHERE intact AND id > ?1 AND created_at BETWEEN ?2 AND ?3 "
      "UNION ALL SELECT provider_id, created_at FROM unexplained WHERE intact AND created_at BETWEEN max(?2, ?4) AND "
      "?3 "
      "ORDER BY created_at DESC LIMIT ?5",
      after, from, before, known_from, most);
  while (row.step()) found.push_back({row.text(0), row.time(1)});
  return found;
}

AuditFloor Queue::start_floor(Instant now) const {
  AuditFloor floor;
  // What a restored state has adopted since may be of work that it has forgotten: it hides nothing below.
  const auto restored = integer_fact(*sql_, "restore_floor");
  // 0: the workspace was empty.
  const auto newest = restored ? *restored : integer_fact(*sql_, "newest_known_at").value_or(0);
  if (newest > 0) floor.created_at = from_millis(newest);
  auto row = sql_->query(
      "SELECT min(coalesce(watermark_at, 0)) FROM intent WHERE intact "
      "AND (state IN ('uploading', 'committing', 'unknown') OR settled_at >= ?)",
      now - audit_time);
  if (!row.step() || row.is_null(0)) return floor;
  // The workspace was empty when that one was made: all that is listed is newer.
  if (row.integer(0) == 0) {
    floor.to_the_end = true;
    return floor;
  }
  if (floor.created_at && row.time(0) < *floor.created_at) floor.created_at = row.time(0);
  return floor;
}

}  // namespace offpeak
