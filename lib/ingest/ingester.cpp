#include "ingest/ingester.hpp"

#include <algorithm>
#include <boost/asio/this_coro.hpp>
#include <utility>

#include "base/task_group.hpp"
#include "ingest/open_intake.hpp"
#include "ingest/spool.hpp"

namespace offpeak {

namespace {

constexpr std::size_t complaints_max = 1000;
constexpr std::size_t ready_enough = 256;

Result<std::uint64_t> size_of(Files& files, const std::string& path) {
  const auto info = files.info(path);
  if (!info) return info.error();
  return info->bytes;
}

}  // namespace

Ingester::Ingester(const IngestDoors& doors, boost::asio::any_io_executor executor, const Config& config, Wakeup& bell,
                   IngestCalls calls)
    : doors_(doors),
      executor_(executor),
      config_(config),
      bell_(bell),
      calls_(std::move(calls)),
      sync_wanted_(doors.clock, std::move(executor)) {}

Ingester::~Ingester() = default;

Task<> Ingester::run() {
  // The two loops end together; waiting for that must outlast the cancellation.
  co_await boost::asio::this_coro::throw_if_cancelled(false);
  TaskGroup loops(executor_);
  loops.spawn("ingest.take_in", take_in());
  loops.spawn("ingest.sync", sync_files());
  co_await loops.join();
}

Task<> Ingester::take_in() {
  next_look_ = doors_.clock.steady_now();
  for (;;) {
    if (co_await bell_.wait_until(next_due())) next_look_ = doors_.clock.steady_now();
    std::optional<std::string> full;
    try {
      co_await round();
    } catch (const QueueDiskFull& error) {
      full = error.what();
    }
    const auto now = doors_.clock.steady_now();
    if (full) {
      full_until_ = now + wait_before_try(++full_tries_, config_.intake);
      if (troubles_.note("database", *full, doors_.clock.now(), wall_time(full_until_))) {
        doors_.log.warning("intake.waiting",
                           {{"error", *full}, {"hint", "free some space; offpeak goes on by itself"}});
      }
    } else if (now >= full_until_) {
      full_tries_ = 0;
      if (troubles_.end("database")) doors_.log.info("intake.goes_on", {{"after", "the disk was full"}});
    }
  }
}

Task<> Ingester::round() {
  if (doors_.clock.steady_now() < full_until_) co_return;
  if (!recovered_) co_await recover();
  if (doors_.clock.steady_now() >= next_look_) co_await look();
  co_await open_waiting();
  co_await claim_ready();
  co_await advance_all();
}

// When there is something to do without a bell.
SteadyTime Ingester::next_due() const {
  auto due = can_begin() ? doors_.clock.steady_now() : next_look_;
  for (const auto& open : open_) {
    const bool waits_for_sync = open->finding && !open->start_over && !is_ready(*open);
    if (!waits_for_sync) due = std::min(due, open->not_before);
  }
  return std::max(due, full_until_);
}

bool Ingester::can_begin() const {
  const auto open = load();
  const auto goes_on = [&](const Waiting& one) { return open.has_room(weight_of(one.intake.name, one.bytes)); };
  const auto fits = [&](const FileInfo& info) { return open.has_room(weight_of(info.name, info.bytes)); };
  return std::ranges::any_of(waiting_, goes_on) || (!paused_ && std::ranges::any_of(ready_, fits));
}

OpenLoad Ingester::load() const {
  OpenLoad load;
  for (const auto& open : open_) load.add(open->weight);
  return load;
}

Task<> Ingester::look() {
  co_await look_into_queue();
  // In a flood of files each of them rings; what is known to be ready comes first.
  if (ready_.size() >= ready_enough) {
    next_look_ = doors_.clock.steady_now() + config_.intake.rescan;
    look_skipped_ = true;
    co_return;
  }
  look_skipped_ = false;
  const auto moved_in = calls_.take_moved_in ? calls_.take_moved_in() : std::set<std::string>();
  const auto incoming = config_.paths.incoming();
  const auto listed =
      co_await doors_.file_worker.run([&files = doors_.files, incoming] { return files.list(incoming); });
  const auto now = doors_.clock.steady_now();
  next_look_ = now + config_.intake.rescan;
  if (listed) {
    take_listing(*listed, moved_in);
    if (now < next_look_at_leavings_) co_return;
    next_look_at_leavings_ = now + config_.intake.rescan;
    co_await look_at_rejected();
    co_await look_at_taken();
    co_return;
  }
  ready_.clear();
  if (troubles_.note("incoming", listed.error().message, doors_.clock.now(), wall_time(next_look_))) {
    doors_.log.warning("intake.no_folder", {{"error", listed.error().message}});
  }
}

void Ingester::take_listing(const std::vector<FileInfo>& listed, const std::set<std::string>& moved_in) {
  auto settled = look_for_settled(seen_, listed, moved_in, config_.intake.settle, doors_.clock.steady_now());
  seen_ = std::move(settled.seen);
  ready_.assign(settled.ready.begin(), settled.ready.end());
  if (settled.look_again_at) next_look_ = std::min(next_look_, *settled.look_again_at);
  if (troubles_.end("incoming")) doors_.log.info("intake.goes_on", {{"folder", config_.paths.incoming()}});
  forget_stuck(listed);
}

Task<> Ingester::look_into_queue() {
  const auto intakes = co_await doors_.database.read([](const Queue& queue) { return queue.intakes(); });
  waiting_.clear();
  for (const auto& intake : intakes) {
    // An upload that is going on: control rings when it is whole.
    const bool arrives = intake.source == IntakeSource::socket && intake.state == IntakeState::claiming;
    if (!arrives && !is_open(intake.id)) waiting_.push_back({intake, 0});
  }
}

// Goes on where these intakes were left.
Task<> Ingester::open_waiting() {
  const auto group = take_waiting();
  if (group.empty()) co_return;
  auto looked = co_await doors_.file_worker.run([&files = doors_.files, claimed = config_.paths.claimed(), &group] {
    std::vector<Result<std::uint64_t>> sizes;
    for (const auto& one : group) sizes.push_back(size_of(files, claimed_path(claimed, one.intake.id)));
    return sizes;
  });
  std::vector<Waiting> found;
  auto room = load();
  for (std::size_t i = 0; i < group.size(); ++i) {
    const auto& intake = group[i].intake;
    const auto& bytes = looked[i];
    if (!bytes && bytes.error().kind == ErrorKind::not_found) {
      co_await drop_missing(intake);
    } else if (!bytes) {
      if (troubles_.note(trouble_of(intake.id), bytes.error().message, doors_.clock.now(), wall_time(next_look_))) {
        doors_.log.warning("intake.waiting", {{"intake", intake.id}, {"error", bytes.error().message}});
      }
    } else if (const auto weight = weight_of(intake.name, *bytes); !room.has_room(weight)) {
      waiting_.push_back({intake, *bytes});
    } else {
      room.add(weight);
      found.push_back({intake, *bytes});
    }
  }
  co_await open_found(std::move(found));
}

std::vector<Ingester::Waiting> Ingester::take_waiting() {
  std::vector<std::uint64_t> sizes;
  for (const auto& one : waiting_) sizes.push_back(weight_of(one.intake.name, one.bytes));
  const auto places = files_with_room(load(), sizes);
  std::vector<Waiting> taken;
  for (const auto place : places) taken.push_back(waiting_[place]);
  std::erase_if(waiting_, [&](const Waiting& one) {
    return std::ranges::any_of(taken, [&](const Waiting& gone) { return gone.intake.id == one.intake.id; });
  });
  return taken;
}

// They are in claimed/; that this is durable may not be recorded yet.
Task<> Ingester::open_found(std::vector<Waiting> found) {
  std::vector<JobId> claiming;
  for (const auto& one : found) {
    if (one.intake.state == IntakeState::claiming) claiming.push_back(one.intake.id);
  }
  if (!claiming.empty()) {
    const auto paths = config_.paths;
    const auto synced = co_await doors_.file_worker.run(
        [&files = doors_.files, paths] { return sync_claims(files, paths.claimed(), paths.incoming()); });
    if (!synced) co_return;
    co_await doors_.database.write([&claiming](Queue& queue) { queue.intakes_in_claimed(claiming); });
  }
  for (auto& one : found) {
    one.intake.state = IntakeState::checking;
    begin(one.intake, one.bytes).start_over = true;  // whatever an earlier check stored goes first
  }
}

bool Ingester::is_open(JobId id) const {
  return std::ranges::any_of(open_, [id](const auto& open) { return open->intake.id == id; });
}

Ingester::Open& Ingester::begin(const Intake& intake, std::uint64_t bytes) {
  auto open = std::make_unique<Open>();
  open->intake = intake;
  open->weight = weight_of(intake.name, bytes);
  look_at_again(*open);
  return *open_.emplace_back(std::move(open));
}

Instant Ingester::wall_time(SteadyTime at) const {
  return doors_.clock.now() + std::chrono::ceil<Duration>(at - doors_.clock.steady_now());
}

void Ingester::complain_once(const std::string& about, std::string_view event, LogFields fields) {
  if (complained_.size() >= complaints_max) complained_.clear();
  if (complained_.insert(about).second) doors_.log.warning(event, fields);
}

}  // namespace offpeak
