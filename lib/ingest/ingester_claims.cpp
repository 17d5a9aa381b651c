#include <algorithm>
#include <utility>

#include "base/backoff.hpp"
#include "base/crash_point.hpp"
#include "base/text.hpp"
#include "ingest/ingester.hpp"
#include "ingest/open_intake.hpp"
#include "ingest/spool.hpp"

namespace offpeak {

namespace {

constexpr std::size_t stuck_max = 10'000;
constexpr Duration longest_left_alone = std::chrono::hours(1);
constexpr Duration open_patience = std::chrono::minutes(1);  // then it is said that a file is still open

}  // namespace

struct Ingester::Claim {
  FileInfo info;
  std::string from;
  Result<FileInfo> there = FileInfo();  // when it was looked at last
  Writers by_lease = Writers::unknown;
  bool movable = true;
  JobId id;
  std::string to;
  Result<void> moved;
  bool arrived = false;  // in claimed/, durably or not
};

Task<> Ingester::claim_ready() {
  if (ready_.empty()) co_return;
  paused_ = co_await doors_.database.read([](const Queue& queue) { return queue.intake_paused(); });
  if (paused_) co_return;
  const auto claims = take_ready();
  co_await leave_unready(claims);
  co_await claim(claims);
  if (ready_.empty() && look_skipped_) next_look_ = doors_.clock.steady_now();
}

Ingester::Claims Ingester::take_ready() {
  std::vector<std::uint64_t> sizes;
  for (const auto& info : ready_) sizes.push_back(weight_of(info.name, info.bytes));
  const auto claims = std::make_shared<std::vector<Claim>>();
  std::size_t taken = 0;
  for (const auto place : files_with_room(load(), sizes)) {
    const auto at = ready_.begin() + static_cast<std::ptrdiff_t>(place - taken++);
    Claim claim;
    claim.info = *at;
    claim.from = join_path(config_.paths.incoming(), at->name);
    ready_.erase(at);
    if (!is_stuck(claim.info.name)) claims->push_back(std::move(claim));
  }
  return claims;
}

// Could it not be moved a while ago?
bool Ingester::is_stuck(const std::string& name) {
  const auto stuck = stuck_.find(name);
  return stuck != stuck_.end() && doors_.clock.steady_now() < stuck->second.until;
}

// Before anything is said of them in the queue: what cannot be taken now costs a look and nothing else.
Task<> Ingester::leave_unready(Claims claims) {
  co_await doors_.file_worker.run([&files = doors_.files, claims] {
    for (auto& one : *claims) {
      one.there = files.info(one.from);
      if (!one.there) continue;
      one.by_lease = files.writers(one.from);
      one.movable = one.there->type != FileType::folder || files.writable(one.from);
    }
  });
  std::erase_if(*claims, [this](const Claim& one) { return !is_ready(one); });
}

bool Ingester::is_ready(const Claim& one) {
  if (!one.there) {
    complain_once(one.from, "intake.vanished", {{"file", one.info.name}});
    return false;
  }
  if (*one.there != one.info) {
    next_look_ = std::min(next_look_, doors_.clock.steady_now() + config_.intake.settle);
    return false;
  }
  if (!one.movable) {
    be_stuck(one.info.name, "a folder of another user: it can be neither moved nor taken");
    return false;
  }
  return is_closed(one);
}

bool Ingester::is_closed(const Claim& one) {
  const auto& name = one.info.name;
  const auto seen = seen_.find(name);
  if (seen == seen_.end()) return false;
  const auto by_events = calls_.writers ? calls_.writers(name) : Writers::unknown;
  const auto at = ready_at(seen->second, who_writes(one.by_lease, by_events), config_.intake.settle);
  if (at && *at <= doors_.clock.steady_now()) return true;
  if (at) {
    next_look_ = std::min(next_look_, *at);
    return false;
  }
  // Its close rings.
  const auto what = shown_name(name) + " is still open in another program";
  if (troubles_.note(trouble_of(name), what, doors_.clock.now(), std::nullopt, open_patience)) {
    doors_.log.info("intake.open", {{"file", name}, {"waits_for", "the program that writes it to close it"}});
  }
  return false;
}

// Looked at ever more rarely.
void Ingester::be_stuck(const std::string& name, const std::string& why) {
  if (stuck_.size() >= stuck_max) stuck_.clear();
  auto& stuck = stuck_[name];
  stuck.until =
      doors_.clock.steady_now() + backoff(std::max<Duration>(config_.intake.rescan, Duration(1)),
                                          std::max(longest_left_alone, config_.intake.rescan), ++stuck.tries, 1);
  const auto what = "cannot take " + shown_name(name) + ": " + why;
  if (troubles_.note(trouble_of(name), what, doors_.clock.now(), wall_time(stuck.until))) {
    doors_.log.warning("intake.stuck", {{"file", name}, {"error", why}, {"hint", "move it away, or change its owner"}});
  }
}

// What is not there any more was taken, or somebody took it away.
void Ingester::forget_stuck(const std::vector<FileInfo>& listed) {
  std::set<std::string> about;
  for (const auto& info : listed) {
    if (stuck_.contains(info.name) || seen_.contains(info.name)) about.insert(trouble_of(info.name));
  }
  std::erase_if(stuck_, [&](const auto& one) { return !about.contains(trouble_of(one.first)); });
  for (const auto& ended : troubles_.end_others(trouble_of(std::string()), about)) {
    doors_.log.info("intake.goes_on", {{"after", ended}});
  }
}

// First the rows, then the moves: so no file is ever in claimed/ that nobody knows of.
Task<> Ingester::claim(Claims claims) {
  if (claims->empty()) co_return;
  std::vector<std::string> names;
  for (const auto& one : *claims) names.push_back(one.info.name);
  const auto now = doors_.clock.now();
  const auto ids =
      co_await doors_.database.write([&names, now](Queue& queue) { return queue.announce_intakes(names, now); });
  for (std::size_t i = 0; i < ids.size(); ++i) {
    (*claims)[i].id = ids[i];
    (*claims)[i].to = claimed_path(config_.paths.claimed(), ids[i]);
  }
  crash_point("intake_announced");
  const auto synced = co_await doors_.file_worker.run([&files = doors_.files, paths = config_.paths, claims] {
    for (auto& one : *claims) {
      one.moved = files.move_unsynced(one.from, one.to);
      one.arrived = one.moved || files.info(one.to).has_value();
    }
    return sync_claims(files, paths.claimed(), paths.incoming());
  });
  crash_point("file_claimed");
  std::vector<JobId> arrived;
  for (const auto& one : *claims) {
    // Where a folder was not synced the row stays as it is, and the next look goes on from there.
    if (one.arrived && synced) arrived.push_back(one.id);
  }
  if (!arrived.empty()) {
    co_await doors_.database.write([&arrived](Queue& queue) { queue.intakes_in_claimed(arrived); });
  }
  for (const auto& one : *claims) {
    if (one.arrived && synced) begin(one.info, one.id, now);
  }
  for (const auto& one : *claims) {
    if (!one.arrived) co_await give_up(one);
  }
}

void Ingester::begin(const FileInfo& claimed, JobId id, Instant now) {
  Intake intake;
  intake.id = id;
  intake.name = claimed.name;
  intake.created_at = now;
  intake.state = IntakeState::checking;
  seen_.erase(claimed.name);
  stuck_.erase(claimed.name);
  if (troubles_.end(trouble_of(claimed.name))) doors_.log.info("intake.goes_on", {{"file", claimed.name}});
  begin(intake, claimed.bytes);
}

// It is still in incoming/, or nowhere.
Task<> Ingester::give_up(const Claim& claim) {
  co_await doors_.database.write([id = claim.id](Queue& queue) { queue.reject_file(id, std::nullopt); });
  const auto& error = claim.moved.error();
  if (error.kind == ErrorKind::not_found) {
    complain_once(claim.from, "intake.vanished", {{"file", claim.info.name}});
  } else {
    be_stuck(claim.info.name, error.message);
  }
}

}  // namespace offpeak
