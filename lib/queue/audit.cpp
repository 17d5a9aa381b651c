// Audit's verbs: inputs = outcomes, proven from the rows, a slice at a time. What it knows of one slice is a mark for
// each of its requests; runs are read as runs.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "queue/moves.hpp"

namespace offpeak {

void AuditReport::add_problem(std::string problem) {
  ++problem_count;
  if (problems.size() < audit_problems_max) problems.push_back(std::move(problem));
}

namespace {

constexpr Seq slice_requests = 16 * segment_entries;
constexpr std::int64_t slice_assignments = 5'000;
constexpr std::int64_t slice_intents = 200;

// The places of a request. With an outcome it may still be named by the intent or batch that gave it.
enum Place : std::uint8_t {
  in_pending = 1,
  in_intent = 2,
  in_batch = 4,
  has_outcome = 8,
  has_made_outcome = 16,
  twice = 32,  // in one of them more than once
};

std::string requests_text(Seq first, Seq end) {
  return end - first == 1 ? fmt::format("request {}", first) : fmt::format("requests {} to {}", first, end - 1);
}

std::string places_text(std::uint8_t places) {
  constexpr std::array<std::pair<Place, std::string_view>, 6> names{{{in_pending, "pending"},
                                                                     {in_intent, "assigned to an unsettled intent"},
                                                                     {in_batch, "submitted in a batch"},
                                                                     {has_outcome, "outcome recorded"},
                                                                     {has_made_outcome, "outcome made by offpeak"},
                                                                     {twice, "one of these twice"}}};
  std::string text;
  for (const auto& [place, name] : names) {
    if ((places & place) == 0) continue;
    text += text.empty() ? "" : ", ";
    text += name;
  }
  return text;
}

bool in_one_place(std::uint8_t places) {
  if (places == (has_outcome | in_intent) || places == (has_outcome | in_batch)) return true;
  return places == in_pending || places == in_intent || places == in_batch || places == has_outcome ||
         places == has_made_outcome;
}

// Which assignments say where a request is now: of intents that are not settled, and of batches to be collected. A late
// twin's do not: its requests are somewhere else.
constexpr std::string_view live_assignments =
    "FROM intent i CROSS JOIN assignment a ON a.intent = i.id LEFT JOIN batch b ON b.intent = i.id "
    "WHERE (i.state IN ('uploading', 'committing', 'unknown') OR (i.id IN (SELECT intent FROM batch WHERE state <> "
    "'collected') AND i.state = 'created' AND b.twin = 0)) AND i.intact AND a.intact AND coalesce(b.intact, 1) AND "
    "a.job = ?1";

class Slice {
 public:
  Slice(Sql& sql, AuditProgress& progress, const Job& job, Seq first, Seq end)
      : sql_(sql), progress_(progress), report_(progress.report), job_(job), first_(first), end_(end) {
    places_.resize(end_ - first_);
  }

  void check() {
    check_index();
    mark_runs("pending", in_pending);
    mark_runs("made_outcome", has_made_outcome);
    mark_live();
    mark_outcomes();
    count_made();
    check_places();
    if (end_ == static_cast<Seq>(job_.requests)) check_behind_the_end();
  }

 private:
  void problem(std::string text) { report_.add_problem(fmt::format("job {}: {}", job_.id.value, text)); }

  void mark(std::int64_t first, std::int64_t end, Place place) {
    for (auto seq = std::max<std::int64_t>(first, first_); seq < std::min<std::int64_t>(end, end_); ++seq) {
      auto& places = places_[static_cast<std::size_t>(seq) - first_];
      places |= (places & place) != 0 ? place | twice : place;
    }
  }

  void check_index() {
    for (auto number = first_ / segment_entries; std::uint64_t{number} * segment_entries < end_; ++number) {
      const auto wanted = std::min<std::uint64_t>(
          segment_entries, static_cast<std::uint64_t>(job_.requests) - std::uint64_t{number} * segment_entries);
      try {
        const auto entries = sql_.segment(job_.id, number).size();
        if (entries != wanted) {
          problem(fmt::format("index segment {} holds {} entries, not {}", number, entries, wanted));
        }
      } catch (const QueueDamaged& damage) {
        problem(fmt::format("index segment {}: {}", number, damage.what()));
      }
    }
  }

