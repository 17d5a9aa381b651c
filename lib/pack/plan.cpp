#include "pack/plan.hpp"

#include <algorithm>
#include <map>

#include "model/params.hpp"

namespace offpeak {

namespace {

// A job takes its turn in steps of at most this many requests.
constexpr std::uint32_t turn_requests_max = 1000;

// What may share a batch: the same headers, and the same bound after a refusal (0: never refused).
struct Lane {
  HeaderGroup headers;
  std::uint32_t most_together = 0;
  auto operator<=>(const Lane&) const = default;
};

struct LaneRank {
  std::int64_t priority = 0;
  Instant oldest{};
};

// One job's place in the walk through its ready runs of the lane.
struct Cursor {
  JobId job;
  std::int64_t priority = 0;
  std::vector<const PendingRange*> runs;
  std::size_t run = 0;
  std::uint32_t taken_of_run = 0;

  bool done() const { return run == runs.size(); }
  Seq next() const { return runs[run]->range.first + taken_of_run; }
  void take() {
    if (++taken_of_run == runs[run]->range.count) {
      ++run;
      taken_of_run = 0;
    }
  }
  void give_back_last() {
    if (taken_of_run == 0) taken_of_run = runs[--run]->range.count;
    --taken_of_run;
  }
};

// Of what was refused with the same headers, the smallest part goes on first, for all of it: one branch is followed to
// its end. Beside it goes what was never refused, unless the headers themselves may be at fault.
std::map<Lane, LaneRank> one_branch_each(const std::map<Lane, LaneRank>& lanes, const std::set<HeaderGroup>& refused) {
  std::map<Lane, LaneRank> kept;
  for (auto lane = lanes.begin(); lane != lanes.end();) {
    const auto& headers = lane->first.headers;
    const auto fresh = lane->first.most_together == 0 ? lane++ : lanes.end();
    const auto branch = lane;
    std::optional<LaneRank> rank;
    for (; lane != lanes.end() && lane->first.headers == headers; ++lane) {
      if (!rank) rank = lane->second;
      rank->priority = std::max(rank->priority, lane->second.priority);
      rank->oldest = std::min(rank->oldest, lane->second.oldest);
    }
    if (rank) kept.emplace(branch->first, *rank);
    if (fresh != lanes.end() && !(rank && refused.contains(headers))) kept.insert(*fresh);
  }
  return kept;
}

// The one that goes first in front.
std::vector<Lane> lanes_in_turn(const std::vector<PackJob>& jobs, const PackLimits& limits) {
  std::map<Lane, LaneRank> lanes;
  for (const auto& job : jobs) {
    for (const auto& run : job.pending) {
      auto [rank, fresh] = lanes.try_emplace({job.headers, run.most_together}, LaneRank{job.priority, run.since});
      if (fresh) continue;
      if (job.priority > rank->second.priority) rank->second = {job.priority, run.since};
      if (job.priority == rank->second.priority) rank->second.oldest = std::min(rank->second.oldest, run.since);
    }
  }
  lanes = one_branch_each(lanes, limits.refused_headers);
  const auto goes_before = [&](const auto& a, const auto& b) {
    if (limits.prefer_never_refused && (a.first.most_together == 0) != (b.first.most_together == 0)) {
      return a.first.most_together == 0;
    }
    if (a.second.priority != b.second.priority) return a.second.priority > b.second.priority;
    return a.second.oldest < b.second.oldest;
  };
  std::vector<std::pair<Lane, LaneRank>> ranked(lanes.begin(), lanes.end());
  std::ranges::stable_sort(ranked, goes_before);
  std::vector<Lane> in_turn;
  for (auto& [lane, rank] : ranked) in_turn.push_back(std::move(lane));
  return in_turn;
}

std::vector<Cursor> cursors_of(const std::vector<PackJob>& jobs, const Lane& lane) {
  std::vector<Cursor> cursors;
  for (const auto& job : jobs) {
    if (job.headers != lane.headers) continue;
    Cursor cursor{job.job, job.priority, {}};
    for (const auto& run : job.pending) {
      if (run.most_together == lane.most_together) cursor.runs.push_back(&run);
    }
    if (!cursor.runs.empty()) cursors.push_back(std::move(cursor));
  }
  std::sort(cursors.begin(), cursors.end(), [](const Cursor& a, const Cursor& b) {
    return a.priority != b.priority ? a.priority > b.priority : a.job < b.job;
  });
  return cursors;
}

class Filler {
 public:
  Filler(Plan& plan, std::uint32_t requests_max, std::uint64_t bytes_max, Sizes& sizes)
      : plan_(plan), requests_max_(requests_max), bytes_max_(bytes_max), sizes_(sizes) {
    plan_.bytes = body_open.size() + body_close.size();
  }

