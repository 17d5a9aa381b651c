#include "export/exporter.hpp"

#include <algorithm>
#include <boost/asio/this_coro.hpp>

#include "base/backoff.hpp"
#include "base/crash_point.hpp"
#include "base/task_group.hpp"
#include "export/summary.hpp"

namespace offpeak {

Task<> Exporter::run() {
  co_await remove_leftovers();
  for (;;) {
    bool finished_some = false;
    bool full = false;
    const int failures_before = failures_;
    try {
      finished_some = co_await export_ready();
    } catch (const QueueDiskFull&) {
      full = true;
    }
    if (full) ++failures_;
    if (failures_ > failures_before) {
      const auto& retry = doors_.config.retry;
      co_await bells_.own.wait_for(backoff(retry.backoff, retry.max_backoff, failures_, doors_.random.unit()));
    } else if (!finished_some) {
      failures_ = 0;
      co_await bells_.own.wait();
    }
  }
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

// True where a job was finished: there may be more behind the first hundred.
Task<bool> Exporter::export_ready() {
  auto read = [](Queue& queue) { return queue.jobs_to_export(); };
  auto jobs = co_await doors_.database.run(std::move(read));
  bool finished_some = false;
  for (auto& job : jobs) {
    const auto stuck = stuck_.find(job.id);
    if (stuck != stuck_.end() && stuck->second == job.state) continue;
    const bool finished = co_await export_job(std::move(job));
    finished_some = finished_some || finished;
  }
  co_return finished_some;
}

Task<bool> Exporter::export_job(Job job) {
  auto read = [id = job.id](Queue& queue) { return Facts{queue.tallies(id), queue.batches_of(id)}; };
  auto facts = co_await doors_.database.run(std::move(read));
  if (const auto done_at = co_await exported_before(job, facts)) co_return co_await finish(job, *done_at);
  auto written = co_await write(job, std::move(facts));
  if (!written) {
    co_await fail(std::move(job), written.error());
    co_return false;
  }
  crash_point("results_written");
  co_return co_await finish(std::move(job), *written);
}

Task<std::optional<Instant>> Exporter::exported_before(Job job, Facts facts) {
  auto look = [files = &doors_.files, folder = doors_.config.paths.results(), job = std::move(job),
               facts = std::move(facts)] {
    auto done_at = already_exported(*files, folder, job, facts.tallies, facts.batches);
    // The move may have been made by a run that could not sync it.
    if (done_at && !files->sync_folder(folder)) done_at.reset();
    return done_at;
  };
  co_return co_await doors_.file_worker.run(std::move(look));
}

Task<Result<Instant>> Exporter::write(Job job, Facts facts) {
  const auto writer = std::make_shared<ResultsWriter>(doors_.files, places(), job);
  auto written = co_await write_lines(writer, job);
  crash_point("lines_written");
  const auto done_at = doors_.clock.now();
  if (written) {
    auto seal = [writer, summary = summary_json(as_finished(job, done_at), facts.tallies, facts.batches)] {
      return writer->finish(summary);
    };
    written = co_await doors_.file_worker.run(std::move(seal));
  }
  if (written) co_return done_at;
  auto abandon = [writer] { writer->abandon(); };
  co_await doors_.file_worker.run(std::move(abandon));
  co_return written.error();
}

// One window is written while the next one is read, each on its own worker.
Task<Result<void>> Exporter::write_lines(std::shared_ptr<ResultsWriter> writer, Job job) {
  auto begin = [writer] { return writer->begin(); };
  auto begun = co_await doors_.file_worker.run(std::move(begin));
  if (!begun) co_return begun;
  TaskGroup ahead(co_await boost::asio::this_coro::executor);
  auto window = std::make_shared<ResultWindow>();
  co_await read_window(job.id, 0, window);
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
  auto read = [job, first](Queue& queue) { return read_result_window(queue, job, first, result_window_requests); };
  *into = co_await doors_.database.run(std::move(read));
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

// False where the job was canceled meanwhile: its summary would not say so, and it is exported again.
Task<bool> Exporter::finish(Job job, Instant done_at) {
  const auto finished = as_finished(job, done_at);
  auto record = [id = job.id, state = finished.state, done_at](Queue& queue) {
    const auto now = queue.job(id);
    if (!now || !may_change(now->state, state)) return false;
    queue.finish_job(id, state, done_at);
    return true;
  };
  const bool recorded = co_await doors_.database.run(std::move(record));
  crash_point("job_finished");
  if (!recorded) {
    bells_.own.notify();
    co_return false;
  }
  stuck_.erase(job.id);
  doors_.log.info(finished.state == JobState::done ? "job.done" : "job.canceled",
                  {{"job", job.id}, {"name", job.name}, {"requests", job.requests}});
  bells_.jobs_changed.notify();
  co_return true;
}

Task<> Exporter::fail(Job job, Error error) {
  const bool damaged = error.kind == ErrorKind::invalid || error.kind == ErrorKind::internal;
  if (!damaged) {
    ++failures_;
    doors_.log.error("export.failed", {{"job", job.id}, {"reason", error.message}, {"hint", error.hint}});
    co_return;
  }
  const auto reason = error.message + (error.hint.empty() ? "" : " (" + error.hint + ")");
  auto hold = [id = job.id, reason](Queue& queue) {
    static_cast<void>(queue.hold_job(id, reason));
    const auto held = queue.job(id);
    return held ? held->state : JobState::held;
  };
  stuck_[job.id] = co_await doors_.database.run(std::move(hold));
  doors_.log.error("export.damaged", {{"job", job.id}, {"reason", error.message}, {"hint", error.hint}});
  bells_.jobs_changed.notify();
}

ExportPlaces Exporter::places() const {
  const auto& paths = doors_.config.paths;
  return {{paths.claimed(), paths.downloads()}, paths.results()};
}

}  // namespace offpeak
