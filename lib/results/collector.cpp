#include "results/collector.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/this_coro.hpp>

#include "base/backoff.hpp"
#include "base/crash_point.hpp"
#include "base/task_group.hpp"
#include "queue/result_lines.hpp"
#include "results/download_sink.hpp"

namespace offpeak {

namespace {

// Rows of one transaction: large enough to be fast, small enough that the status socket does not wait long
// behind it.
constexpr std::size_t slice_rows = 8192;
// A download is called so until it is whole and synced, or kept for what it has.
constexpr std::string_view unfinished_suffix = ".part";
constexpr Duration longest_sleep = std::chrono::hours(1);

std::vector<std::string> unfinished_names(Files& files, const std::string& folder) {
  std::vector<std::string> names;
  auto found = files.list(folder);
  if (!found) return names;
  for (auto& file : *found) {
    if (file.name.ends_with(unfinished_suffix)) names.push_back(std::move(file.name));
  }
  return names;
}

}  // namespace

Task<> Collector::run() {
  co_await remove_leftovers();
  for (int full_tries = 0;;) {
    bool full = false;
    bool found = false;
    try {
      found = co_await collect_next();
    } catch (const QueueDiskFull&) {
      full = true;
    }
    if (full) {
      ++full_tries;
      doors_.log.error("results.disk_full", {{"hint", "free some space; offpeak goes on by itself"}});
      const auto& retry = doors_.config.retry;
      co_await bells_.own.wait_for(backoff(retry.backoff, retry.max_backoff, full_tries, doors_.random.unit()));
      continue;
    }
    full_tries = 0;
    if (!found) co_await wait_for_work();
  }
}

// A crash in the middle of a download leaves a file that nothing refers to.
Task<> Collector::remove_leftovers() {
  auto remove = [files = &doors_.files, folder = doors_.config.paths.downloads()] {
    static_cast<void>(files->make_folders(folder, 0700));
    for (const auto& name : unfinished_names(*files, folder)) {
      static_cast<void>(files->remove(join_path(folder, name)));
    }
  };
  co_await doors_.file_worker.run(std::move(remove));
}

Task<bool> Collector::collect_next() {
  auto next = [now = doors_.clock.now(), longest = longest_wait(doors_.config.retry)](Queue& queue) {
    return queue.next_to_collect(now, longest);
  };
  auto batch = co_await doors_.database.run(std::move(next));
  if (!batch) co_return false;
  co_await collect_batch(std::move(*batch));
  co_return true;
}

Task<> Collector::wait_for_work() {
  auto next = [](Queue& queue) { return queue.next_collect_at(); };
  const auto at = co_await doors_.database.run(std::move(next));
  if (!at) {
    co_await bells_.own.wait();
    co_return;
  }
  // The wall clock may jump, so a long wait is looked at again.
  const auto wait = std::clamp(*at - doors_.clock.now(), Duration(1), longest_sleep);
  co_await bells_.own.wait_for(wait);
}

Task<> Collector::collect_batch(Batch batch) {
  if (batch.archived_at) {
    co_await give_up(std::move(batch));
    co_return;
  }
  auto download = co_await this->download(batch);
  ReadTally tally;
  if (download.bytes > 0 && download.end != TransferEnd::disk_full) {
    auto recorded = co_await record(batch, download);
    if (!recorded) {
      co_await try_again(std::move(batch), recorded.error().message, std::nullopt);
      co_return;
    }
    tally = std::move(*recorded);
  }
  co_await conclude(std::move(batch), std::move(download), std::move(tally));
}

Task<Collector::Download> Collector::download(Batch batch) {
  auto begin = [id = batch.id](Queue& queue) { return queue.begin_download(id); };
  Download download;
  download.number = co_await doors_.database.run(std::move(begin));
  crash_point("download_begun");
  download.path = join_path(doors_.config.paths.downloads(), download_name(batch.id, download.number));
  DownloadSink sink(doors_.files, doors_.file_worker, download.path + std::string(unfinished_suffix));
  auto called = co_await doors_.provider.results(batch.provider_id, sink);
  download.bytes = sink.bytes();
  auto finished = co_await sink.finish();
  const bool disk_full = sink.failure() && sink.failure()->kind == ErrorKind::disk_full;
  if (!called.ok()) {
    download.end = end_of(called.failure(), disk_full);
    download.problem = sink.failure() ? sink.failure()->message : called.failure().message;
    download.retry_after = called.failure().retry_after;
  } else if (!finished) {
    download.end = disk_full ? TransferEnd::disk_full : TransferEnd::cut;
    download.problem = finished.error().message;
  }
  // What is not durable must not be recorded: an outcome would outlive its bytes.
  if (!finished) download.bytes = 0;
  if (download.problem.empty() && download.end != TransferEnd::complete) download.problem = "the transfer was cut";
  co_return co_await keep(std::move(download));
}

// Whole lines of a cut transfer are as good as any: the file stays where it has some. A full disk gets its
// space back.
Task<Collector::Download> Collector::keep(Download download) {
  const bool whole = download.end == TransferEnd::complete;
  const bool wanted = whole || (download.bytes > 0 && download.end != TransferEnd::disk_full);
  auto settle = [files = &doors_.files, path = download.path, wanted]() -> Result<void> {
    const auto unfinished = path + std::string(unfinished_suffix);
    if (!wanted) return files->remove(unfinished);
    return files->move(unfinished, path);
  };
  auto settled = co_await doors_.file_worker.run(std::move(settle));
  crash_point("download_kept");
  if (!settled && wanted) {
    download.end = settled.error().kind == ErrorKind::disk_full ? TransferEnd::disk_full : TransferEnd::cut;
    download.problem = settled.error().message;
    download.bytes = 0;
  }
  co_return download;
}

Task<ReadPlan> Collector::plan_for(Batch batch, bool complete) {
  ReadPlan plan;
  plan.nonce = batch.nonce;
  plan.requests = batch.requests;
  plan.prices = doors_.prices;
  plan.complete = complete;
  plan.aside_path = join_path(doors_.config.paths.downloads(), fmt::format("{}.aside.jsonl", batch.id.value));
  auto read = [plan = std::move(plan), intent = batch.intent](Queue& queue) mutable {
    plan.assignments = queue.assignments(intent);
    for (const auto& assignment : plan.assignments) {
      if (plan.jobs.contains(assignment.range.job)) continue;
      const auto job = queue.job(assignment.range.job);
      if (!job) continue;
      const bool canceling = job->state == JobState::canceling || job->state == JobState::canceled;
      plan.jobs[job->id] = {job->max_attempts, canceling};
    }
    return std::move(plan);
  };
  co_return co_await doors_.database.run(std::move(read));
}

Task<Result<ReadTally>> Collector::record(Batch batch, Download download) {
  recorded_new_ = false;
  auto plan = co_await plan_for(batch, download.end == TransferEnd::complete);
  auto open = [files = &doors_.files, path = download.path, plan = std::move(plan)]() mutable -> Result<Reader> {
    auto raw = files->open(path, OpenFor::reading);
    if (!raw) return raw.error();
    return std::make_shared<DownloadReader>(*files, std::move(*raw), std::move(plan));
  };
  auto opened = co_await doors_.file_worker.run(std::move(open));
  if (!opened) co_return opened.error();
  auto read = co_await record_all(std::move(batch), download.number, *opened);
  if (!read) co_return read.error();
  if (!recorded_new_) {
    // Everything was known before: no outcome refers to this file.
    auto remove = [files = &doors_.files, path = download.path] { return files->remove(path); };
    static_cast<void>(co_await doors_.file_worker.run(std::move(remove)));
  }
  co_return (*opened)->tally();
}

// One slice is recorded while the next one is read, each on its own worker.
Task<Result<void>> Collector::record_all(Batch batch, std::uint32_t download, Reader reader) {
  TaskGroup ahead(co_await boost::asio::this_coro::executor);
  auto slice = std::make_shared<Slice>();
  co_await read_slice(reader, slice);
  while (slice->problem.message.empty()) {
    const bool last = slice->at_end;
    const bool some_ours = !slice->rows.empty();
    const auto next = std::make_shared<Slice>();
    if (!last) ahead.spawn("read ahead", read_slice(reader, next));
    std::exception_ptr failure;
    try {
      co_await record_slice(batch, download, std::move(slice->rows));
    } catch (...) {
      failure = std::current_exception();
    }
    // Canceled or not, what was spawned ends before this frame does; it never takes longer than a slice.
    co_await boost::asio::this_coro::throw_if_cancelled(false);
    co_await ahead.join();
    co_await boost::asio::this_coro::throw_if_cancelled(true);
    if (failure) std::rethrow_exception(failure);
    if (last) co_return Result<void>();
    batch.proven = batch.proven || some_ours;
    slice = next;
  }
  co_return slice->problem;
}

Task<> Collector::read_slice(Reader reader, std::shared_ptr<Slice> slice) {
  auto next = [reader] {
    Slice read;
    if (auto rows = reader->next(slice_rows)) {
      read.rows = std::move(*rows);
    } else {
      read.problem = rows.error();
    }
    read.at_end = reader->at_end();
    return read;
  };
  *slice = co_await doors_.file_worker.run(std::move(next));
}

Task<> Collector::record_slice(Batch batch, std::uint32_t download, std::vector<ResultRow> rows) {
  if (rows.empty()) co_return;
  auto record = [id = batch.id, prove = !batch.proven, download, rows = std::move(rows),
                 now = doors_.clock.now()](Queue& queue) {
    // A line that carries our nonce: this batch is ours.
    if (prove) queue.prove_batch(id);
    return queue.record_results(id, download, rows, now);
  };
  const auto recorded = co_await doors_.database.run(std::move(record));
  crash_point("results_recorded");
  recorded_new_ = recorded_new_ || recorded.recorded > 0;
}

}  // namespace offpeak