  // The jobs of one priority, in turns.
  void fill(std::span<Cursor> equals) {
    bool moved = true;
    while (moved && !plan_.full) {
      moved = false;
      const auto share = (requests_max_ - plan_.requests) / equals.size();
      const auto turn = std::clamp<std::size_t>(share, 1, turn_requests_max);
      for (auto& cursor : equals) moved = take_turn(cursor, turn) || moved;
    }
  }

  // Drops the request that was taken last.
  void drop_last() {
    last_->give_back_last();
    --plan_.requests;
    plan_.bytes -= request_bytes(plan_.requests, sizes_.sent_params_bytes(last_->job, last_->next()));
  }

 private:
  bool take_turn(Cursor& cursor, std::size_t turn) {
    bool moved = false;
    for (std::size_t i = 0; i < turn && !cursor.done() && !plan_.full; ++i) {
      const auto bytes = request_bytes(plan_.requests, sizes_.sent_params_bytes(cursor.job, cursor.next()));
      // One that does not fit alone either goes alone: the provider has the last word.
      if (plan_.requests > 0 && plan_.bytes + bytes > bytes_max_) {
        plan_.full = true;
        break;
      }
      plan_.bytes += bytes;
      cursor.take();
      last_ = &cursor;
      moved = true;
      if (++plan_.requests == requests_max_) plan_.full = true;
    }
    return moved;
  }

