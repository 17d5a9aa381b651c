#include "results/collector.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/this_coro.hpp>

#include "base/backoff.hpp"
#include "base/crash_point.hpp"
#include "base/task_group.hpp"
#include "queue/result_lines.hpp"

namespace offpeak {

namespace {

// Rows of one transaction: large enough to be fast, small enough that the status socket does not wait long
// behind it.
constexpr std::size_t slice_rows = 8192;
constexpr Duration longest_sleep = std::chrono::hours(1);

std::vector<std::string> unfinished_names(Files& files, const std::string& folder) {
  std::vector<std::string> names;
  auto found = files.list(folder);
  if (!found) return names;
  for (auto& file : *found) {
    if (file.name.ends_with(ResultsTransfer::unfinished_suffix)) names.push_back(std::move(file.name));
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

// What has arrived is recorded while the rest arrives.
Task<> Collector::collect_batch(Batch batch) {
  if (batch.archived_at) {
    co_await give_up(std::move(batch));
    co_return;
  }
  const auto executor = co_await boost::asio::this_coro::executor;
  ResultsTransfer transfer(executor, {doors_.database, doors_.provider, doors_.files, doors_.file_worker, doors_.clock},
                           {doors_.config.paths.downloads(), file_bytes_}, batch);
  TaskGroup beside(executor);
  beside.spawn("download results", transfer.run());
  Result<ReadTally> recorded = ReadTally();
  std::exception_ptr thrown;
  try {
    recorded = co_await record_arriving(batch, transfer);
  } catch (...) {
    thrown = std::current_exception();
  }
  if (thrown || !recorded) beside.cancel();
  // Canceled or not, what was spawned ends before this frame does.
  co_await boost::asio::this_coro::throw_if_cancelled(false);
  co_await beside.join();
  co_await boost::asio::this_coro::throw_if_cancelled(true);
  // Somebody who waits for space may need that of what will be downloaded again.
  if (thrown || !recorded) co_await transfer.drop_rest();
  if (thrown) std::rethrow_exception(thrown);
  if (!recorded) {
    co_await try_again(std::move(batch), recorded.error().message, std::nullopt);
    co_return;
  }
  Download download{transfer.end(), transfer.problem(), transfer.retry_after()};
  co_await conclude(std::move(batch), std::move(download), std::move(*recorded));
}

Task<Result<ReadTally>> Collector::record_arriving(Batch batch, ResultsTransfer& transfer) {
  Reader reader;
  while (auto file = co_await transfer.next()) {
    auto plan = co_await plan_for(batch);
    if (reader) {
      reader->use(std::move(plan.jobs));
    } else {
      reader = std::make_shared<DownloadReader>(doors_.files, std::move(plan));
    }
    auto recorded = co_await record_file(batch, std::move(*file), reader);
    if (!recorded) co_return recorded.error();
    batch.proven = batch.proven || reader->tally().own > 0;
  }
  co_return reader ? reader->tally() : ReadTally();
}

Task<ReadPlan> Collector::plan_for(Batch batch) {
  ReadPlan plan;
  plan.nonce = batch.nonce;
  plan.requests = batch.requests;
  plan.prices = doors_.prices;
  plan.aside_path = join_path(doors_.config.paths.downloads(), aside_name(batch.id));
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

Task<Result<void>> Collector::record_file(Batch batch, DownloadFile file, Reader reader) {
  recorded_new_ = false;
  auto open = [files = &doors_.files, file, reader]() -> Result<void> {
    auto raw = files->open(file.path, OpenFor::reading);
    if (!raw) return raw.error();
    reader->begin(std::move(*raw), file.complete);
    return {};
  };
  auto read = co_await doors_.file_worker.run(std::move(open));
  if (read) read = co_await record_all(std::move(batch), file.number, reader);
  if (!recorded_new_) {
    // Nothing of it was new: no outcome refers to this file.
    auto remove = [files = &doors_.files, path = file.path] { return files->remove(path); };
    static_cast<void>(co_await doors_.file_worker.run(std::move(remove)));
  }
  co_return read;
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
