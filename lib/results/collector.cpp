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
      if (!disk_full_since_) disk_full_since_ = doors_.clock.now();
      full_.lasts("results", "", {{"hint", "free some space; offpeak goes on by itself"}});
      const auto& retry = doors_.config.retry;
      co_await bell_.wait_for(backoff(retry.backoff, retry.max_backoff, full_tries, doors_.random.unit()));
      continue;
    }
    full_tries = 0;
    disk_full_since_.reset();
    full_.ended("results");
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
  auto next = [now = doors_.clock.now(), longest = longest_wait(doors_.config.retry)](const Queue& queue) {
    return queue.next_to_collect(now, longest);
  };
  auto batch = co_await doors_.database.read(std::move(next));
  if (!batch) co_return false;
  co_await collect_batch(std::move(*batch));
  co_return true;
}

Task<> Collector::wait_for_work() {
  auto next = [](const Queue& queue) { return queue.next_collect_at(); };
  const auto at = co_await doors_.database.read(std::move(next));
  if (!at) {
    co_await bell_.wait_for(longest_idle_wait);
    co_return;
  }
  // The wall clock may jump, so a long wait is looked at again.
  const auto wait = std::clamp(*at - doors_.clock.now(), Duration(1), longest_sleep);
  co_await bell_.wait_for(wait);
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
  ArrivingRows rows(executor, {doors_.database, doors_.files, doors_.read_worker, doors_.clock}, transfer, batch.intent,
                    plan_for(batch));
  TaskGroup beside(executor);
  beside.spawn("download results", transfer.run());
  beside.spawn("read results", rows.run());
  Result<void> recorded;
  std::exception_ptr thrown;
  try {
    recorded = co_await record_arriving(batch, rows, transfer);
    if (recorded) co_await beside.join();
  } catch (...) {
    thrown = std::current_exception();
  }
  if (thrown || !recorded) beside.cancel();
  // Canceled or not, what was spawned ends before this frame does.
  co_await boost::asio::this_coro::throw_if_cancelled(false);
  try {
    co_await beside.join();
  } catch (const std::exception&) {
    // It is thrown already; or, beside a file that cannot be read, it is met again when all is tried again.
  }
  co_await boost::asio::this_coro::throw_if_cancelled(true);
  // Somebody who waits for space may need that of what will be downloaded again.
  if (thrown || !recorded) co_await transfer.drop_rest();
  if (thrown) std::rethrow_exception(thrown);
  if (!recorded) {
    co_await try_again(std::move(batch), recorded.error().message, std::nullopt);
    co_return;
  }
  Download download{transfer.end(), transfer.problem(), transfer.retry_after()};
  co_await conclude(std::move(batch), std::move(download), rows.tally());
}

ReadPlan Collector::plan_for(const Batch& batch) const {
  ReadPlan plan;
  plan.nonce = batch.nonce;
  plan.requests = batch.requests;
  plan.prices = doors_.prices;
  plan.others_succeeded = batch.succeeded > 0;
  const auto doubts = doubts_.find(batch.id);
  plan.take_unreadable = doubts != doubts_.end() && doubts->second.downloads + 1 >= doubts->second.needed;
  plan.aside_path = join_path(doors_.config.paths.downloads(), aside_name(batch.id));
  return plan;
}

Task<Result<void>> Collector::record_arriving(Batch batch, ArrivingRows& rows, ResultsTransfer& transfer) {
  bool new_of_file = false;
  while (auto slice = co_await rows.next()) {
    const bool some_ours = !slice->rows.empty();
    if (some_ours) {
      transfer.refer_to(slice->file);
      const auto recorded = co_await record_slice(batch, slice->file.number, std::move(slice->rows));
      new_of_file = new_of_file || recorded.recorded > 0;
    }
    batch.proven = batch.proven || some_ours;
    const bool failed = !slice->problem.message.empty();
    if (!slice->ends_file && !failed) continue;
    // Where nothing of it was new, no outcome refers to this file.
    if (!new_of_file) co_await remove(std::move(slice->file));
    new_of_file = false;
    if (failed) co_return slice->problem;
  }
  co_return Result<void>();
}

Task<RecordedResults> Collector::record_slice(Batch batch, std::uint32_t download, std::vector<ResultRow> rows) {
  auto record = [id = batch.id, prove = !batch.proven, download, rows = std::move(rows),
                 now = doors_.clock.now()](Queue& queue) {
    // A line that carries our nonce: this batch is ours.
    if (prove) queue.prove_batch(id);
    return queue.record_results(id, download, rows, now);
  };
  const auto recorded = co_await doors_.database.write(std::move(record));
  crash_point("results_recorded");
  co_return recorded;
}

Task<> Collector::remove(DownloadFile file) {
  auto remove = [files = &doors_.files, path = std::move(file.path)] { return files->remove(path); };
  static_cast<void>(co_await doors_.file_worker.run(std::move(remove)));
}

}  // namespace offpeak
