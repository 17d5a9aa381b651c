#include <algorithm>
#include <iterator>
#include <utility>

#include "base/backoff.hpp"
#include "base/crash_point.hpp"
#include "base/text.hpp"
#include "ingest/ingester.hpp"
#include "ingest/open_intake.hpp"
#include "ingest/spool.hpp"

namespace offpeak {

namespace {

constexpr std::uint64_t slice_bytes = 4 * 1024 * 1024;
constexpr std::size_t segments_a_store = 16;  // a durable transaction for every 16,384 requests
constexpr std::size_t made_a_store = 2000;
constexpr int changes_max = 10;
constexpr Duration first_backoff = std::chrono::seconds(1);
constexpr std::size_t job_name_bytes_max = 200;

// Before its original leaves claimed/: what was unpacked and has no original is of an accepted job.
Result<void> remove_unpacked(Files& files, const std::string& claimed, JobId id) {
  const auto path = data_path(claimed, id);
  if (!files.info(path)) return {};
  if (auto removed = files.remove(path); !removed) return removed;
  return files.sync_folder(claimed);
}

// Removes what only the check needed, and a socket's file itself: its client has it still.
Result<void> remove_leftovers(Files& files, const std::string& claimed, JobId id, IntakeSource source) {
  if (auto removed = remove_unpacked(files, claimed, id); !removed) return removed;
  if (source == IntakeSource::socket) return files.remove(claimed_path(claimed, id));
  return {};
}

}  // namespace

// One slice of every open file in turn: a small one is through while a huge one is still being read.
Task<> Ingester::advance_all() {
  for (std::size_t i = 0; i < open_.size(); ++i) {
    Open& open = *open_[i];
    if (open.ended || open.not_before > doors_.clock.steady_now()) continue;
    co_await advance(open);
  }
  std::erase_if(open_, [](const auto& open) { return open->ended; });
}

Task<> Ingester::advance(Open& open) {
  if (open.start_over) co_await restart(open);
  if (open.start_over) co_return;
  if (!open.finished) {
    auto slice = co_await doors_.file_worker.run([check = open.check.get()] { return check->step(slice_bytes); });
    if (!slice && slice.error().kind == ErrorKind::not_found) {
      co_await drop(open);
      co_return;
    }
    if (!slice) {
      put_off(open, slice.error());
      open.start_over = true;
      co_return;
    }
    open.finished = slice->finished;
    std::ranges::move(slice->segments, std::back_inserter(open.segments));
    std::ranges::move(slice->made, std::back_inserter(open.made));
    if (open.check->data() && open.sync == SyncState::not_asked) {
      open.sync = SyncState::wanted;
      sync_wanted_.notify();
    }
  }
  if (open.finished) {
    co_await conclude(open);
  } else if (open.segments.size() >= segments_a_store || open.made.size() >= made_a_store) {
    co_await store(open);
  }
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
  open.finished = false;
  open.start_over = false;
  open.segments.clear();
  open.made.clear();
  open.stored_segments = 0;
  open.sync = SyncState::not_asked;
  ++open.sync_round;
}

Task<> Ingester::store(Open& open) {
  const auto id = open.intake.id;
  if (!open.segments.empty()) {
    const auto first = open.stored_segments;
    co_await doors_.database.run(
        [id, first, &segments = open.segments](Queue& queue) { queue.add_segments(id, first, segments); });
    open.stored_segments += static_cast<std::uint32_t>(open.segments.size());
    open.segments.clear();
    open.stored_any = true;
  }
  if (!open.made.empty()) {
    co_await doors_.database.run([id, &made = open.made](Queue& queue) { queue.add_made_outcomes(id, made); });
    open.made.clear();
    open.stored_any = true;
  }
}

Task<> Ingester::conclude(Open& open) {
  if (open.refusal || open.moved) {
    co_await reject(open);
  } else if (open.check->changed()) {
    open.start_over = true;
    open.not_before = doors_.clock.steady_now() + config_.intake.settle;
    if (++open.changes >= changes_max) {
      open.refusal.emplace();
      open.refusal->add("the file kept changing while it was read",
                        "write it elsewhere and rename it into incoming/ when it is complete");
      open.start_over = false;
    }
  } else if (open.check->rejected()) {
    co_await reject(open);
  } else if (is_ready(open)) {
    co_await accept(open);
  }
}

// May a file whose check has finished be concluded, or does it still wait for the disk?
bool Ingester::is_ready(const Open& open) const {
  if (open.refusal || open.check->changed() || open.check->rejected()) return true;
  return open.sync == SyncState::done || open.sync == SyncState::failed;
}

Task<> Ingester::accept(Open& open) {
  if (open.sync == SyncState::failed) {
    put_off(open, make_error(ErrorKind::io, "the file could not be synced to the disk"));
    open.start_over = true;
    co_return;
  }
  co_await store(open);
  const auto& options = open.check->check().options();
  const auto& overrides = open.intake.overrides;
  const bool again = overrides.again || options.rerun;
  const bool hold = overrides.hold.value_or(options.hold.value_or(false));
  const auto job = make_job(open);
  const auto now = doors_.clock.now();
  crash_point("before_accepted");
  const auto accepted = co_await doors_.database.run(
      [&job, again, hold, now](Queue& queue) { return queue.accept_job(job, again, hold, now); });
  crash_point("after_accepted");
  if (accepted.duplicate_of) {
    open.refusal.emplace();
    open.refusal->add("duplicate of job " + std::to_string(accepted.duplicate_of->value),
                      "to run the same content again set the option \"rerun\": true, or use: offpeak submit --again");
    co_return;
  }
  open.ended = true;
  doors_.log.info("job.accepted", {{"job", job.id},
                                   {"name", job.name},
                                   {"requests", job.requests},
                                   {"skipped", open.check->check().skipped()},
                                   {"bytes", open.check->check().bytes()}});
  if (calls_.accepted) calls_.accepted(job.id);
  if (open.check->kind().compression == Compression::none) co_return;
  const auto path = claimed_path(config_.paths.claimed(), job.id);
  const auto removed = co_await doors_.file_worker.run([&files = doors_.files, path] { return files.remove(path); });
  if (!removed) doors_.log.warning("intake.not_cleaned", {{"job", job.id}, {"error", removed.error().message}});
}

Job Ingester::make_job(const Open& open) const {
  const auto& check = open.check->check();
  const auto& options = check.options();
  const auto& overrides = open.intake.overrides;
  Job job;
  job.id = open.intake.id;
  job.name = overrides.name ? escape_for_display(*overrides.name, job_name_bytes_max)
                            : options.name.value_or(open.check->kind().job_name);
  job.file = open.intake.name;
  job.created_at = open.intake.created_at;
  job.requests = static_cast<std::int64_t>(check.requests());
  job.priority = overrides.priority.value_or(options.priority.value_or(0));
  job.headers.version = options.version.value_or(config_.provider.version);
  job.headers.betas = options.betas.value_or(config_.provider.betas);
  job.max_attempts = options.max_attempts.value_or(config_.retry.max_attempts);
  job.max_cost = options.max_cost.value_or(0);
  job.digest = check.digest();
  job.format = open.check->kind().format;
  job.data_name = open.check->data_name();
  job.options_line = check.options_line();
  job.defaults = options.defaults;
  return job;
}

// The file first, the row last: a crash in between finds the file gone and ends the row.
Task<> Ingester::reject(Open& open) {
  const auto& intake = open.intake;
  const auto& report = open.refusal ? *open.refusal : open.check->report();
  const auto document = report.document(intake.name);
  const bool folder = intake.source == IntakeSource::folder;
  const auto paths = config_.paths;
  if (folder && !open.moved) {
    const auto moved = co_await doors_.file_worker.run(
        [&files = doors_.files, paths, id = intake.id, name = intake.name, &document]() -> Result<std::string> {
          if (auto removed = remove_unpacked(files, paths.claimed(), id); !removed) return removed.error();
          return move_to_rejected(files, claimed_path(paths.claimed(), id), paths.rejected(), name, id, document);
        });
    if (!moved) {
      put_off(open, moved.error());
      co_return;
    }
    open.moved = true;
    doors_.log.warning("job.rejected", {{"file", intake.name},
                                        {"errors", report.count()},
                                        {"see", join_path(paths.rejected(), *moved + ".error.json")}});
  }
  const auto removed =
      co_await doors_.file_worker.run([&files = doors_.files, paths, id = intake.id, source = intake.source] {
        return remove_leftovers(files, paths.claimed(), id, source);
      });
  if (!removed) doors_.log.warning("intake.not_cleaned", {{"intake", intake.id}, {"error", removed.error().message}});
  if (open.stored_any) co_await discard_index(intake.id);
  co_await doors_.database.run([id = intake.id, &document](Queue& queue) { queue.reject_intake(id, document); });
  open.ended = true;
  if (!folder) doors_.log.info("job.rejected", {{"intake", intake.id}, {"errors", report.count()}});
  if (calls_.rejected) calls_.rejected(intake.id);
}

// Somebody took the file out of claimed/.
Task<> Ingester::drop(Open& open) {
  doors_.log.warning("intake.vanished", {{"intake", open.intake.id}, {"file", open.intake.name}});
  co_await drop_missing(open.intake);
  open.ended = true;
}

Task<> Ingester::discard_index(JobId id) {
  while (!co_await doors_.database.run([id](Queue& queue) { return queue.discard_index(id); })) {
  }
}

// Nothing is lost by trying again later.
void Ingester::put_off(Open& open, const Error& error) {
  ++open.tries;
  open.not_before =
      doors_.clock.steady_now() + backoff(first_backoff, std::max(config_.intake.rescan, first_backoff), open.tries, 1);
  if (open.tries == 1) {
    doors_.log.warning(
        "intake.waiting",
        {{"intake", open.intake.id}, {"file", open.intake.name}, {"error", error.message}, {"hint", error.hint}});
  }
}

// A user's file may be in the page cache only. It is synced while it is checked, on a thread of its own; a
// job is accepted when both are done.
Task<> Ingester::sync_files() {
  for (;;) {
    const auto next = std::ranges::find_if(open_, [](const auto& open) { return open->sync == SyncState::wanted; });
    if (next == open_.end()) {
      co_await sync_wanted_.wait();
      continue;
    }
    Open& open = **next;
    open.sync = SyncState::running;
    const auto id = open.intake.id;
    const auto round = open.sync_round;
    const auto claimed = config_.paths.claimed();
    const bool made_here = open.check->kind().compression != Compression::none;  // a name that no move has synced
    const auto synced =
        co_await doors_.sync_worker.run([&files = doors_.files, claimed, made_here, file = open.check->data(),
                                         original = open.check->original()]() -> Result<void> {
          if (auto done = file->sync(); !done || !made_here) return done;
          // It goes when the job is accepted, but a power cut may bring it back.
          if (auto done = original->sync(); !done) return done;
          return files.sync_folder(claimed);
        });
    // The file may have ended or started over meanwhile.
    for (const auto& now_open : open_) {
      if (now_open->intake.id != id || now_open->sync_round != round) continue;
      now_open->sync = synced ? SyncState::done : SyncState::failed;
    }
    bell_.notify();
  }
}

CheckSettings Ingester::settings() const {
  CheckSettings settings;
  settings.batch_bytes_max = config_.batch.max_bytes;
  settings.file_bytes_max = config_.intake.max_file_bytes;
  return settings;
}

}  // namespace offpeak