  // The runs that begin in this slice, and the one that reaches into it.
  void mark_runs(std::string_view table, Place place) {
    std::int64_t end_before = 0;
    const auto text = fmt::format(
        "SELECT first, count FROM {0} WHERE job = ?1 AND first < ?3 AND first >= coalesce((SELECT max(first) FROM {0} "
        "WHERE job = ?1 AND first <= ?2), 0) AND intact ORDER BY first",
        table);
    auto row = sql_.query(text, job_.id, first_, end_);
    while (row.step()) {
      const auto first = row.integer(0);
      const auto end = first + row.integer(1);
      mark(first, end, place);
      if (first < end_before) problem(fmt::format("two runs of {} overlap at request {}", table, first));
      if (first >= first_ && end > job_.requests) {
        problem(fmt::format("{} holds requests {} to {}, but the job has {}", table, first, end - 1, job_.requests));
      }
      end_before = end;
    }
  }

  void mark_live() {
    static const auto text = fmt::format(
        "SELECT a.first, a.count, i.state {} AND a.first < ?3 AND a.first + a.count > ?2", live_assignments);
    auto row = sql_.query(text, job_.id, first_, end_);
    while (row.step()) {
      mark(row.integer(0), row.integer(0) + row.integer(1), row.bytes(2) == "created" ? in_batch : in_intent);
    }
  }

  void mark_outcomes() {
    auto row = sql_.query(
        "SELECT seq, type, batch, download FROM outcome WHERE job = ? AND seq >= ? AND seq < ? AND intact ORDER BY seq",
        job_.id, first_, end_);
    while (row.step()) {
      const auto seq = static_cast<Seq>(row.integer(0));
      mark(seq, std::int64_t{seq} + 1, has_outcome);
      const auto type = parse_outcome_type(row.bytes(1));
      if (type) ++progress_.found[as_request_state(*type)];
      check_origin(seq, BatchId{row.integer(2)}, row.integer(3));
    }
  }

  // An outcome comes from a batch that carried its request.
  void check_origin(Seq seq, BatchId batch, std::int64_t download) {
    const auto known = origins_.find(batch);
    const auto& origin = known != origins_.end() ? known->second : read_origin(batch);
    const auto behind = std::upper_bound(origin.runs.begin(), origin.runs.end(), seq,
                                         [](Seq value, const RequestRange& run) { return value < run.first; });
    const bool carried = behind != origin.runs.begin() && seq < (behind - 1)->first + (behind - 1)->count;
    if (!carried) {
      problem(fmt::format("request {} has its outcome from batch {}, which did not carry it", seq, batch.value));
    } else if (download < 1 || download > origin.downloads) {
      problem(fmt::format("request {} has its outcome from download {} of batch {}, which has had {}", seq, download,
                          batch.value, origin.downloads));
    }
  }

  struct Origin {
    std::int64_t downloads = 0;
    std::vector<RequestRange> runs;
  };

  const Origin& read_origin(BatchId batch) {
    auto& origin = origins_[batch];
    auto row = sql_.query(
        "SELECT a.first, a.count, b.downloads FROM batch b JOIN assignment a ON a.intent = b.intent WHERE b.id = ?1 "
        "AND b.intact AND a.intact AND a.job = ?2 AND a.first < ?4 AND a.first + a.count > ?3 ORDER BY a.first",
        batch, job_.id, first_, end_);
    while (row.step()) {
      origin.runs.push_back({job_.id, static_cast<Seq>(row.integer(0)), static_cast<std::uint32_t>(row.integer(1))});
      origin.downloads = row.integer(2);
    }
    return origin;
  }

  void count_made() {
    auto row =
        sql_.query("SELECT first, count, type FROM made_outcome WHERE job = ? AND first >= ? AND first < ? AND intact",
                   job_.id, first_, end_);
    while (row.step()) {
      if (const auto type = parse_outcome_type(row.bytes(2))) {
        progress_.found[as_request_state(*type)] += row.integer(1);
      }
    }
  }

  // A problem for each run of requests that are in the same wrong places.
  void check_places() {
    for (std::size_t at = 0; at < places_.size();) {
      auto end = at + 1;
      while (end < places_.size() && places_[end] == places_[at]) ++end;
      const auto places = places_[at];
      const auto count = static_cast<std::int64_t>(end - at);
      if (!in_one_place(places)) report_places(first_ + static_cast<Seq>(at), first_ + static_cast<Seq>(end), places);
      ((places & (has_outcome | has_made_outcome)) != 0 ? report_.outcomes : report_.waiting) +=
          places != 0 ? count : 0;
      at = end;
    }
  }

