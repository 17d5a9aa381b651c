#include "daemon/stages.hpp"

#include <utility>

namespace offpeak {

namespace {

constexpr Duration disk_full_pause = std::chrono::seconds(5);

}  // namespace

Stages::Stages(const StageDoors& doors, std::function<void()> intake_settled)
    : doors_(doors),
      paced_(doors.provider, doors.clock, doors.random),
      provider_(paced_),
      watcher_(doors.clock, doors.log, doors.bells.of(Stage::ingest), doors.config.paths.incoming(), doors.config.intake.rescan),
      ingester_({doors.clock, doors.files, doors.file_worker, doors.sync_worker, doors.database, doors.log},
                doors.executor, doors.config, doors.bells.of(Stage::ingest), ingest_calls(std::move(intake_settled))),
      guard_({doors.database, paced_, provider_, doors.clock, doors.random, doors.log, doors.config},
             doors.bells.of(Stage::guard)),
      packer_(doors.database, provider_, doors.clock, doors.random, doors.log, doors.config, doors.bells.of(Stage::pack)),
      submitter_(doors.database, provider_, doors.files, doors.file_worker, doors.clock, doors.random, doors.log,
                 doors.config, doors.bells.of(Stage::submit)),
      settler_(doors.database, provider_, doors.clock, doors.log, doors.config, doors.bells.of(Stage::settle)),
      poller_({doors.database, provider_, doors.clock, doors.random, doors.log, doors.config},
              doors.bells.of(Stage::poll)),
      collector_({doors.database, provider_, doors.files, doors.file_worker, doors.read_worker, doors.clock,
                  doors.random, doors.log, doors.config, doors.prices},
                 doors.bells.of(Stage::collect), doors.result_file_bytes),
      claimer_({doors.database, provider_, doors.files, doors.file_worker, doors.clock, doors.random, doors.log,
                doors.config},
               doors.bells.of(Stage::claim)),
      exporter_({doors.database, doors.files, doors.file_worker, doors.results_sync_workers, doors.clock, doors.random,
                 doors.log, doors.config},
                doors.bells.of(Stage::exporting)),
      retention_({doors.database, doors.files, doors.file_worker, doors.clock, doors.log, doors.config},
                 doors.bells.of(Stage::retention)) {}

IngestCalls Stages::ingest_calls(std::function<void()> intake_settled) {
  const auto settled = [call = std::move(intake_settled)] {
    if (call) call();
  };
  IngestCalls calls;
  calls.take_moved_in = [this] { return watcher_.take_moved_in(); };
  calls.accepted = [settled](JobId) { settled(); };
  calls.rejected = [settled](JobId) { settled(); };
  calls.writers = [this](const std::string& name) { return watcher_.writers(name); };
  return calls;
}

Task<> Stages::recover() {
  const auto started = doors_.clock.now();
  co_await doors_.database.run([started](Queue& queue) { queue.recover(started); });
  co_await ingester_.recover();
}

void Stages::spawn(TaskGroup& group) {
  group.spawn("watch", watcher_.run());
  group.spawn("ingest", keep_running(ingester_));
  group.spawn("guard", guard_then_pack(group));
  group.spawn("submit", keep_running(submitter_));
  group.spawn("poll", keep_running(poller_));
  group.spawn("results", keep_running(collector_));
  group.spawn("claim", keep_running(claimer_));
  group.spawn("export", keep_running(exporter_));
  group.spawn("retention", keep_running(retention_));
}

// A full disk pauses a stage; it goes on by itself. Any other failure of the database ends the daemon.
template <class Stage>
Task<> Stages::keep_running(Stage& stage) {
  for (;;) {
    std::string full;
    try {
      disk_full_ = false;
      co_await stage.run();
      co_return;
    } catch (const QueueDiskFull& error) {
      full = error.what();
    }
    disk_full_ = true;
    doors_.log.error("disk.full", {{"message", full}, {"act", "free some space; offpeak goes on by itself"}});
    co_await sleep_for(doors_.clock, disk_full_pause);
  }
}

Task<> Stages::guard_then_pack(TaskGroup& group) {
  co_await guard_.pass();
  group.spawn("pack", keep_running(packer_));
  // What it adopts is the newest known: before the list was compared, batches below would never be looked at.
  group.spawn("settle", keep_running(settler_));
  co_await guard_.watch();
}

std::optional<std::string> Stages::trouble() const {
  if (disk_full_) return "the disk is full; free some space, offpeak goes on by itself";
  if (guard_.waiting()) return "waiting for " + guard_.waiting()->what;
  return std::nullopt;
}

}  // namespace offpeak