  Plan& plan_;
  std::uint32_t requests_max_;
  std::uint64_t bytes_max_;
  Sizes& sizes_;
  Cursor* last_ = nullptr;
};

// What the cursors took, as parts; and the oldest of it.
void write_parts(Plan& plan, const std::vector<Cursor>& cursors) {
  plan.oldest = Instant::max();
  for (const auto& cursor : cursors) {
    for (std::size_t i = 0; i < cursor.runs.size() && i <= cursor.run; ++i) {
      const auto& run = *cursor.runs[i];
      const auto count = i < cursor.run ? run.range.count : cursor.taken_of_run;
      if (count == 0) continue;
      plan.parts.push_back({{run.range.job, run.range.first, count}, run.attempts, run.most_together, run.refused_at});
      plan.oldest = std::min(plan.oldest, run.since);
    }
  }
}

std::uint32_t requests_max_of(const Lane& lane, const PackLimits& limits) {
  return lane.most_together == 0 ? limits.requests : std::min(limits.requests, lane.most_together);
}

Plan plan_lane(const std::vector<PackJob>& jobs, const Lane& lane, const PackLimits& limits, Sizes& sizes) {
  Plan plan;
  const auto requests_max = requests_max_of(lane, limits);
  if (requests_max == 0) return plan;
  plan.headers = lane.headers;
  plan.apart = lane.most_together != 0;

  auto cursors = cursors_of(jobs, lane);
  Filler filler(plan, requests_max, limits.bytes, sizes);
  for (auto first = cursors.begin(); first != cursors.end() && !plan.full;) {
    const auto last =
        std::find_if(first, cursors.end(), [&](const Cursor& c) { return c.priority != first->priority; });
    filler.fill({first, last});
    first = last;
  }
  // Two unsettled intents of one size could not be told apart in a list.
  if (limits.taken_counts.contains(plan.requests)) {
    const auto taken = plan.requests;
    filler.drop_last();
    if (plan.requests > 0 && limits.taken_counts.contains(plan.requests)) {
      // Several sizes are taken: the next free one below, by planning for it.
      auto smaller = limits;
      smaller.requests = taken - 1;
      return plan_lane(jobs, lane, smaller, sizes);
    }
  }
  write_parts(plan, cursors);
  return plan;
}

}  // namespace

// A lane all of whose sizes are taken keeps nobody behind it waiting.
// Model: T2.
Plan plan_batch(const std::vector<PackJob>& jobs, const PackLimits& limits, Sizes& sizes) {
  for (const auto& lane : lanes_in_turn(jobs, limits)) {
    auto plan = plan_lane(jobs, lane, limits, sizes);
    if (!plan.empty()) return plan;
  }
  return {};
}

bool surely_full(const std::vector<PackJob>& jobs, const PackLimits& limits) {
  const auto lanes = lanes_in_turn(jobs, limits);
  const auto requests_max = lanes.empty() ? 0 : requests_max_of(lanes.front(), limits);
  if (requests_max == 0) return false;
  std::uint64_t waiting = 0;
  for (const auto& cursor : cursors_of(jobs, lanes.front())) {
    for (const auto* run : cursor.runs) waiting += run->range.count;
  }
  return waiting >= requests_max;
}

std::optional<Instant> send_at(const Plan& plan, Duration linger, Instant now) {
  if (plan.empty()) return std::nullopt;
  if (plan.full || plan.apart || plan.oldest > now) return now;
  return std::max(now, plan.oldest + linger);
}

namespace {

// What is adopted by its count may turn out to be of work that was forgotten, so all waits, not only what came back.
// Model: GATE_OPEN.
PackGate restore_gate(Instant restored_at, const Config& config, Instant now) {
  const auto until = restored_at + config.provider.settle_unknown;
  if (until > now) {
    return {GateKind::restored,
            "the state was put back to an earlier time, and what was sent just before that may not be listed yet: "
            "nothing is sent before a later list has been read",
            until};
  }
  return {GateKind::restored,
          "the state was put back to an earlier time: nothing is sent before all creates and batches that it knows are "
          "settled, and then a list shows no others",
          std::nullopt};
}

}  // namespace

std::optional<PackGate> closed_gate(const PackView& view, const Config& config, Instant now) {
  if (view.intent_uploading) return PackGate{GateKind::sending, "another batch is being sent", std::nullopt};
  if (view.submitting_paused)
    return PackGate{GateKind::operator_pause, "submitting is paused by the operator: `offpeak resume`", std::nullopt};
  if (view.unexplained_batches) {
    return PackGate{GateKind::unexplained, "the provider lists batches that nothing here explains: `offpeak reconcile`",
                    std::nullopt};
  }
  // In a shared workspace no list tells what is ours.
  if (view.restored_at && config.provider.exclusive) return restore_gate(*view.restored_at, config, now);
  // A wait longer than the longest backoff tells of a clock that was set back.
  const auto due = [&](Instant at) { return at <= now || at > now + 2 * config.retry.max_backoff; };
  if (view.account.paused && !due(view.account.next_try_at)) {
    return PackGate{GateKind::account, "the account is paused: " + view.account.reason, view.account.next_try_at};
  }
  if (view.delay.tries > 0 && !due(view.delay.not_before))
    return PackGate{GateKind::backoff, view.delay.reason, view.delay.not_before};
  if (view.open_batches >= config.batch.max_open_batches)
    return PackGate{GateKind::open_batches, "max_open_batches is reached", std::nullopt};
  if (view.queued_requests >= config.batch.max_queued_requests) {
    return PackGate{GateKind::queued_requests, "max_queued_requests is reached", std::nullopt};
  }
  if (config.money.daily_cap_usd > 0 && to_usd(view.spent_today) >= config.money.daily_cap_usd) {
    const auto tomorrow = std::chrono::floor<std::chrono::days>(now) + std::chrono::days(1);
    return PackGate{GateKind::daily_cap, "daily_cap_usd is reached", Instant(tomorrow)};
  }
  return std::nullopt;
}

PackLimits limits_for(const PackView& view, const BatchConfig& config) {
  PackLimits limits;
  const auto room = static_cast<std::int64_t>(config.max_queued_requests) - view.queued_requests;
  limits.requests = static_cast<std::uint32_t>(std::clamp<std::int64_t>(room, 0, config.max_requests));
  limits.bytes = config.max_bytes;
  if (view.learned_max_bytes != 0) limits.bytes = std::min(limits.bytes, view.learned_max_bytes);
  limits.taken_counts = view.unsettled_counts;
  limits.prefer_never_refused = view.account.paused || view.refused_last;
  limits.refused_headers = view.refused_headers;
  return limits;
}

}  // namespace offpeak
