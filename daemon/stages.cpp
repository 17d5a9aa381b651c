#include "daemon/stages.hpp"

#include <utility>

namespace offpeak {

namespace {

constexpr Duration disk_full_pause = std::chrono::seconds(5);

}  // namespace

Stages::Stages(const StageDoors& doors, std::function<void()> intake_settled)
    : doors_(doors),
      provider_(doors.provider, doors.clock, doors.random),
      ingest_bell_(doors.clock, doors.executor),
      pack_bell_(doors.clock, doors.executor),
      submit_bell_(doors.clock, doors.executor),
      settle_bell_(doors.clock, doors.executor),
      poll_bell_(doors.clock, doors.executor),
      collect_bell_(doors.clock, doors.executor),
      claim_bell_(doors.clock, doors.executor),
      export_bell_(doors.clock, doors.executor),
      retention_bell_(doors.clock, doors.executor),
      jobs_bell_(doors.clock, doors.executor),
      watcher_(doors.clock, doors.log, ingest_bell_, doors.config.paths.incoming(), doors.config.intake.rescan),
      ingester_({doors.clock, doors.files, doors.file_worker, doors.sync_worker, doors.database, doors.log},
                doors.executor, doors.config, ingest_bell_, ingest_calls(std::move(intake_settled))),
      guard_(doors.database, provider_, doors.clock, doors.random, doors.log, doors.config),
      packer_(doors.database, provider_, doors.clock, doors.random, doors.log, doors.config, pack_bell_, submit_bell_),
      submitter_(doors.database, provider_, doors.files, doors.file_worker, doors.clock, doors.random, doors.log,
                 doors.config, {submit_bell_, pack_bell_, settle_bell_, poll_bell_}),
      settler_(doors.database, provider_, doors.clock, doors.log, doors.config, {settle_bell_, pack_bell_, poll_bell_}),
      poller_({doors.database, provider_, doors.clock, doors.random, doors.log, doors.config},
              {poll_bell_, collect_bell_}),
      collector_({doors.database, provider_, doors.files, doors.file_worker, doors.read_worker, doors.clock,
                  doors.random, doors.log, doors.config, doors.prices},
                 {collect_bell_, pack_bell_, settle_bell_, export_bell_, poll_bell_}, doors.result_file_bytes),
      claimer_({doors.database, provider_, doors.files, doors.file_worker, doors.clock, doors.random, doors.log,
                doors.config},
               {claim_bell_, pack_bell_, poll_bell_}),
      exporter_({doors.database, doors.files, doors.file_worker, doors.results_sync_workers, doors.clock, doors.random,
                 doors.log, doors.config},
                {export_bell_, jobs_bell_}),
      retention_({doors.database, doors.files, doors.file_worker, doors.clock, doors.log, doors.config},
                 retention_bell_) {}

IngestCalls Stages::ingest_calls(std::function<void()> intake_settled) {
  const auto settled = [call = std::move(intake_settled)] {
    if (call) call();
  };
  IngestCalls calls;
  calls.take_moved_in = [this] { return watcher_.take_moved_in(); };
  calls.accepted = [this, settled](JobId) {
    pack_bell_.notify();
    export_bell_.notify();  // a job of skipped lines alone is complete already
    settled();
  };
  calls.rejected = [settled](JobId) { settled(); };
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
  group.spawn("pack", pack_after_guard());
  group.spawn("submit", keep_running(submitter_));
  group.spawn("settle", keep_running(settler_));
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

Task<> Stages::pack_after_guard() {
  co_await guard_.pass();
  co_await keep_running(packer_);
}

void Stages::ring_all() {
  for (Wakeup* bell : {&ingest_bell_, &pack_bell_, &submit_bell_, &settle_bell_, &poll_bell_, &collect_bell_,
                       &claim_bell_, &export_bell_, &retention_bell_}) {
    bell->notify();
  }
}

std::optional<std::string> Stages::trouble() const {
  if (disk_full_) return "the disk is full; free some space, offpeak goes on by itself";
  if (guard_.waiting()) return "waiting for the provider's first list of batches";
  return std::nullopt;
}

}  // namespace offpeak
