#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/crash_point.hpp"
#include "base/text.hpp"
#include "ingest/grouping.hpp"
#include "ingest/ingester.hpp"
#include "ingest/open_intake.hpp"
#include "ingest/spool.hpp"

namespace offpeak {

namespace {

constexpr std::uint64_t slice_bytes = 4 * 1024 * 1024;
constexpr int steps_a_turn = 4;               // of a small file: opened, read, its ids compared
constexpr std::size_t segments_a_store = 16;  // a durable transaction for every 16,384 requests
constexpr std::size_t made_a_store = 2000;
constexpr int changes_max = 10;
constexpr int no_room_max = 10;  // then the file is rejected: some three minutes
constexpr std::size_t job_name_bytes_max = 200;

template <class Opens>
std::size_t next_group(const Opens& opens) {
  std::vector<std::uint64_t> sizes;
  for (const auto& open : opens) sizes.push_back(open->weight);
  return group_size(sizes);
}

template <class Opens>
Opens take_group(Opens& opens) {
  const auto end = opens.begin() + static_cast<std::ptrdiff_t>(next_group(opens));
  Opens group(opens.begin(), end);
  opens.erase(opens.begin(), end);
  return group;
}

}  // namespace

struct Ingester::Turn {
  std::unique_ptr<IntakeCheck> check;  // none once it has ended
  Result<CheckSlice> slice = CheckSlice();
  std::optional<Finding> finding;
  bool no_room = false;
  std::shared_ptr<File> data, original;

