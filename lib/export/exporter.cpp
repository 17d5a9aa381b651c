#include "export/exporter.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/this_coro.hpp>

#include "base/backoff.hpp"
#include "base/crash_point.hpp"
#include "base/task_group.hpp"
#include "export/export_group.hpp"
#include "export/summary.hpp"
#include "queue/late_bytes.hpp"

namespace offpeak {

Task<> Exporter::run() {
  co_await remove_leftovers();
  for (;;) {
    bool finished_some = false;
    bool full = false;
    try {
      finished_some = co_await export_ready();
    } catch (const QueueDiskFull&) {
      full = true;
    }
    if (full && !disk_full_since_) disk_full_since_ = doors_.clock.now();
    if (!full) disk_full_since_.reset();
    full_tries_ = full ? full_tries_ + 1 : 0;
    if (full) {
      co_await bell_.wait_for(pause_after(full_tries_));
    } else if (!finished_some) {
      co_await bell_.wait_until(next_due());
    }
  }
}

Duration Exporter::pause_after(int tries) {
  const auto& retry = doors_.config.retry;
  return std::max(Duration(1), backoff(retry.backoff, retry.max_backoff, tries, doors_.random.unit()));
}

// Whoever rings meanwhile, a job that could not be written waits its time.
SteadyTime Exporter::next_due() const {
  auto due = doors_.clock.steady_now() + longest_idle_wait;
  for (const auto& [job, at] : not_before_) due = std::min(due, at);
  return due;
}

bool Exporter::is_left_alone(const Job& job) const {
  const auto stuck = stuck_.find(job.id);
  if (stuck != stuck_.end() && stuck->second == job.state) return true;
  const auto waits = not_before_.find(job.id);
  return waits != not_before_.end() && waits->second > doors_.clock.steady_now();
}

// Half-written folders of a run that was killed.
Task<> Exporter::remove_leftovers() {
  auto remove = [files = &doors_.files, folder = doors_.config.paths.results()] {
    static_cast<void>(files->make_folders(folder, 02750));
    auto found = files->list(folder);
    if (!found) return;
    for (const auto& entry : *found) {
      if (is_unfinished_folder_name(entry.name)) static_cast<void>(files->remove_tree(join_path(folder, entry.name)));
    }
  };
  co_await doors_.file_worker.run(std::move(remove));
}

// One job on its way.
struct Exporter::Export {
  Job job;
  JobTallies tallies;
  std::vector<Batch> batches;
  std::shared_ptr<ResultsWriter> writer;
  std::optional<Instant> exported_before;  // its results stand there already, complete
  Instant done_at{};
  std::optional<TakenFile> taken;
  std::string summary;
  Result<void> written;
};

// File worker. What came behind a job's back is said in the job.
void Exporter::note_change(Files& files, const std::string& claimed, Export& one) {
  if (!one.taken) return;
  const auto changed = changed_since_taken(files, claimed, one.job, *one.taken);
  if (changed.empty()) return;
  one.job.file_changed = true;
  one.job.reason = changed;
}

// True where a job was finished: there may be more behind the first hundred.
Task<bool> Exporter::export_ready() {
  auto read = [](const Queue& queue) { return queue.jobs_to_export(); };
  auto jobs = co_await doors_.database.read(std::move(read));
  forget_gone(jobs);
  bool finished_some = false;
  for (auto next = jobs.begin(); next != jobs.end();) {
    const auto exports = std::make_shared<std::vector<Export>>();
    ExportGroup group;
    for (; next != jobs.end() && group.takes(next->requests); ++next) {
      if (is_left_alone(*next)) continue;
      auto written = co_await write(*next);
      group.add(next->requests, written.writer->bytes());
      exports->push_back(std::move(written));
    }
    const bool finished = co_await conclude(exports);
    finished_some = finished_some || finished;
  }
  co_return finished_some;
}

// All but the last step of each, which they take together.
Task<Exporter::Export> Exporter::write(Job job) {
  const auto window = std::make_shared<ResultWindow>();
  const auto one = std::make_shared<Export>();
  one->job = job;
  one->writer = std::make_shared<ResultsWriter>(doors_.files, places(), job);
  auto read = [window, one](const Queue& queue) {
    *window = read_result_window(queue, one->job.id, 0, result_window_requests);
    one->tallies = queue.tallies(one->job.id);
    one->batches = queue.batches_of(one->job.id);
    one->taken = queue.taken_file(one->job.id);
  };
  co_await doors_.database.read(std::move(read));
  auto begin = [files = &doors_.files, folder = doors_.config.paths.results(), claimed = doors_.config.paths.claimed(),
                one] {
    note_change(*files, claimed, *one);
    one->exported_before = already_exported(*files, folder, one->job, one->tallies, one->batches);
    if (!one->exported_before) one->written = one->writer->begin();
  };
  co_await doors_.file_worker.run(std::move(begin));
  one->done_at = one->exported_before.value_or(doors_.clock.now());
  if (one->exported_before || !one->written) co_return std::move(*one);
  one->written = co_await write_lines(one->writer, job, window);
  crash_point("lines_written");
  one->done_at = doors_.clock.now();
  one->summary = summary_json(as_finished(one->job, one->done_at), one->tallies, one->batches);
  co_return std::move(*one);
}

// One window is written while the next one is read, each on its own worker.
Task<Result<void>> Exporter::write_lines(std::shared_ptr<ResultsWriter> writer, Job job,
                                         std::shared_ptr<ResultWindow> window) {
  TaskGroup ahead(co_await boost::asio::this_coro::executor);
  for (std::int64_t behind = result_window_requests; !window->lines.empty(); behind += result_window_requests) {
    const auto next = std::make_shared<ResultWindow>();
    if (behind < job.requests) ahead.spawn("read ahead", read_window(job.id, static_cast<Seq>(behind), next));
    Result<void> written;
    std::exception_ptr failure;
    try {
      written = co_await write_window(writer, window);
    } catch (...) {
      failure = std::current_exception();
    }
    // Canceled or not, what was spawned ends before this frame does; it never takes longer than a window.
    co_await boost::asio::this_coro::throw_if_cancelled(false);
    co_await ahead.join();
    co_await boost::asio::this_coro::throw_if_cancelled(true);
    if (failure) std::rethrow_exception(failure);
    if (!written) co_return written;
    window = next;
  }
  co_return Result<void>();
}

Task<> Exporter::read_window(JobId job, Seq first, std::shared_ptr<ResultWindow> into) {
  auto read = [job, first](const Queue& queue) {
    return read_result_window(queue, job, first, result_window_requests);
  };
  *into = co_await doors_.database.read(std::move(read));
}

Task<Result<void>> Exporter::write_window(std::shared_ptr<ResultsWriter> writer,
                                          std::shared_ptr<const ResultWindow> window) {
  for (;;) {
    auto write = [writer, window] { return writer->write_some(*window); };
    auto written = co_await doors_.file_worker.run(std::move(write));
    if (!written) co_return written.error();
    if (*written) co_return Result<void>();
  }
}

// All are complete and synced before any gets its name, and all names are synced before the queue knows of one.
Task<bool> Exporter::conclude(Exports exports) {
  if (exports->empty()) co_return false;
  co_await seal(exports);
  co_await put_in_place(exports);
  crash_point("results_written");
  const bool finished_some = co_await finish(exports);
  for (auto& one : *exports) {
    if (!one.written) co_await fail(std::move(one.job), one.written.error());
  }
  co_return finished_some;
}

Task<> Exporter::seal(Exports exports) {
  TaskGroup shares(co_await boost::asio::this_coro::executor);
  const auto count = std::min(doors_.sync_workers.size(), exports->size());
  for (std::size_t share = 0; share < count; ++share) shares.spawn("seal", seal_share(exports, share));
  // Canceled or not, what was spawned ends before this frame does.
  co_await boost::asio::this_coro::throw_if_cancelled(false);
  co_await shares.join();
  co_await boost::asio::this_coro::throw_if_cancelled(true);
}

Task<> Exporter::seal_share(Exports exports, std::size_t share) {
  auto seal = [exports, share, step = doors_.sync_workers.size()] {
    for (auto place = share; place < exports->size(); place += step) {
      auto& one = (*exports)[place];
      if (one.written && !one.exported_before) one.written = one.writer->seal(one.summary);
    }
  };
  co_await doors_.sync_workers[share]->run(std::move(seal));
}

Task<> Exporter::put_in_place(Exports exports) {
  auto put = [files = &doors_.files, folder = doors_.config.paths.results(), exports] {
    for (auto& one : *exports) {
      if (one.written && !one.exported_before) one.written = one.writer->put_in_place();
    }
    // Also for what was there before: its move may have been made by a run that could not sync it.
    const auto synced = files->sync_folder(folder);
    for (auto& one : *exports) {
      if (one.written) one.written = synced;
      if (!one.written && !one.exported_before) one.writer->abandon();
    }
  };
  co_await doors_.file_worker.run(std::move(put));
}

// True where one was finished. A job that was canceled meanwhile is not: its summary would not say so, and it is
// exported again.
Task<bool> Exporter::finish(Exports exports) {
  std::vector<Job> written;
  std::vector<FinishedJob> wanted;
  for (const auto& one : *exports) {
    if (!one.written) continue;
    written.push_back(as_finished(one.job, one.done_at));
    wanted.push_back({one.job.id, written.back().state, one.done_at, one.job.file_changed ? *one.job.reason : ""});
  }
  if (wanted.empty()) co_return false;
  auto record = [wanted = std::move(wanted)](Queue& queue) { return queue.finish_jobs(wanted); };
  const auto recorded = co_await doors_.database.write(std::move(record));
  crash_point("job_finished");
  bool finished_some = false;
  for (std::size_t i = 0; i < written.size(); ++i) {
    const auto& job = written[i];
    if (!recorded[i]) continue;
    finished_some = true;
    stuck_.erase(job.id);
    end_trouble(job.id);
    doors_.log.info(job.state == JobState::done ? "job.done" : "job.canceled",
                    {{"job", job.id}, {"name", job.name}, {"requests", job.requests}});
    if (job.file_changed) {
      doors_.log.warning("job.file_changed", {{"job", job.id}, {"file", job.file}, {"reason", *job.reason}});
    }
  }
  co_return finished_some;
}

Task<> Exporter::fail(Job job, Error error) {
  const bool damaged = error.kind == ErrorKind::invalid || error.kind == ErrorKind::internal;
  if (!damaged) {
    auto& trouble = troubles_[job.id];
    if (trouble.tries++ == 0) trouble.since = doors_.clock.now();
    const auto pause = pause_after(trouble.tries);
    trouble.next_action_at = doors_.clock.now() + pause;
    not_before_[job.id] = doors_.clock.steady_now() + pause;
    trouble.what = error.message + (error.hint.empty() ? "" : " (" + error.hint + ")");
    failing_.lasts(fmt::format("job {}", job.id.value), trouble.what,
                   {{"job", job.id}, {"reason", error.message}, {"hint", error.hint}});
    co_return;
  }
  end_trouble(job.id);
  const auto reason = error.message + (error.hint.empty() ? "" : " (" + error.hint + ")");
  auto hold = [id = job.id, reason](Queue& queue) {
    static_cast<void>(queue.hold_job(id, reason));
    const auto held = queue.job(id);
    return held ? held->state : JobState::held;
  };
  stuck_[job.id] = co_await doors_.database.write(std::move(hold));
  doors_.log.error("export.damaged", {{"job", job.id}, {"reason", error.message}, {"hint", error.hint}});
}

void Exporter::end_trouble(JobId job) {
  troubles_.erase(job);
  not_before_.erase(job);
  failing_.ended(fmt::format("job {}", job.value));
}

// A job may end in another way than by being written. Behind the first hundred, nobody knows.
void Exporter::forget_gone(const std::vector<Job>& jobs) {
  std::vector<JobId> gone;
  for (const auto& [id, trouble] : troubles_) {
    if (std::ranges::none_of(jobs, [&](const Job& job) { return job.id == id; })) gone.push_back(id);
  }
  for (const auto id : gone) end_trouble(id);
}

ExportPlaces Exporter::places() const {
  const auto& paths = doors_.config.paths;
  return {{paths.claimed(), paths.downloads()}, paths.results()};
}

}  // namespace offpeak
