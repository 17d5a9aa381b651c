#include "sim/world_daemon.hpp"

namespace offpeak::simtest {

namespace {

constexpr std::uint64_t deep_stride = 16;
constexpr std::uint64_t most_events_at_once = 20'000;
constexpr int most_complaints = 20;
constexpr Duration restart_pause = std::chrono::seconds(5);
constexpr Duration commit_grace = std::chrono::seconds(5);
constexpr Duration calm_step = std::chrono::minutes(30);
constexpr Duration most_calm = std::chrono::days(10);
constexpr Duration watched_after = std::chrono::hours(3);  // nothing may be sent when all is done
constexpr Duration least_run = std::chrono::hours(72);

}  // namespace

void RunCounts::add(const RunCounts& other) {
  seeds += other.seeds;
  virtual_minutes += other.virtual_minutes;
  requests += other.requests;
  events += other.events;
  starts += other.starts;
  looks += other.looks;
  crashes += other.crashes;
  power_cuts += other.power_cuts;
  faults += other.faults;
  restores += other.restores;
  commands += other.commands;
  claims += other.claims;
  forgiven += other.forgiven;
  strangers += other.strangers;
  strangers_canceled += other.strangers_canceled;
  silent += other.silent;
  undone += other.undone;
  lost += other.lost;
  billed_twice += other.billed_twice;
  failed_seeds += other.failed_seeds;
}

std::string RunCounts::text() const {
  return fmt::format(
      "seeds={} virtual_days={} requests={} events={} looks={} starts={} crashes={} power_cuts={} faults={} "
      "restores={} "
      "operator_commands={} claims={} forgiven_batches={} strangers={} failed_seeds={} lost={} billed_twice={} "
      "strangers_canceled={} silent={} undone={}",
      seeds, virtual_minutes / 1440, requests, events, looks, starts, crashes, power_cuts, faults, restores, commands,
      claims, forgiven, strangers, failed_seeds, lost, billed_twice, strangers_canceled, silent, undone);
}

World::World(std::uint64_t seed, Weather weather, bool trace_to_stderr)
    : seed_(seed),
      weather_(std::move(weather)),
      config_(weather_.config),
      random_(seed * 3 + 1),
      daemon_random_(seed * 5 + 2),
      trace_(clock_, trace_to_stderr),
      service_(weather_.provider, weather_.faults),
      other_service_(weather_.other_provider()),
      mount_(disk_, "/box", seed * 7 + 3),
      log_(std::make_unique<DaemonLog>(*this)),
      began_(clock_.steady_now()),
      storm_end_(began_ + weather_.storm) {
  trace_.add("world seed={} storm_hours={} faults={} lag_broken={}", seed_, weather_.storm / std::chrono::hours(1),
             weather_.faults.size(), weather_.lag_broken);
  bill_.add(other_service_);
  if (weather_.features.any()) {
    trace_.add("world features={} single={} strangers={} workspaces={} snapshot={} exclusive={}",
               weather_.features.text(), weather_.single, weather_.strangers, weather_.workspace_changes,
               weather_.snapshot, config_.provider.exclusive);
  }
}

World::~World() {
  if (daemon_) end_life(Ending::crash);
}

Queue& World::queue() { return daemon_->queue; }

void World::complain(std::string what) {
  if (complaints_.size() >= most_complaints) return;
  trace_.add("world COMPLAINT {}", what);
  complaints_.push_back(std::move(what));
}

void World::at(SteadyTime when, Act act) { agenda_.emplace(when, std::move(act)); }

SteadyTime World::some_time() {
  const auto length = static_cast<std::uint64_t>(weather_.storm.count());
  return began_ + Duration(static_cast<std::int64_t>(random_.below(length)));
}

// As the daemon's main does it: the folders, the queue, then the stages. What fails is tried again, as the service
// manager would.
void World::start() {
  if (daemon_) return;
  ++counts_.starts;
  life_began_ = clock_.steady_now();
  trace_.add("world start");
  const auto& paths = config_.paths;
  for (const auto& path :
       {paths.state, paths.downloads(), paths.incoming(), paths.claimed(), paths.rejected(), paths.results()}) {
    if (files_.make_folders(path, 0700)) continue;
    trace_.add("world no folder {}", path);
    note_life_ended();
    return;
  }
  try {
    daemon_ = std::make_unique<Daemon>(*this);
  } catch (const QueueError& error) {
    trace_.add("world queue {}", error.what());
    note_life_ended();
    return;
  }
  clock_.run_until_idle();
}

void World::end_life(Ending ending) {
  if (daemon_ && ending == Ending::graceful) {
    const auto until = clock_.steady_now() + commit_grace;
    while (daemon_->stages.committing() && clock_.steady_now() < until) clock_.advance(std::chrono::milliseconds(20));
  }
  complete_since_.clear();
  silent_since_.clear();
  if (ending == Ending::crash) disk_.die();
  if (daemon_) {
    daemon_->group.cancel();
    clock_.run_until_idle();
    for (int turns = 0; daemon_->group.size() > 0; ++turns) {
      clock_.advance(Duration(1));
      if (turns == 1000) complain("the daemon does not stop");
      if (turns > 2000) std::abort();
    }
    daemon_.reset();
  }
  if (!disk_.dead()) return;
  if (power_cut_next) {
    ++counts_.power_cuts;
    trace_.add("world power cut");
    disk_.power_cut(random_);
    for (auto& drop : drops_) drop.uncertain = drop.uncertain || (!drop.synced && !drop.job);
  } else {
    ++counts_.crashes;
    trace_.add("world crash");
    disk_.revive();
  }
  power_cut_next = false;
}

// The service manager starts it again, ever more slowly while it cannot live.
void World::note_life_ended() {
  if (daemon_) {
    const bool died = disk_.dead();
    if (!died && daemon_->group.failure()) {
      try {
        std::rethrow_exception(daemon_->group.failure());
      } catch (const QueueDiskFull& error) {
        // While it starts; the service manager tries again.
        trace_.add("world daemon failed in {}: {}", daemon_->group.failed_task(), error.what());
      } catch (const QueueError& error) {
        trace_.add("world daemon failed in {}: {}", daemon_->group.failed_task(), error.what());
        if (disk_.faults() == 0) complain(fmt::format("the daemon ended by itself: {}", error.what()));
        if (std::string_view(error.what()).find("invariant") != std::string_view::npos) complain(error.what());
      } catch (const std::exception& error) {
        complain(fmt::format("the daemon ended by itself: {}", error.what()));
      }
    }
    end_life(died ? Ending::crash : Ending::failure);
  } else if (disk_.dead()) {
    end_life(Ending::crash);
  }
  failures_in_a_row_ = clock_.steady_now() - life_began_ > std::chrono::minutes(10) ? 0 : failures_in_a_row_ + 1;
  auto pause = restart_pause * (1 << std::min(failures_in_a_row_, 9));
  if (random_.below(6) == 0) pause += Duration(static_cast<std::int64_t>(random_.below(12 * 3'600'000)));
  at(clock_.steady_now() + pause, [this] {
    if (!calm_ && random_.below(5) == 0) crash_at_operation(60);
    start();
  });
}

// True where the daemon's life has ended.
bool World::after_event() {
  ++counts_.events;
  if (clock_.steady_now() != last_event_at_) {
    last_event_at_ = clock_.steady_now();
    events_at_once_ = 0;
  } else if (++events_at_once_ == most_events_at_once) {
    complain("the daemon spins: no time passes");
    disk_.die();
  }
  if (disk_.dead()) return true;
  if (daemon_ && (daemon_->group.failure() || daemon_->group.size() == 0)) return true;
  check_cheap();
  if (counts_.events % deep_stride == 0) check_deep();
  return false;
}

void World::step_to(SteadyTime until) {
  const auto left = std::chrono::duration_cast<Duration>(until - clock_.steady_now());
  if (clock_.advance_until([this] { return after_event(); }, left)) {
    note_life_ended();
    return;
  }
  if (clock_.steady_now() < until) {
    clock_.advance(std::chrono::ceil<Duration>(until - clock_.steady_now()));
  }
}

void World::run_for(Duration duration) {
  const auto end = clock_.steady_now() + duration;
  if (disk_.dead()) note_life_ended();
  while (clock_.steady_now() < end && complaints_.size() < most_complaints) {
    while (!agenda_.empty() && agenda_.begin()->first <= clock_.steady_now()) {
      auto act = std::move(agenda_.begin()->second);
      agenda_.erase(agenda_.begin());
      act();
      if (disk_.dead()) note_life_ended();
    }
    step_to(agenda_.empty() ? end : std::min(end, agenda_.begin()->first));
  }
}

void World::run() {
  plan_storm();
  start();
  run_for(weather_.storm);
  finish();
}

void World::finish() {
  trace_.add("world calm");
  calm_ = true;
  agenda_.clear();
  service_.faults().clear();
  auto mild = service_.settings();
  mild.outcomes = {{"succeeded", 1}};
  // Sizes that a 413 taught stay small, so there may be many batches to come, one after the other.
  mild.processing_time = std::min<Duration>(mild.processing_time, std::chrono::minutes(10));
  service_.change(mild);
  auto elsewhere = weather_.other_provider();
  elsewhere.outcomes = mild.outcomes;
  elsewhere.processing_time = mild.processing_time;
  other_service_.change(elsewhere);
  go_home();
  disk_.repair();
  disk_.set_capacity(UINT64_MAX);
  if (!daemon_) start();
  const auto end = clock_.steady_now() + most_calm;
  for (int steps = 1; !all_done() && clock_.steady_now() < end && complaints_.empty(); ++steps) {
    tend();
    run_for(calm_step);
    check_deep();
    // What was sent with the other key can be had with that key alone.
    if (weather_.workspace_changes > 0 && steps % 12 == 0) away_ ? leave_workspace() : change_workspace();
  }
  const auto batches = [this] { return service_.store().totals.batches + other_service_.store().totals.batches; };
  const auto created = batches();
  const auto least_left = std::chrono::duration_cast<Duration>(began_ + least_run - clock_.steady_now());
  if (complaints_.empty()) run_for(std::max<Duration>(watched_after, least_left));
  if (batches() != created) complain("a batch was created after everything was done");
  check_deep();
  if (daemon_ && counts_.looks == 0) complain("nobody has looked into the database");
  judge();
  trace_.add("world end");
}

RunCounts World::counts() {
  counts_.seeds = 1;
  counts_.virtual_minutes = static_cast<std::uint64_t>((clock_.steady_now() - began_) / std::chrono::minutes(1));
  counts_.faults = service_.faults().fired() + disk_.faults();
  counts_.forgiven = bill_.forgiven().size();
  counts_.strangers = service_.store().totals.foreign_batches;
  counts_.failed_seeds = complaints_.empty() ? 0 : 1;
  counts_.requests = 0;
  for (const auto& drop : drops_) counts_.requests += drop.lines.size();
  return counts_;
}

}  // namespace offpeak::simtest
