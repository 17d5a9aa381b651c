#include "retention/retention.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/crash_point.hpp"
#include "queue/result_lines.hpp"

namespace offpeak {

namespace {

constexpr std::uint32_t rows_a_slice = 2000;
constexpr std::uint32_t pages_a_slice = 128;
constexpr Duration pause_between_slices = std::chrono::milliseconds(20);

}  // namespace

Duration round_interval(Duration jobs_kept) {
  return std::clamp<Duration>(jobs_kept / 8, std::chrono::seconds(1), std::chrono::hours(1));
}

Task<> Retention::run() {
  for (;;) {
    co_await purge_rejected();
    if (co_await purge_jobs() && co_await purge_batches()) co_await give_space_back();
    co_await own_.wait_for(round_interval(doors_.config.retention.jobs));
  }
}

// False where a file could not be removed: the round ends, the next one tries again.
Task<bool> Retention::purge_jobs() {
  co_await purge_rows();  // what a crash left
  for (;;) {
    const auto now = doors_.clock.now();
    auto next = [before = now - doors_.config.retention.jobs, now](const Queue& queue) {
      return queue.next_to_purge(before, now);
    };
    auto job = co_await doors_.database.read(std::move(next));
    if (!job) co_return true;
    if (!co_await purge_job(std::move(*job))) co_return false;
    co_await purge_rows();
  }
}

Task<bool> Retention::purge_job(PurgeableJob job) {
  const auto claimed = doors_.config.paths.claimed();
  // What was dropped, and what it was unpacked to.
  std::vector<std::string> paths{join_path(claimed, fmt::format("{}", job.id.value)),
                                 join_path(claimed, job.data_name)};
  if (!co_await remove(claimed, std::move(paths))) co_return false;
  crash_point("bytes_purged");
  auto purge = [id = job.id, now = doors_.clock.now()](Queue& queue) { queue.purge_job(id, now); };
  co_await doors_.database.write(std::move(purge));
  doors_.log.info("job.purged", {{"job", job.id}});
  co_return true;
}

Task<> Retention::purge_rows() {
  for (;;) {
    auto purge = [](Queue& queue) { return queue.purge_rows(rows_a_slice); };
    if (!co_await doors_.database.write(std::move(purge))) co_return;
    co_await let_others_in();
  }
}

// The records; what is in rejected/ is the user's.
Task<> Retention::purge_rejected() {
  for (;;) {
    auto purge = [before = doors_.clock.now() - doors_.config.retention.jobs](Queue& queue) {
      return queue.purge_rejected(before, rows_a_slice);
    };
    if (!co_await doors_.database.write(std::move(purge))) co_return;
    co_await let_others_in();
  }
}

Task<bool> Retention::purge_batches() {
  for (;;) {
    const auto now = doors_.clock.now();
    auto read = [now](const Queue& queue) { return queue.batches_to_purge(now); };
    auto batches = co_await doors_.database.read(std::move(read));
    std::vector<std::string> paths;
    for (const auto& batch : batches) {
      const auto folder = doors_.config.paths.downloads();
      for (std::uint32_t n = 1; n <= batch.downloads; ++n)
        paths.push_back(join_path(folder, download_name(batch.id, n)));
      paths.push_back(join_path(folder, aside_name(batch.id)));
    }
    if (!co_await remove(doors_.config.paths.downloads(), std::move(paths))) co_return false;
    auto purge = [batches = std::move(batches), now](Queue& queue) { return queue.purge_batches(batches, now); };
    if (!co_await doors_.database.write(std::move(purge))) co_return true;
    co_await let_others_in();
  }
}

Task<> Retention::give_space_back() {
  for (;;) {
    auto give = [](Queue& queue) { return queue.give_space_back(pages_a_slice); };
    if (!co_await doors_.database.write(std::move(give))) co_return;
    co_await let_others_in();
  }
}

// Durably: a file that a power cut brought back would be one that no row knows.
Task<bool> Retention::remove(std::string folder, std::vector<std::string> paths) {
  auto remove = [files = &doors_.files, folder = std::move(folder), paths = std::move(paths)]() -> Result<void> {
    for (const auto& path : paths) {
      if (auto removed = files->remove(path); !removed) return removed;
    }
    return paths.empty() ? Result<void>() : files->sync_folder(folder);
  };
  const auto removed = co_await doors_.file_worker.run(std::move(remove));
  if (removed) co_return true;
  doors_.log.warning("purge.failed", {{"reason", removed.error().message},
                                      {"hint", "look at the permissions of the spool; offpeak tries again by itself"}});
  co_return false;
}

Task<> Retention::let_others_in() { co_await sleep_for(doors_.clock, pause_between_slices); }

}  // namespace offpeak
