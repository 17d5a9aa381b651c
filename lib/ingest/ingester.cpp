#include "ingest/ingester.hpp"

#include <algorithm>
#include <boost/asio/this_coro.hpp>
#include <utility>

#include "base/backoff.hpp"
#include "base/crash_point.hpp"
#include "base/task_group.hpp"
#include "ingest/open_intake.hpp"
#include "ingest/recovered.hpp"
#include "ingest/spool.hpp"

namespace offpeak {

namespace {

constexpr std::size_t complaints_max = 1000;
constexpr std::size_t ready_enough = 256;
constexpr Duration first_backoff = std::chrono::seconds(1);

Result<std::uint64_t> size_of(Files& files, const std::string& path) {
  const auto info = files.info(path);
  if (!info) return info.error();
  return info->bytes;
}

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
    for (const auto& info : *results) folder.highest = std::max(folder.highest, id_of_results(info.name));
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

Task<> Ingester::recover() {
  const auto intakes = co_await doors_.database.run([](Queue& queue) { return queue.intakes(); });
  const auto claimed = config_.paths.claimed();
  co_await recover_unknown();
  for (const auto& intake : intakes) {
    if (intake.source != IntakeSource::socket || intake.state != IntakeState::claiming) continue;
    // Its client is gone, and the upload is not whole.
    const auto path = claimed_path(claimed, intake.id);
    const auto removed = co_await doors_.file_worker.run([&files = doors_.files, path] { return files.remove(path); });
    if (!removed) continue;
    co_await doors_.database.run([id = intake.id](Queue& queue) { queue.forget_intake(id); });
  }
  recovered_ = true;
}

// What a state that was put back has forgotten comes in again, under new ids, before anything else takes an id.
Task<> Ingester::recover_unknown() {
  const auto known = co_await doors_.database.run([](Queue& queue) { return queue.known_claims(); });
  const auto found = co_await doors_.file_worker.run(
      [&files = doors_.files, paths = config_.paths, known] { return clean_claimed(files, paths, known); });
  if (!found) {
    doors_.log.warning("intake.not_cleaned", {{"error", found.error().message}});
    co_return;
  }
  co_await doors_.database.run(
      [highest = found->highest, now = doors_.clock.now()](Queue& queue) { queue.skip_job_ids(highest, now); });
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
  const auto id = co_await doors_.database.run([name, overrides, now = doors_.clock.now()](Queue& queue) {
    return queue.announce_intake(IntakeSource::folder, name, overrides, now);
  });
  crash_point("recovered_announced");
  const auto to = claimed_path(config_.paths.claimed(), id);
  const auto moved =
      co_await doors_.file_worker.run([&files = doors_.files, from, to] { return files.move_new(from, to); });
  if (!moved) {
    co_await doors_.database.run([id](Queue& queue) { queue.reject_intake(id, ""); });
    doors_.log.error("intake.unknown_file", {{"file", from}, {"error", moved.error().message}});
    co_return;
  }
  crash_point("recovered_moved");
  co_await doors_.database.run([id](Queue& queue) { queue.intake_in_claimed(id); });
  doors_.log.warning("intake.recovered", {{"file", from},
                                          {"job", id},
                                          {"name", name},
                                          {"held", overrides.hold.value_or(false)},
                                          {"why", "the state does not know it: it was put back to before this file"}});
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
      complain_once("database", "intake.waiting",
                    {{"error", *full}, {"hint", "free some space; offpeak goes on by itself"}});
      full_until_ = now + backoff(first_backoff, std::max(config_.intake.rescan, first_backoff), ++full_tries_, 1);
    } else if (now >= full_until_) {
      full_tries_ = 0;
      complained_.erase("database");
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
    auto settled = look_for_settled(seen_, *listed, moved_in, config_.intake.settle, now);
    seen_ = std::move(settled.seen);
    ready_.assign(settled.ready.begin(), settled.ready.end());
    if (settled.look_again_at) next_look_ = std::min(next_look_, *settled.look_again_at);
    complained_.erase("incoming");
  } else {
    ready_.clear();
    complain_once("incoming", "intake.no_folder", {{"error", listed.error().message}});
  }
}

Task<> Ingester::look_into_queue() {
  const auto intakes = co_await doors_.database.run([](Queue& queue) { return queue.intakes(); });
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
      complain_once(claimed_path(config_.paths.claimed(), intake.id), "intake.waiting",
                    {{"intake", intake.id}, {"error", bytes.error().message}});
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
    co_await doors_.database.run([&claiming](Queue& queue) { queue.intakes_in_claimed(claiming); });
  }
  for (auto& one : found) {
    one.intake.state = IntakeState::checking;
    begin(one.intake, one.bytes).start_over = true;  // whatever an earlier check stored goes first
  }
}

// The file never came into claimed/ (it is still in incoming/), or it went to rejected/ just before a crash.
Task<> Ingester::drop_missing(Intake intake) {
  const auto data = data_path(config_.paths.claimed(), intake.id);
  const auto removed = co_await doors_.file_worker.run([&files = doors_.files, data] { return files.remove(data); });
  if (!removed) doors_.log.warning("intake.not_cleaned", {{"intake", intake.id}, {"error", removed.error().message}});
  co_await discard_index(intake.id);
  ErrorReport report;
  report.add("the file is gone", "send it again");
  const auto document = intake.source == IntakeSource::socket ? report.document(intake.name) : "";
  co_await doors_.database.run([id = intake.id, document](Queue& queue) { queue.reject_intake(id, document); });
  if (intake.source == IntakeSource::socket && calls_.rejected) calls_.rejected(intake.id);
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

void Ingester::complain_once(const std::string& about, std::string_view event, LogFields fields) {
  if (complained_.size() >= complaints_max) complained_.clear();
  if (complained_.insert(about).second) doors_.log.warning(event, fields);
}

}  // namespace offpeak