  void report_places(Seq first, Seq end, std::uint8_t places) {
    if (places == 0) {
      problem(fmt::format("{}: in no place; no outcome, and nothing will send it", requests_text(first, end)));
      return;
    }
    std::string holders;
    if ((places & (in_intent | in_batch)) != 0) holders = holders_of(first);
    problem(fmt::format("{}: in more than one place: {}{}", requests_text(first, end), places_text(places), holders));
  }

  // " (intent 12; intent 13, batch msgbatch_1)"
  std::string holders_of(Seq seq) {
    static const auto text =
        fmt::format("SELECT i.id, b.provider_id {} AND a.first <= ?2 AND a.first + a.count > ?2", live_assignments);
    std::string holders;
    auto row = sql_.query(text, job_.id, seq);
    while (row.step()) {
      holders += fmt::format("{}intent {}", holders.empty() ? " (" : "; ", row.integer(0));
      if (!row.is_null(1)) holders += fmt::format(", batch {}", row.text(1));
    }
    return holders.empty() ? holders : holders + ")";
  }

  void check_behind_the_end() {
    const std::array<std::pair<std::string_view, std::string_view>, 3> tables{
        {{"outcome", "seq"}, {"made_outcome", "first"}, {"pending", "first"}}};
    for (const auto& [table, column] : tables) {
      auto row = sql_.query(fmt::format("SELECT {1} FROM {0} WHERE job = ? AND {1} >= ? LIMIT 1", table, column),
                            job_.id, job_.requests);
      if (row.step()) {
        problem(fmt::format("{} holds request {}, but the job has {}", table, row.integer(0), job_.requests));
      }
    }
    auto row = sql_.query("SELECT number FROM segment WHERE job = ? AND number >= ? LIMIT 1", job_.id,
                          (job_.requests + segment_entries - 1) / segment_entries);
    if (row.step()) problem(fmt::format("the index has a segment {} behind its last one", row.integer(0)));
  }

