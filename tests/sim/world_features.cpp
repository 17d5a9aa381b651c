// What the features (features.hpp) do to World.
#include <algorithm>
#include <array>

#include "queue/snapshot.hpp"
#include "sim/world_daemon.hpp"

namespace offpeak::simtest {

namespace {

using std::chrono::hours;
using std::chrono::minutes;

constexpr Duration look_again = minutes(1);
constexpr int most_looks = 1500;
constexpr Duration audited_for = hours(26);
constexpr const char* snapshot_path = "/box/copy.db";

}  // namespace

void World::plan_features() {
  if (weather_.single) plan_single();
  if (weather_.strangers > 0) plan_strangers();
  if (weather_.workspace_changes > 0) plan_workspaces();
  if (weather_.snapshot) plan_snapshot();
}

// The operator thinks better of the lone job, in half of the seeds while its create is unknown.
void World::plan_single() {
  if (random_.below(2) == 0) return;
  const auto cancel = [this] {
    ask_queue([this] {
      for (const auto& job : daemon_->queue.jobs({})) {
        if (cancel_job(job)) trace_.add("world command: cancel {}", job.id.value);
      }
    });
  };
  if (random_.below(2) == 0) {
    at(began_ + minutes(1 + random_.below(60)), cancel);
  } else {
    when_unknown(most_looks, cancel);
  }
}

bool World::has_unknown() {
  if (!daemon_ || disk_.dead()) return false;
  const SimDisk::Aside aside(disk_);
  return !daemon_->queue.unknown_intents().empty();
}

void World::when_unknown(int tries, Act act) {
  if (tries <= 0 || has_unknown()) return act();
  at(clock_.steady_now() + look_again, [this, tries, act] { when_unknown(tries - 1, act); });
}

// ---- strangers

// At any time, and most of all while a create is unknown or was settled as not created.
void World::plan_strangers() {
  for (int i = 0; i < weather_.strangers; ++i) at(some_time(), [this] { make_stranger(); });
  for (int i = 0; i < weather_.strangers; ++i) {
    at(random_.below(2) == 0 ? began_ : some_time(), [this] { when_unknown(most_looks, [this] { make_stranger(); }); });
  }
}

void World::make_stranger() {
  const auto maker = random_.below(2) == 0 ? sim::Maker::program : sim::Maker::offpeak;
  service_.add_foreign(tempting_count(), true_clock_.now(), maker);
}

// A count that one of ours has: of an unknown create, of one that was settled as not created, of any batch.
std::uint32_t World::tempting_count() {
  std::vector<std::uint32_t> counts;
  if (daemon_ && !disk_.dead()) {
    const SimDisk::Aside aside(disk_);
    for (const auto& intent : daemon_->queue.unknown_intents()) counts.push_back(intent.requests);
  }
  if (counts.empty() || random_.below(3) == 0) {
    for (const auto& [requests, when] : not_created_) {
      if (clock_.steady_now() - when < audited_for) counts.push_back(requests);
    }
  }
  if (counts.empty() || random_.below(4) == 0) {
    for (const auto& batch : service_.store().batches()) {
      if (!batch->foreign) counts.push_back(static_cast<std::uint32_t>(batch->requests().size()));
    }
  }
  return counts.empty() ? static_cast<std::uint32_t>(1 + random_.below(9)) : counts[random_.below(counts.size())];
}

// ---- another key or origin

void World::plan_workspaces() {
  for (int i = 0; i < weather_.workspace_changes; ++i) {
    at(i == 0 ? began_ : some_time(), [this] {
      when_unknown(most_looks, [this] {
        if (calm_ || away_) return;
        change_workspace();
        // Longer than a verdict takes.
        at(clock_.steady_now() + 3 * config_.provider.settle_unknown + minutes(random_.below(300)),
           [this] { leave_workspace(); });
      });
    });
  }
}

void World::change_workspace() {
  trace_.add("world reload: another workspace");
  away_ = true;
  other_provider_.key = "sk-of-another-workspace";
  provider_.use(other_provider_);
  config_.provider.base_url = "https://another.test";
  config_.provider.api_key_file = "another-key";
  if (daemon_) daemon_->bells.ring_all();
}

void World::go_home() {
  away_ = false;
  provider_.use(sim_provider_);
  config_.provider.base_url = weather_.config.provider.base_url;
  config_.provider.api_key_file = weather_.config.provider.api_key_file;
}

void World::leave_workspace() {
  trace_.add("world reload: the first workspace");
  go_home();
  if (daemon_) daemon_->bells.ring_all();
}

// ---- a backup by the snapshot verbs

void World::plan_snapshot() {
  const auto from = random_.below(3) == 0 ? some_time() : began_;
  at(from, [this] { when_unknown(most_looks, [this] { take_snapshot(20); }); });
}

// While the daemon works, as the backup verb does it; and then a job as large as what is unknown, which the copy does
// not know.
void World::take_snapshot(int tries) {
  if (calm_ || tries <= 0) return;
  bool copied = false;
  if (daemon_ && !disk_.dead()) {
    const SimDisk::Aside aside(disk_);
    disk_.unlink(snapshot_path);
    if (daemon_->queue.begin_snapshot(snapshot_path)) {
      while (!daemon_->queue.copy_snapshot()) {
      }
      check_snapshot(snapshot_path);
      copied = true;
    }
  }
  if (!copied) {
    at(clock_.steady_now() + look_again, [this, tries] { take_snapshot(tries - 1); });
    return;
  }
  snapshot_ = read_file(snapshot_path);
  snapshot_at_ = true_clock_.now();
  snapshot_away_ = away_;
  const auto unknown = daemon_->queue.unknown_intents();
  trace_.add("world snapshot unknown={}", unknown.size());
  DropWishes wishes;
  wishes.seed = seed_;
  wishes.markers = false;
  wishes.good = true;
  wishes.requests = unknown.empty() ? tempting_count() : unknown.front().requests;
  const auto number = 500 + static_cast<int>(drops_.size());
  // When the count is free again: while an intent that bears it is not proven, nothing else is sent with it.
  at(clock_.steady_now() + hours(random_.below(3) == 0 ? 0 : 5) + minutes(1 + random_.below(300)),
     [this, made = make_drop(number, wishes, random_)] { drop(made); });
  at(clock_.steady_now() + hours(random_.below(4) == 0 ? 1 : 10) +
         Duration(static_cast<std::int64_t>(random_.below(12 * 3'600'000))),
     [this] { restore_snapshot(); });
}

// By the README: the copy in the place of the database, its log removed; the spool stays.
void World::restore_snapshot() {
  if (calm_ || !snapshot_) return;
  if (!daemon_) {
    at(clock_.steady_now() + look_again, [this] { restore_snapshot(); });
    return;
  }
  ++counts_.restores;
  look_for_fates();
  end_life(Ending::graceful);
  trace_.add("world restore");
  const auto path = config_.paths.database();
  auto tree = disk_.copy_tree(config_.paths.state);
  tree["offpeak.db"] = *snapshot_;
  tree.erase("offpeak.db-wal");
  tree.erase("offpeak.db-journal");
  disk_.replace_tree(config_.paths.state, tree);
  snapshot_.reset();
  at(clock_.steady_now() + minutes(30), [this, since = snapshot_at_, away = snapshot_away_] {
    forgive_forgotten(since, away);
    start();
    forgive_untold(since, away_ != away);
  });
}

// Every batch of ours that the list shows is known to the state, or was claimed by the operator; in a workspace of
// several programs none of them holds anything by itself.
bool World::ours_are_explained() {
  if (!weather_.features.any()) return true;
  bool explained = true;
  auto& queue = daemon_->queue;
  for (const auto& batch : service_.store().batches()) {
    if (batch->foreign || batch->listed_at > true_clock_.now() || queue.batch(batch->id)) continue;
    const auto seen = queue.unexplained(batch->id);
    if (!seen) {
      explained = explained && batch->copy_of != 0;
    } else if (seen->state == "dismissed") {
      trace_.add("world command: claim {}", batch->id);
      ++counts_.claims;
      change([&](Queue& queue) { return queue.claim_unexplained(batch->id, false); });
    }
  }
  return explained;
}

// Batches of ours that the state does not know and will not be told of: the present key cannot see them, or they were
// taken as known when this workspace began anew.
bool World::sent_elsewhere() {
  if (weather_.workspace_changes == 0) return false;
  const auto is_forgotten = [&](const auto& batch) {
    return !batch->foreign && batch->copy_of == 0 && !daemon_->queue.batch(batch->id) &&
           !daemon_->queue.unexplained(batch->id);
  };
  const auto& here = service_.store().batches();
  const auto& there = other_service_.store().batches();
  return std::any_of(here.begin(), here.end(), is_forgotten) || std::any_of(there.begin(), there.end(), is_forgotten);
}

}  // namespace offpeak::simtest
