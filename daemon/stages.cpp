#include "daemon/stages.hpp"

#include <utility>

namespace offpeak {

namespace {

constexpr Duration disk_full_pause = std::chrono::seconds(5);
// A stage that was run again and has not complained for so long goes on.
constexpr Duration disk_full_forgotten = 2 * disk_full_pause;

}  // namespace

Stages::Stages(const StageDoors& doors, std::function<void()> intake_settled)
    : doors_(doors),
      paced_(doors.provider, doors.clock, doors.random, doors.config.retry),
      provider_(paced_),
      watcher_(doors.clock, doors.log, doors.bells.of(Stage::ingest), doors.config.paths.incoming(),
               doors.config.intake.rescan),
      ingester_({doors.clock, doors.files, doors.file_worker, doors.sync_worker, doors.database, doors.log},
                doors.executor, doors.config, doors.bells.of(Stage::ingest), ingest_calls(std::move(intake_settled))),
      guard_({doors.database, paced_, provider_, doors.clock, doors.random, doors.log, doors.config},
             doors.bells.of(Stage::guard)),
      packer_(doors.database, provider_, doors.clock, doors.random, doors.log, doors.config,
              doors.bells.of(Stage::pack)),
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
  co_await doors_.database.write([started](Queue& queue) { queue.recover(started); });
  co_await ingester_.recover();
}

void Stages::spawn(TaskGroup& group) {
  group.spawn("watch", watcher_.run());
  group.spawn("ingest", keep_running("ingest", ingester_));
  group.spawn("guard", guard_then_pack(group));
  group.spawn("submit", keep_running("submit", submitter_));
  group.spawn("poll", keep_running("poll", poller_));
  group.spawn("results", keep_running("results", collector_));
  group.spawn("claim", keep_running("claim", claimer_));
  group.spawn("export", keep_running("export", exporter_));
  group.spawn("retention", keep_running("retention", retention_));
}

// A full disk pauses a stage; it goes on by itself. Any other failure of the database ends the daemon.
template <class Stage>
Task<> Stages::keep_running(std::string name, Stage& stage) {
  for (;;) {
    std::string full;
    try {
      co_await stage.run();
      co_return;
    } catch (const QueueDiskFull& error) {
      full = error.what();
    }
    note_full(name, full);
    co_await sleep_for(doors_.clock, disk_full_pause);
  }
}

void Stages::note_full(const std::string& name, const std::string& message) {
  const auto now = doors_.clock.now();
  const auto [found, begins] = full_.try_emplace(name, Full{now, now});
  auto& full = found->second;
  if (now - full.last > disk_full_forgotten) {
    full_log_.ended(name);
    full.since = now;
  }
  full.last = now;
  full_log_.lasts(name, message,
                  {{"stage", name}, {"message", message}, {"act", "free some space; offpeak goes on by itself"}});
}

Task<> Stages::guard_then_pack(TaskGroup& group) {
  co_await guard_.pass();
  group.spawn("pack", keep_running("pack", packer_));
  // What it adopts is the newest known: before the list was compared, batches below would never be looked at.
  group.spawn("settle", keep_running("settle", settler_));
  co_await guard_.watch();
}

StageFacts Stages::facts() const {
  const auto now = doors_.clock.now();
  StageFacts facts;
  facts.contact = paced_.contact();
  if (const auto& waiting = guard_.waiting()) {
    facts.guard = StageTrouble{waiting->what, waiting->since, waiting->next_try_at,
                               waiting->id.empty() ? "" : "offpeak reconcile " + waiting->id};
  }
  facts.pack = packer_.facts();
  facts.next_poll_at = poller_.next_poll_at();
  facts.missing_since = poller_.missing_since();
  facts.verdict_at = settler_.verdict_at();
  facts.exports = exporter_.troubles();
  for (const auto& trouble : ingester_.troubles()) {
    facts.intake.push_back({trouble.what, trouble.since, trouble.next_action_at});
  }
  for (const auto& [name, full] : full_) {
    if (now - full.last <= disk_full_forgotten) facts.disk_full[name] = full.since;
  }
  const auto add_full = [&](const char* name, std::optional<Instant> since) {
    if (since) facts.disk_full.try_emplace(name, *since);
  };
  add_full("submit", submitter_.disk_full_since());
  add_full("poll", poller_.disk_full_since());
  add_full("results", collector_.disk_full_since());
  add_full("export", exporter_.disk_full_since());
  return facts;
}

}  // namespace offpeak