  Sql& sql_;
  AuditProgress& progress_;
  AuditReport& report_;
  const Job& job_;
  Seq first_ = 0;
  Seq end_ = 0;
  std::vector<std::uint8_t> places_;
  std::map<BatchId, Origin> origins_;
};

template <class... Values>
std::int64_t sum_of(Sql& sql, std::string_view text, const Values&... values) {
  auto row = sql.query(text, values...);
  row.step();
  return row.integer(0);
}

void compare(AuditReport& report, JobId job, std::string_view what, std::int64_t counted, std::int64_t found) {
  if (counted == found) return;
  report.add_problem(fmt::format("job {} counts {} {}, its rows say {}", job.value, counted, what, found));
}

struct LiveRun {
  RequestRange range;
  RequestState state = RequestState::assigned;
};

std::vector<LiveRun> live_runs(Sql& sql, JobId job) {
  static const auto text = fmt::format("SELECT a.first, a.count, i.state {}", live_assignments);
  std::vector<LiveRun> runs;
  auto row = sql.query(text, job);
  while (row.step()) {
    runs.push_back({{job, static_cast<Seq>(row.integer(0)), static_cast<std::uint32_t>(row.integer(1))},
                    row.bytes(2) == "created" ? RequestState::submitted : RequestState::assigned});
  }
  return runs;
}

// All in one moment: what waits is read here as a whole, and what is final is the rest, by the job row's own CHECK.
void check_sums(Sql& sql, AuditProgress& progress, const Job& job) {
  auto& report = progress.report;
  RequestCounts rows;
  rows[RequestState::pending] =
      sum_of(sql, "SELECT coalesce(sum(count), 0) FROM pending WHERE job = ? AND intact", job.id);
  for (const auto& run : live_runs(sql, job.id)) rows[run.state] += run.range.count - outcomes_in(sql, run.range);
  for (const auto state : {RequestState::pending, RequestState::assigned, RequestState::submitted}) {
    compare(report, job.id, to_text(state), job.counts[state], rows[state]);
  }
  if (sql.moves_of(job.id) == progress.moves) {
    for (const auto state :
         {RequestState::succeeded, RequestState::errored, RequestState::expired, RequestState::canceled}) {
      compare(report, job.id, to_text(state), job.counts[state], progress.found[state]);
    }
  } else {
    report.at_rest = false;
  }
  const auto stop_reasons =
      sum_of(sql, "SELECT coalesce(sum(n), 0) FROM tally WHERE job = ? AND kind = 'stop_reason' AND intact", job.id);
  if (stop_reasons > job.counts[RequestState::succeeded]) {
    report.add_problem(fmt::format("job {} has {} stop reasons, but {} requests succeeded", job.id.value, stop_reasons,
                                   job.counts[RequestState::succeeded]));
  }
  const auto unreadable = sum_of(sql, "SELECT count(*) FROM unreadable WHERE job = ? AND intact", job.id);
  const auto told = sum_of(
      sql, "SELECT coalesce(sum(n), 0) FROM oddity WHERE job = ? AND kind = 'offpeak_unreadable_result' AND intact",
      job.id);
  if (unreadable != told) {
    report.add_problem(
        fmt::format("job {} has {} unreadable results, but tells of {}", job.id.value, unreadable, told));
  }
  const auto negative = sum_of(sql, "SELECT count(*) FROM tally WHERE job = ? AND n <= 0 AND intact", job.id);
  if (negative != 0) report.add_problem(fmt::format("job {} has sums below one", job.id.value));
}

// The parts of an intent in wire order: places without a gap, runs that their jobs have. Of a claimed batch, lines that
// matched no request leave gaps.
enum class Parts : std::uint8_t { whole, with_gaps };

std::int64_t check_parts(Sql& sql, AuditReport& report, IntentId id, Parts expected) {
  const auto parts = read_assignments(sql, id);
  std::int64_t place = 0;
  for (const auto& part : parts) {
    const bool gap = part.first_place > place && expected == Parts::with_gaps;
    if (part.first_place != place && !gap) {
      report.add_problem(
          fmt::format("intent {}: places {} and {} do not follow each other", id.value, place, part.first_place));
    }
    place = std::int64_t{part.first_place} + part.range.count;
    const auto requests = sum_of(
        sql,
        "SELECT coalesce(max(requests), 0) FROM (SELECT requests FROM job WHERE id = ?1 UNION ALL SELECT requests FROM "
        "purged WHERE job = ?1)",
        part.range.job);
    if (std::int64_t{part.range.first} + part.range.count > requests) {
      report.add_problem(fmt::format("intent {} carries {} of job {}, which has {}", id.value,
                                     requests_text(part.range.first, part.range.first + part.range.count),
                                     part.range.job.value, requests));
    }
  }
  return place;
}

struct IntentsBatch {
  std::int64_t count = 0;
  std::int64_t requests = 0;
  std::string provider_id;
  bool twin = false;
};

IntentsBatch batch_of(Sql& sql, IntentId id) {
  IntentsBatch found;
  auto row = sql.query("SELECT requests, provider_id, twin FROM batch WHERE intent = ? AND intact", id);
  while (row.step()) {
    ++found.count;
    found.requests = row.integer(0);
    found.provider_id = row.text(1);
    found.twin = row.integer(2) != 0;
  }
  return found;
}

void check_intent(Sql& sql, AuditReport& report, IntentId id) {
  ++report.intents;
  std::int64_t requests = 0;
  std::string state;
  auto parts = Parts::whole;
  {
    auto row = sql.query("SELECT requests, state, bytes FROM intent WHERE id = ? AND intact", id);
    if (!row.step()) return;
    requests = row.integer(0);
    state = row.text(1);
    // Nobody knows how long the body was: the intent was made from the results of a claimed batch.
    if (row.integer(2) == 0 && state == "not_created") parts = Parts::with_gaps;
  }
  const auto carried = check_parts(sql, report, id, parts);
  if (parts == Parts::whole ? carried != requests : carried > requests) {
    report.add_problem(fmt::format("intent {} has {} requests, its parts have {}", id.value, requests, carried));
  }
  const auto batch = batch_of(sql, id);
  report.batches += batch.count;
  if (batch.count == 0) {
    if (state == "created") report.add_problem(fmt::format("intent {} is created, but has no batch", id.value));
    return;
  }
  if (batch.count > 1) report.add_problem(fmt::format("intent {} has {} batches", id.value, batch.count));
  if (batch.requests != requests) {
    report.add_problem(fmt::format("batch {} has {} requests, its intent {} has {}", batch.provider_id, batch.requests,
                                   id.value, requests));
  }
  // A restored state may take as rejected what was sent after all.
  const bool fits = batch.twin ? state == "not_created" || state == "rejected" : state == "created";
  if (!fits) {
    report.add_problem(fmt::format("intent {} is {}, but has batch {}{}", id.value, state, batch.provider_id,
                                   batch.twin ? " as its late twin" : ""));
  }
}

// Rows of jobs that are not there. What belongs to a file that is still being checked is not a job's yet.
void check_orphans(Sql& sql, AuditReport& report) {
  for (const std::string_view table : {"pending", "assignment", "outcome", "tally", "unreadable", "oddity"}) {
    const auto text = fmt::format("SELECT min(job) FROM {} WHERE job > ?", table);
    std::int64_t job = -1;
    for (;;) {
      {
        auto row = sql.query(text, job);
        if (!row.step() || row.is_null(0)) break;
        job = row.integer(0);
      }
      const auto known = sum_of(
          sql,
          "SELECT count(*) FROM (SELECT id FROM job WHERE id = ?1 UNION ALL SELECT job FROM purged WHERE job = ?1)",
          job);
      if (known == 0) {
        report.add_problem(fmt::format("{} holds rows of job {}, which is not there", table, job));
      }
    }
  }
  {
    auto row = sql.query("SELECT id, intent FROM batch WHERE intent NOT IN (SELECT id FROM intent)");
    while (row.step()) {
      report.add_problem(
          fmt::format("batch {} belongs to intent {}, which is not there", row.integer(0), row.integer(1)));
    }
  }
  {
    // Nothing of what is free to be given again may be there.
    auto row = sql.query(
        "SELECT id FROM free_id WHERE intact AND (id IN (SELECT id FROM job) OR id IN (SELECT id FROM intake) OR id IN "
        "(SELECT job FROM purged))");
    while (row.step()) report.add_problem(fmt::format("number {} is free, and something has it", row.integer(0)));
  }
  // Ids are never given twice: the sequences are not behind what they have given.
  const std::array<std::pair<std::string_view, std::string_view>, 4> sequences{
      {{"intake", "intake"}, {"intake", "job"}, {"intent", "intent"}, {"batch", "batch"}}};
  for (const auto& [sequence, table] : sequences) {
    const auto given = sum_of(sql, "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = ?", sequence);
    const auto used = sum_of(sql, fmt::format("SELECT coalesce(max(id), 0) FROM {}", table));
    if (used > given) {
      report.add_problem(fmt::format("{} {} is there, but only {} ids of {} were given", table, used, given, sequence));
    }
  }
}

// What the status says of the jobs of so many neighbouring ids.
struct PartTotals {
  std::int64_t jobs_open = 0;
  RequestCounts counts;
};

PartTotals totals_of(Sql& sql, std::string_view text, std::int64_t part) {
  PartTotals totals;
  auto row = sql.query(text, part);
  if (!row.step()) return totals;
  totals.jobs_open = row.integer(0);
  for (int i = 0; i < 7; ++i) totals.counts.by_state[static_cast<std::size_t>(i)] = row.integer(1 + i);
  return totals;
}

void check_totals(Sql& sql, AuditReport& report, std::int64_t part) {
  const auto kept = totals_of(sql,
                              "SELECT jobs_open, pending, assigned, submitted, succeeded, errored, expired, canceled "
                              "FROM job_total WHERE part = ? AND intact",
                              part);
  const auto found = totals_of(sql,
                               "SELECT sum(state NOT IN ('done', 'canceled')), sum(pending), sum(assigned), "
                               "sum(submitted), sum(succeeded), sum(errored), sum(expired), sum(canceled) FROM job "
                               "WHERE id >= ?1 * 4096 AND id < (?1 + 1) * 4096 AND intact",
                               part);
  const auto compare_totals = [&](std::string_view what, std::int64_t counted, std::int64_t summed) {
    if (counted == summed) return;
    report.add_problem(fmt::format("the totals of jobs {} to {} count {} {}, the jobs say {}", part * 4096,
                                   part * 4096 + 4095, counted, what, summed));
  };
  compare_totals("open jobs", kept.jobs_open, found.jobs_open);
  for (const auto state :
       {RequestState::pending, RequestState::assigned, RequestState::submitted, RequestState::succeeded,
        RequestState::errored, RequestState::expired, RequestState::canceled}) {
    compare_totals(to_text(state), kept.counts[state], found.counts[state]);
  }
}

// The next part that has totals or jobs, in one moment; false where there is none.
bool check_next_totals(Sql& sql, AuditProgress& progress) {
  const auto next = sum_of(sql,
                           "SELECT coalesce(min(part), -1) FROM (SELECT min(part) AS part FROM job_total WHERE part > "
                           "?1 UNION ALL SELECT min(id) / 4096 FROM job WHERE id >= (?1 + 1) * 4096)",
                           progress.totals);
  if (next < 0) return false;
  progress.totals = next;
  try {
    check_totals(sql, progress.report, next);
  } catch (const QueueDamaged& damage) {
    progress.report.add_problem(
        fmt::format("the totals of jobs {} to {}: {}", next * 4096, next * 4096 + 4095, damage.what()));
  }
  return true;
}

using Part = AuditProgress::Part;

// Finds the next job to read, or goes on to the intents.
void begin_job(Sql& sql, AuditProgress& progress) {
  std::optional<JobId> next;
  if (progress.only) {
    if (progress.job != *progress.only) next = *progress.only;
  } else {
    auto row = sql.query("SELECT min(id) FROM job WHERE id > ?", progress.job);
    row.step();
    if (!row.is_null(0)) next = JobId{row.integer(0)};
  }
  if (!next) {
    progress.part = Part::intents;
    return;
  }
  progress.job = *next;
  progress.next = 0;
  progress.damaged = false;
  progress.moves = sql.moves_of(*next);
  progress.found = {};
  progress.part = Part::requests;
  ++progress.report.jobs;
}

// Up to `slice_assignments` parts; true where there is no further intent.
bool check_intents(Sql& sql, AuditProgress& progress) {
  std::int64_t parts = 0;
  for (std::int64_t n = 0; n < slice_intents && parts < slice_assignments; ++n) {
    const auto next = progress.only
                          ? sum_of(sql, "SELECT coalesce(min(intent), 0) FROM assignment WHERE job = ? AND intent > ?",
                                   *progress.only, progress.intent)
                          : sum_of(sql, "SELECT coalesce(min(id), 0) FROM intent WHERE id > ?", progress.intent);
    if (next == 0) return true;
    progress.intent = IntentId{next};
    parts += sum_of(sql, "SELECT count(*) FROM assignment WHERE intent = ?", progress.intent);
    try {
      check_intent(sql, progress.report, progress.intent);
    } catch (const QueueDamaged& damage) {
      progress.report.add_problem(fmt::format("intent {}: {}", next, damage.what()));
    }
  }
  return false;
}

}  // namespace

bool Queue::audit_slice(AuditProgress& progress) const {
  const auto part = progress.part;
  const auto next = progress.next;
  try {
    switch (part) {
      case Part::next_job:
        begin_job(*sql_, progress);
        break;
      case Part::requests: {
        const auto found = job(progress.job);
        if (!found) {  // gone since the last slice
          progress.part = Part::next_job;
          break;
        }
        if (next == 0) progress.report.requests += found->requests;
        const auto end = std::min(std::int64_t{next} + slice_requests, found->requests);
        if (end == found->requests) progress.part = Part::sums;
        progress.next = static_cast<Seq>(end);
        Slice(*sql_, progress, *found, next, progress.next).check();
        break;
      }
      case Part::sums: {
        progress.part = Part::next_job;
        const auto found = job(progress.job);
        if (found && !progress.damaged) check_sums(*sql_, progress, *found);
        break;
      }
      case Part::intents:
        if (check_intents(*sql_, progress)) progress.part = progress.only ? Part::finished : Part::orphans;
        break;
      case Part::orphans:
        progress.part = Part::totals;
        check_orphans(*sql_, progress.report);
        break;
      case Part::totals:
        if (!check_next_totals(*sql_, progress)) progress.part = Part::finished;
        break;
      case Part::finished:
        break;
    }
  } catch (const QueueDamaged& damage) {
    progress.damaged = true;
    progress.report.add_problem(part == Part::requests || part == Part::sums
                                    ? fmt::format("job {}: {}", progress.job.value, damage.what())
                                    : std::string(damage.what()));
    // The job's own row: there is nothing to compare its rows with.
    if (part == Part::requests && progress.part == part && progress.next == next) progress.part = Part::next_job;
    // What cannot be read as a whole cannot be read on.
    if (part == Part::next_job || part == Part::intents || part == Part::totals) progress.part = Part::finished;
  }
  return progress.part != Part::finished;
}

AuditReport Queue::audit(std::optional<JobId> only) const {
  AuditProgress progress;
  progress.only = only;
  while (audit_slice(progress)) {
  }
  return std::move(progress.report);
}

}  // namespace offpeak
