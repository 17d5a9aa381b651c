#include <algorithm>
#include <utility>

#include "base/crash_point.hpp"
#include "ingest/ingester.hpp"
#include "ingest/open_intake.hpp"
#include "ingest/recovered.hpp"
#include "ingest/spool.hpp"

namespace offpeak {

namespace {

// Removes what crashes left, and says what the state does not know and which ids are taken.
Result<ClaimedFolder> clean_claimed(Files& files, const PathsConfig& paths, const KnownClaims& known) {
  const auto listed = files.list(paths.claimed());
  if (!listed) return listed.error();
  std::set<std::string> names;
  for (const auto& info : *listed) names.insert(info.name);
  auto folder = sort_claimed(names, known);
  for (const auto& name : folder.left_over) {
    if (auto removed = files.remove(join_path(paths.claimed(), name)); !removed) return removed.error();
  }
  // A folder that is not there yet holds no results.
  if (const auto results = files.list(paths.results())) {
    for (const auto& info : *results) {
      if (const auto id = id_of_results(info.name)) folder.ids.insert(id);
    }
  }
  return folder;
}

Result<std::string> read_head(Files& files, const std::string& path) {
  auto file = files.open(path, OpenFor::reading);
  if (!file) return file.error();
  std::string head(recovered_head_bytes, '\0');
  std::size_t filled = 0;
  while (filled < head.size()) {
    const auto got = (*file)->read_at(std::span(head).subspan(filled), filled);
    if (!got) return got.error();
    if (*got == 0) break;
    filled += *got;
  }
  head.resize(filled);
  return head;
}

}  // namespace

Task<> Ingester::recover() {
  const auto intakes = co_await doors_.database.read([](const Queue& queue) { return queue.intakes(); });
  const auto claimed = config_.paths.claimed();
  co_await recover_unknown();
  for (const auto& intake : intakes) {
    if (intake.source != IntakeSource::socket || intake.state != IntakeState::claiming) continue;
    // Its client is gone, and the upload is not whole.
    const auto path = claimed_path(claimed, intake.id);
    const auto removed = co_await doors_.file_worker.run([&files = doors_.files, path, claimed]() -> Result<void> {
      if (auto gone = files.remove(path); !gone) return gone;
      return files.sync_folder(claimed);  // before somebody else gets its id
    });
    if (!removed) continue;
    co_await doors_.database.write([id = intake.id](Queue& queue) { queue.forget_intake(id); });
  }
  recovered_ = true;
}

// What a state that was put back has forgotten comes in again, under new ids, before anything else takes an id.
Task<> Ingester::recover_unknown() {
  const auto known = co_await doors_.database.read([](const Queue& queue) { return queue.known_claims(); });
  const auto found = co_await doors_.file_worker.run(
      [&files = doors_.files, paths = config_.paths, known] { return clean_claimed(files, paths, known); });
  if (!found) {
    doors_.log.warning("intake.not_cleaned", {{"error", found.error().message}});
    co_return;
  }
  ids_on_disk_ = found->ids;
  co_await doors_.database.write([&ids = ids_on_disk_, unknown = !found->unknown.empty(),
                                  now = doors_.clock.now()](Queue& queue) { queue.skip_job_ids(ids, unknown, now); });
  for (const auto& unknown : found->unknown) co_await take_in_again(unknown.id, unknown.file);
}

// First the row, then the move: where one of them is missing after a crash, the next start finds the file again.
Task<> Ingester::take_in_again(JobId old, std::string file) {
  const auto from = join_path(config_.paths.claimed(), file);
  const auto head = co_await doors_.file_worker.run([&files = doors_.files, from] { return read_head(files, from); });
  if (!head) {
    doors_.log.error("intake.unknown_file", {{"file", from}, {"error", head.error().message}});
    co_return;
  }
  const auto name = recovered_name(old, *head);
  IntakeOverrides overrides;
  // Where others make batches, too, nothing tells that its requests were not sent already.
  if (!config_.provider.exclusive) overrides.hold = true;
  const auto id = co_await doors_.database.write([name, overrides, now = doors_.clock.now()](Queue& queue) {
    return queue.announce_intake(IntakeSource::folder, name, overrides, now);
  });
  crash_point("recovered_announced");
  const auto to = claimed_path(config_.paths.claimed(), id);
  const auto moved =
      co_await doors_.file_worker.run([&files = doors_.files, from, to] { return files.move_new(from, to); });
  if (!moved) {
    co_await doors_.database.write([id](Queue& queue) { queue.retire_intake(id); });
    doors_.log.error("intake.unknown_file", {{"file", from}, {"error", moved.error().message}});
    co_return;
  }
  crash_point("recovered_moved");
  co_await doors_.database.write([id](Queue& queue) { queue.intake_in_claimed(id); });
  doors_.log.warning("intake.recovered", {{"file", from},
                                          {"job", id},
                                          {"name", name},
                                          {"held", overrides.hold.value_or(false)},
                                          {"why", "the state does not know it: it was put back to before this file"}});
}

}  // namespace offpeak