  // File worker.
  void take(int steps) {
    for (int step = 0; step < steps && slice && !slice->finished; ++step) take_step();
    no_room = check->no_room();
    data = check->data();
    if (check->original() != data) original = check->original();
    if (!slice || !slice->finished) return;
    finding = finding_of(*check);
    check.reset();
  }
  void take_step() {
    auto found = check->step(slice_bytes);
    if (!found) {
      slice = std::move(found);
      return;
    }
    std::ranges::move(found->segments, std::back_inserter(slice->segments));
    std::ranges::move(found->made, std::back_inserter(slice->made));
    slice->finished = found->finished;
  }
};

// One slice of every open file in turn: a small one is through while a huge one is still being read.
Task<> Ingester::advance_all() {
  co_await check_some();
  co_await conclude_some();
  std::erase_if(open_, [this](const auto& open) {
    if (open->ended) end_trouble(*open);
    return open->ended;
  });
}

std::vector<Ingester::Open*> Ingester::due() {
  std::vector<Open*> found;
  for (const auto& open : open_) {
    if (!open->ended && open->not_before <= doors_.clock.steady_now()) found.push_back(open.get());
  }
  return found;
}

Task<> Ingester::check_some() {
  std::vector<Open*> checking;
  for (auto* open : due()) {
    if (open->start_over) co_await restart(*open);
    if (!open->start_over && !open->finding && !open->vanished) checking.push_back(open);
  }
  while (!checking.empty()) co_await check_group(take_group(checking));
}

Task<> Ingester::check_group(std::vector<Open*> group) {
  std::vector<Turn> turns(group.size());
  for (std::size_t i = 0; i < group.size(); ++i) turns[i].check = std::move(group[i]->check);
  // A small file is through with its turn, and its buffers are gone before the next one gets its own.
  const int steps = group.front()->weight > slice_bytes ? 1 : steps_a_turn;
  co_await doors_.file_worker.run([&turns, steps] {
    for (auto& turn : turns) turn.take(steps);
  });
  for (std::size_t i = 0; i < group.size(); ++i) end_turn(*group[i], turns[i]);
  sync_wanted_.notify();
  for (auto* open : group) {
    const bool much = open->wanted.segments.size() >= segments_a_store || open->wanted.made.size() >= made_a_store;
    if (!open->finding && much) co_await store(*open);
  }
}

void Ingester::end_turn(Open& open, Turn& turn) {
  if (!turn.slice && turn.slice.error().kind == ErrorKind::not_found) {
    open.vanished = true;
    return;
  }
  if (!turn.slice && turn.no_room && ++open.no_room >= no_room_max) {
    reject_for_room(open, turn.slice.error());
    return;
  }
  if (!turn.slice) {
    put_off(open, turn.slice.error());
    open.start_over = true;
    return;
  }
  open.check = std::move(turn.check);
  open.finding = std::move(turn.finding);
  open.data = std::move(turn.data);
  open.original = std::move(turn.original);
  std::ranges::move(turn.slice->segments, std::back_inserter(open.wanted.segments));
  std::ranges::move(turn.slice->made, std::back_inserter(open.wanted.made));
  const bool rejected = open.finding && open.finding->rejected;
  if (open.data && !rejected && open.sync == SyncState::not_asked) open.sync = SyncState::wanted;
}

// The index of an earlier check goes before a new one begins.
Task<> Ingester::restart(Open& open) {
  co_await discard_index(open.intake.id);
  // What is unpacked here is written anew by the check itself; what was dropped is not.
  if (open.sync == SyncState::failed) {
    const auto path = claimed_path(config_.paths.claimed(), open.intake.id);
    const auto written =
        co_await doors_.file_worker.run([&files = doors_.files, path] { return write_anew(files, path); });
    if (!written) {
      put_off(open, written.error());
      co_return;
    }
  }
  look_at_again(open);
}

void Ingester::look_at_again(Open& open) {
  open.check = std::make_unique<IntakeCheck>(doors_.files, json_, config_.paths.claimed(), open.intake.id,
                                             open.intake.name, settings());
  open.finding.reset();
  open.start_over = false;
  open.wanted = NewJob();
  open.data.reset();
  open.original.reset();
  open.sync = SyncState::not_asked;
  ++open.sync_round;
}

Task<> Ingester::store(Open& open) {
  const auto id = open.intake.id;
  auto& wanted = open.wanted;
  if (!wanted.segments.empty()) {
    co_await doors_.database.write(
        [id, &wanted](Queue& queue) { queue.add_segments(id, wanted.first_segment, wanted.segments); });
    wanted.first_segment += static_cast<std::uint32_t>(wanted.segments.size());
    wanted.segments.clear();
    open.stored_any = true;
  }
  if (!wanted.made.empty()) {
    co_await doors_.database.write([id, &wanted](Queue& queue) { queue.add_made_outcomes(id, wanted.made); });
    wanted.made.clear();
    open.stored_any = true;
  }
}

Task<> Ingester::conclude_some() {
  std::vector<Open*> acceptable;
  for (auto* open : due()) {
    if (open->vanished) co_await drop(*open);
    if (!open->finding || open->start_over) continue;
    if (is_acceptable(*open)) {
      acceptable.push_back(open);
    } else {
      co_await conclude(*open);
    }
  }
  while (!acceptable.empty()) co_await accept(take_group(acceptable));
}

Task<> Ingester::conclude(Open& open) {
  if (open.refusal || open.moved) {
    co_await reject(open);
  } else if (open.finding->changed) {
    open.start_over = true;
    open.not_before = doors_.clock.steady_now() + config_.intake.settle;
    if (++open.changes >= changes_max) {
      open.refusal.emplace();
      open.refusal->add("the file kept changing while it was read",
                        "write it elsewhere and rename it into incoming/ when it is complete");
      open.start_over = false;
    }
  } else if (open.finding->rejected) {
    co_await reject(open);
  } else if (open.sync == SyncState::failed) {
    put_off(open, make_error(ErrorKind::io, "the file could not be synced to the disk"));
    open.start_over = true;
  }
}

// May a file whose check has finished be concluded, or does it still wait for the disk?
bool Ingester::is_ready(const Open& open) const {
  if (open.refusal || open.finding->changed || open.finding->rejected) return true;
  return open.sync == SyncState::done || open.sync == SyncState::failed;
}

bool Ingester::is_acceptable(const Open& open) const {
  const bool good = !open.refusal && !open.moved && !open.finding->changed && !open.finding->rejected;
  return good && open.sync == SyncState::done;
}

Task<> Ingester::accept(std::vector<Open*> group) {
  std::vector<const NewJob*> jobs;
  for (auto* open : group) {
    fill_job(*open);
    jobs.push_back(&open->wanted);
  }
  const auto now = doors_.clock.now();
  crash_point("before_accepted");
  const auto verdicts =
      co_await doors_.database.write([&jobs, now](Queue& queue) { return queue.accept_jobs(jobs, now); });
  crash_point("after_accepted");
  for (std::size_t i = 0; i < group.size(); ++i) tell_accepted(*group[i], verdicts[i]);
  co_await remove_originals(std::move(group));
}

void Ingester::tell_accepted(Open& open, const Accepted& verdict) {
  if (verdict.duplicate_of) {
    open.refusal.emplace();
    open.refusal->add("duplicate of job " + std::to_string(verdict.duplicate_of->value),
                      "to run the same content again set the option \"rerun\": true, or use: offpeak submit --again");
    return;
  }
  open.ended = true;
  const auto& job = open.wanted.job;
  doors_.log.info("job.accepted", {{"job", job.id},
                                   {"name", job.name},
                                   {"requests", job.requests},
                                   {"skipped", open.finding->skipped},
                                   {"bytes", open.finding->bytes}});
  watch_taken(open);
  if (calls_.accepted) calls_.accepted(job.id);
}

// What was unpacked stays in the place of what came. Where its writer has kept it open, what came stays too: at the
// job's end it is seen whether anything was written to it.
Task<> Ingester::remove_originals(std::vector<Open*> group) {
  std::vector<JobId> unpacked;
  for (const auto* open : group) {
    if (open->ended && open->finding->kind.compression != Compression::none) unpacked.push_back(open->intake.id);
  }
  for (const auto id : unpacked) {
    const auto path = claimed_path(config_.paths.claimed(), id);
    const auto removed = co_await doors_.file_worker.run([&files = doors_.files, path]() -> Result<void> {
      if (files.writers(path) == Writers::some) return {};
      return files.remove(path);
    });
    if (!removed) doors_.log.warning("intake.not_cleaned", {{"job", id}, {"error", removed.error().message}});
  }
}

void Ingester::fill_job(Open& open) const {
  const auto& finding = *open.finding;
  const auto& options = finding.options;
  const auto& overrides = open.intake.overrides;
  open.wanted.again = overrides.again || options.rerun;
  open.wanted.taken = finding.taken;
  open.wanted.hold = overrides.hold.value_or(options.hold.value_or(false));
  auto& job = open.wanted.job;
  job.id = open.intake.id;
  job.name = overrides.name ? escape_for_display(*overrides.name, job_name_bytes_max)
                            : options.name.value_or(finding.kind.job_name);
  job.file = open.intake.name;
  job.created_at = open.intake.created_at;
  job.requests = static_cast<std::int64_t>(finding.requests);
  job.priority = overrides.priority.value_or(options.priority.value_or(0));
  job.headers.version = options.version.value_or(config_.provider.version);
  job.headers.betas = options.betas.value_or(config_.provider.betas);
  job.max_attempts = options.max_attempts.value_or(config_.retry.max_attempts);
  job.max_cost = options.max_cost.value_or(0);
  job.digest = finding.digest;
  job.format = finding.kind.format;
  job.data_name = finding.data_name;
  job.options_line = finding.options_line;
  job.defaults = options.defaults;
}

Task<> Ingester::discard_index(JobId id) {
  while (!co_await doors_.database.write([id](Queue& queue) { return queue.discard_index(id); })) {
  }
}

// Nothing is lost by trying again later.
void Ingester::put_off(Open& open, const Error& error) {
  ++open.tries;
  open.not_before = doors_.clock.steady_now() + wait_before_try(open.tries, config_.intake);
  const auto what = fmt::format("{} waits: {}", shown_name(open.intake.name), error.message);
  if (troubles_.note(trouble_of(open.intake.id), what, doors_.clock.now(), wall_time(open.not_before))) {
    doors_.log.warning(
        "intake.waiting",
        {{"intake", open.intake.id}, {"file", open.intake.name}, {"error", error.message}, {"hint", error.hint}});
  }
}

void Ingester::end_trouble(const Open& open) {
  if (!troubles_.end(trouble_of(open.intake.id))) return;
  doors_.log.info("intake.goes_on", {{"intake", open.intake.id}, {"file", open.intake.name}});
}

struct Ingester::ToSync {
  JobId id;
  std::uint64_t round = 0;
  std::shared_ptr<File> data, original;
  bool synced = false;

