#include <algorithm>
#include <utility>

#include "base/crash_point.hpp"
#include "ingest/ingester.hpp"
#include "ingest/open_intake.hpp"
#include "ingest/spool.hpp"

namespace offpeak {

namespace {

constexpr std::size_t stuck_max = 10'000;

}  // namespace

struct Ingester::Claim {
  FileInfo info;
  std::string from;
  Result<FileInfo> there = FileInfo();  // when it was looked at last
  JobId id;
  std::string to;
  Result<void> moved;
  bool arrived = false;  // in claimed/, durably or not
};

Task<> Ingester::claim_ready() {
  if (ready_.empty()) co_return;
  paused_ = co_await doors_.database.run([](Queue& queue) { return queue.intake_paused(); });
  if (paused_) co_return;
  const auto claims = take_ready();
  co_await leave_changed(claims);
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
  if (stuck == stuck_.end()) return false;
  if (doors_.clock.steady_now() < stuck->second) return true;
  stuck_.erase(stuck);
  return false;
}

// Gone, or written to since the last look: the next one will tell.
Task<> Ingester::leave_changed(Claims claims) {
  co_await doors_.file_worker.run([&files = doors_.files, claims] {
    for (auto& one : *claims) one.there = files.info(one.from);
  });
  const auto now = doors_.clock.steady_now();
  std::erase_if(*claims, [&](const Claim& one) {
    if (one.there && *one.there == one.info) return false;
    if (one.there) next_look_ = std::min(next_look_, now + config_.intake.settle);
    if (!one.there) complain_once(one.from, "intake.vanished", {{"file", one.info.name}});
    return true;
  });
}

// First the rows, then the moves: so no file is ever in claimed/ that nobody knows of.
Task<> Ingester::claim(Claims claims) {
  if (claims->empty()) co_return;
  std::vector<std::string> names;
  for (const auto& one : *claims) names.push_back(one.info.name);
  const auto now = doors_.clock.now();
  const auto ids =
      co_await doors_.database.run([&names, now](Queue& queue) { return queue.announce_intakes(names, now); });
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
    co_await doors_.database.run([&arrived](Queue& queue) { queue.intakes_in_claimed(arrived); });
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
  begin(intake, claimed.bytes);
}

// It is still in incoming/, or nowhere.
Task<> Ingester::give_up(const Claim& claim) {
  co_await doors_.database.run([id = claim.id](Queue& queue) { queue.reject_intake(id, ""); });
  const auto& error = claim.moved.error();
  if (error.kind == ErrorKind::not_found) {
    complain_once(claim.from, "intake.vanished", {{"file", claim.info.name}});
    co_return;
  }
  complain_once(claim.from, "intake.stuck", {{"file", claim.info.name}, {"error", error.message}});
  if (stuck_.size() >= stuck_max) stuck_.clear();
  stuck_[claim.info.name] = doors_.clock.steady_now() + config_.intake.rescan;
}

}  // namespace offpeak
