// What goes wrong in World, and what its operator does about it.
#include <algorithm>
#include <array>
#include <cerrno>

#include "sim/world_daemon.hpp"

namespace offpeak::simtest {

namespace {

using std::chrono::hours;
using std::chrono::minutes;

constexpr Duration ten_years = hours(24 * 3652);
// Longer than any list lags: a backup is not put back in the same minute.
constexpr Duration restore_takes = minutes(30);

}  // namespace

void World::plan_storm() {
  plan_drops();
  plan_crashes();
  plan_disk();
  plan_operator();
  if (weather_.restores) plan_restore();
  if (weather_.features.any()) plan_features();
}

void World::plan_drops() {
  DropWishes wishes;
  wishes.seed = seed_;
  wishes.account_markers = random_.below(5) == 0;
  wishes.most_requests = random_.below(5) == 0 ? 5 * weather_.most_requests : weather_.most_requests;
  if (weather_.single) {
    wishes.most_requests = weather_.most_requests;
    wishes.often_marked = wishes.good = true;
  }
  std::vector<Drop> drops;
  for (int i = 0; i < weather_.drops; ++i) {
    const auto number = static_cast<int>(drops.size());
    if (number > 0 && random_.below(6) == 0) {
      const auto& original = drops[random_.below(drops.size())];
      auto copy = make_copy(original, number);
      copy.rerun = original.rerun;
      if (!original.rerun) copy.duplicate_of = original.duplicate_of.value_or(original.number);
      drops.push_back(std::move(copy));
    } else {
      drops.push_back(make_drop(number, wishes, random_));
    }
  }
  std::vector<SteadyTime> times{began_};
  while (times.size() < drops.size()) times.push_back(began_ + (some_time() - began_) * 3 / 4);
  std::sort(times.begin(), times.end());  // a copy comes after its original
  for (std::size_t i = 0; i < drops.size(); ++i) at(times[i], [this, drop = drops[i]] { this->drop(drop); });
}

// Written aside and renamed, as the manual says; or, not synced, written in place.
void World::drop(Drop drop) {
  const SimDisk::Aside aside(disk_);
  const auto incoming = config_.paths.incoming();
  Inode inode = 0;
  disk_.make_folders(incoming);
  const auto path = join_path(incoming, drop.name);
  const auto first = drop.synced ? join_path(incoming, "." + drop.name) : path;
  disk_.open(first, OpenFor::rewriting, inode);
  disk_.append(inode, drop.content);
  if (drop.synced) {
    disk_.sync(inode);
    disk_.rename(first, path, true);
    disk_.sync_folder(incoming);
  }
  disk_.close(inode);
  trace_.add("world drop {} requests={} bad={} synced={} duplicate={} rerun={}", drop.name, drop.lines.size(), drop.bad,
             drop.synced, drop.duplicate_of.value_or(-1), drop.rerun);
  if (!drop.duplicate_of) {
    for (const auto& line : drop.lines) {
      if (!line.skipped) bill_.want(line.digest);
    }
  }
  drops_.push_back(std::move(drop));
  if (daemon_) daemon_->bells.of(Stage::ingest).notify();
}

void World::plan_crashes() {
  for (int i = 0; i < weather_.crashes; ++i) {
    if (random_.below(2) == 0) {
      at(some_time(), [this] { crash_now(); });
    } else {
      at(some_time(), [this] { crash_at_operation(400); });
    }
  }
}

void World::crash_now() {
  power_cut_next = random_.below(2) == 0;
  disk_.die();
}

void World::crash_at_operation(std::uint64_t most) {
  power_cut_next = random_.below(2) == 0;
  disk_.plan({disk_.operations() + 1 + random_.below(most), 0, false});
}

void World::plan_disk() {
  static constexpr std::array<int, 4> errors{EIO, EIO, ENOSPC, EDQUOT};
  for (int i = 0; i < weather_.disk_faults; ++i) {
    const auto when = some_time();
    const int error = errors[random_.below(errors.size())];
    const bool lasting = random_.below(3) == 0;
    at(when, [this, error, lasting] {
      trace_.add("world disk fault errno={} lasting={}", error, lasting);
      disk_.plan({disk_.operations() + 1 + random_.below(300), error, lasting});
    });
    if (lasting) at(when + minutes(10 + random_.below(300)), [this] { disk_.repair(); });
  }
  for (int i = 0; i < weather_.full_disks; ++i) {
    const auto when = some_time();
    at(when, [this] {
      trace_.add("world disk full");
      disk_.set_capacity(disk_.used_bytes() + random_.below(60'000));
    });
    at(when + minutes(5 + random_.below(600)), [this] {
      trace_.add("world disk has room");
      disk_.set_capacity(UINT64_MAX);
    });
  }
  for (int i = 0; i < weather_.clock_jumps; ++i) at(some_time(), [this] { jump_clock(); });
}

void World::jump_clock() {
  Duration by{0};
  switch (random_.below(4)) {
    case 0:
      by = ten_years;
      break;
    case 1:
      by = -ten_years;
      break;
    case 2:
      by = Duration(static_cast<std::int64_t>(random_.below(20'000))) - Duration(10'000);
      break;
    default:
      by = Duration(static_cast<std::int64_t>(random_.below(14'400'000))) - Duration(7'200'000);
  }
  trace_.add("world wall clock jumps by {} s", by.count() / 1000);
  clock_.jump_wall(by);
}

void World::plan_operator() {
  for (int i = 0; i < weather_.commands; ++i) at(some_time(), [this] { command(); });
  for (int i = 0; i < weather_.reloads; ++i) at(some_time(), [this] { reload(); });
  for (int i = 0; i < 4; ++i) at(some_time(), [this] { tend(); });
}

// A call of the status socket. A queue that fails ends the daemon, as it does there.
void World::ask_queue(const std::function<void()>& ask) {
  if (!daemon_) return;
  ++counts_.commands;
  try {
    ask();
    daemon_->bells.ring(daemon_->queue.take_concerned());
  } catch (const QueueDiskFull&) {
    trace_.add("world command: 507");
  } catch (const QueueError& error) {
    trace_.add("world command: {}", error.what());
    if (disk_.dead()) return;
    end_life(Ending::failure);
    note_life_ended();
  }
}

void World::command() {
  ask_queue([this] {
    auto& queue = daemon_->queue;
    ListOptions options;
    options.limit = 1000;
    const auto jobs = queue.jobs(options);
    const auto which = random_.below(6);
    if (which == 0) {
      trace_.add("world command: pause");
      change([&](Queue& queue) { return queue.pause(random_.below(2) == 0, true, true, clock_.now()); });
      return;
    }
    if (which == 1) {
      change([&](Queue& queue) { return queue.pause(true, true, false, clock_.now()); });
      return;
    }
    if (jobs.empty()) return;
    const auto& job = jobs[random_.below(jobs.size())];
    const char* verb = which == 2 ? "cancel" : which == 3 ? "release" : "hold";
    trace_.add("world command: {} {}", verb, job.id.value);
    if (which == 2) {
      if (cancel_job(job)) note_recovered(job);
    } else if (which == 3) {
      change([&](Queue& queue) { return queue.release_job(job.id); });
    } else {
      change([&](Queue& queue) { return queue.hold_job(job.id, "held by the operator"); });
    }
  });
}

// Where the daemon ends before it answers, the job may be canceled all the same.
bool World::cancel_job(const Job& job) {
  const auto mark = [&](bool Drop::* flag) {
    for (auto& drop : drops_) drop.*flag = drop.*flag || drop.name == job.file;
  };
  mark(&Drop::may_be_canceled);
  const bool done = change([&](Queue& queue) { return queue.cancel_job(job.id, clock_.now()); }) == Queue::Change::done;
  if (done) mark(&Drop::canceled);
  const SimDisk::Aside aside(disk_);
  FileInfo file;
  if (done && disk_.info(config_.paths.claimed() + "/" + job.data_name, file) == ENOENT) {
    jobs_without_file_.insert(job.id);
  }
  return done;
}

void World::reload() {
  trace_.add("world reload");
  change_config(config_, weather_, random_);
  if (daemon_) daemon_->bells.ring_all();
}

// What a human does who looks in now and then: everything that waits for one goes on.
void World::tend() {
  for (auto* service : {&service_, &other_service_}) {
    for (const auto& batch : service->store().batches()) {
      if (!batch->never_ends || batch->has_ended(true_clock_.now())) continue;
      batch->never_ends = false;
      batch->processing_time = true_clock_.now() - batch->created_at + minutes(1);
    }
  }
  ask_queue([this] {
    auto& queue = daemon_->queue;
    change([&](Queue& queue) { return queue.pause(true, true, false, clock_.now()); });
    ListOptions held;
    held.limit = 1000;
    held.state = "held";
    const bool explained = ours_are_explained();
    // A clock that was years off ends what is looked for; then nobody is told any more, and the human decides without.
    const bool given_up = !explained && weather_.clock_jumps > 0 && clock_.steady_now() > storm_end_ + hours(72);
    for (const auto& job : queue.jobs(held)) {
      // Released before every forgotten batch was claimed, a recovered job is sent again beside it: nobody does that.
      if (job.file.starts_with("recovered-") && (given_up || sent_elsewhere())) {
        trace_.add("world command: cancel {}, it may have been sent, and nothing will tell", job.id.value);
        cancel_job(job);
        note_recovered(job);
      } else if (explained || !job.file.starts_with("recovered-")) {
        end_hold(job);
      }
    }
    for (const auto& batch : queue.unexplained()) reconcile(batch);
  });
}

// A job that was purged after the backup has lost its file, and offpeak waits for somebody to put it back: it cannot even be
// canceled without the ids that stand in it. Its user has the results.
void World::end_hold(const Job& job) {
  const auto reason = job.reason.value_or("");
  const bool gone = reason.find("No such file") != std::string::npos || reason.find("is missing") != std::string::npos;
  if (!gone) {
    change([&](Queue& queue) { return queue.release_job(job.id); });
    return;
  }
  trace_.add("world command: cancel {}, its file is gone", job.id.value);
  cancel_job(job);
  jobs_without_file_.insert(job.id);
}

// The one place where a batch that the state does not know is decided on: what it paid for is to be used.
void World::reconcile(const UnexplainedBatch& batch) {
  if (batch.state != "open") return;
  const auto found = service_.store().find(batch.provider_id);
  if (weather_.features.any() && found && found->foreign) {
    trace_.add("world command: dismiss {}", batch.provider_id);
    change([&](Queue& queue) { return queue.dismiss_unexplained(batch.provider_id); });
    daemon_->bells.ring_all();
    return;
  }
  const bool cancel = random_.below(4) == 0;
  trace_.add("world command: {} {}", cancel ? "cancel" : "claim", batch.provider_id);
  ++counts_.claims;
  change([&](Queue& queue) { return queue.claim_unexplained(batch.provider_id, cancel); });
  daemon_->bells.ring(daemon_->queue.take_concerned());
}

void World::plan_restore() {
  const auto taken = some_time();
  at(taken, [this] { take_backup(); });
  at(taken + hours(1) + Duration(static_cast<std::int64_t>(random_.below(24 * 3'600'000))),
     [this] { restore_backup(); });
}

void World::take_backup() {
  if (!daemon_) return;
  trace_.add("world backup");
  end_life(Ending::graceful);
  backup_ = disk_.copy_tree(config_.paths.state);
  backup_at_ = true_clock_.now();
  backup_away_ = away_;
  start();
}

// In a workspace of several programs a batch that nothing explains is told and holds nothing: product contract 6.7.
// Where the key was another workspace's for a time and is the first one's again, no list shows what was sent there.
void World::forgive_forgotten(Instant since, bool away_then) {
  for (auto* service : {&service_, &other_service_}) {
    const bool listed = away_ == (service == &other_service_) || away_ != away_then;
    if (config_.provider.exclusive && listed) continue;
    for (const auto& batch : service->store().batches()) {
      if (batch->created_at >= since) bill_.forgive(*batch, Bill::Why::forgotten);
    }
  }
}

// The state of then, the spool of now. Job files that the old state does not know come back by themselves.
void World::restore_backup() {
  if (!backup_ || !daemon_) return;
  ++counts_.restores;
  look_for_fates();
  end_life(Ending::graceful);
  trace_.add("world restore");
  disk_.replace_tree(config_.paths.state, *backup_);
  backup_.reset();
  at(clock_.steady_now() + restore_takes, [this, since = backup_at_, away = backup_away_] {
    forgive_forgotten(since, away);
    start();
    forgive_untold(since, away_ != away);
  });
}

// Where nothing in claimed/ tells that the state was put back, its operator must wait until all is listed (the table in
// tests/README.md), and not change the key before the list was compared. This one did not wait.
void World::forgive_untold(Instant since, bool moved) {
  at(clock_.steady_now() + Duration(1), [this, since, moved] {
    if (!daemon_ || daemon_->queue.restored_at()) return;
    for (const auto& batch : service_.store().batches()) {
      const bool hidden = moved || batch->listed_at > true_clock_.now();
      if (!batch->foreign && batch->created_at >= since && hidden) bill_.forgive(*batch, Bill::Why::forgotten);
    }
  });
}

}  // namespace offpeak::simtest