  // The original goes when the job is accepted, but a power cut may bring it back.
  bool sync() const {
    if (!data->sync()) return false;
    return !original || original->sync().has_value();
  }
};

// A user's file may be in the page cache only. It is synced while it is checked, on a thread of its own; a
// job is accepted when both are done.
Task<> Ingester::sync_files() {
  for (;;) {
    auto group = take_to_sync();
    if (group.empty()) {
      co_await sync_wanted_.wait();
      continue;
    }
    co_await doors_.sync_worker.run([&files = doors_.files, claimed = config_.paths.claimed(), &group] {
      bool made_here = false;  // a name that no move has synced
      for (auto& one : group) {
        one.synced = one.sync();
        made_here = made_here || one.original;
      }
      const bool names_synced = !made_here || files.sync_folder(claimed);
      for (auto& one : group) one.synced = one.synced && (!one.original || names_synced);
    });
    // A file may have ended or started over meanwhile.
    for (const auto& one : group) {
      for (const auto& open : open_) {
        if (open->intake.id != one.id || open->sync_round != one.round) continue;
        open->sync = one.synced ? SyncState::done : SyncState::failed;
      }
    }
    bell_.notify();
  }
}

std::vector<Ingester::ToSync> Ingester::take_to_sync() {
  std::vector<Open*> wanted;
  for (const auto& open : open_) {
    if (open->sync == SyncState::wanted) wanted.push_back(open.get());
  }
  std::vector<ToSync> group;
  for (auto* open : take_group(wanted)) {
    open->sync = SyncState::running;
    group.push_back({open->intake.id, open->sync_round, open->data, open->original});
  }
  return group;
}

CheckSettings Ingester::settings() const {
  CheckSettings settings;
  settings.batch_bytes_max = config_.batch.max_bytes;
  settings.file_bytes_max = config_.intake.max_file_bytes;
  settings.reserve_bytes = config_.intake.reserve;
  return settings;
}

}  // namespace offpeak
