#include "submit/guard.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/backoff.hpp"
#include "submit/settler.hpp"

namespace offpeak {

namespace {

// Down to the newest batch that we know; on a new state, just the newest one.
class DownToKnown final : public ListWalk {
 public:
  explicit DownToKnown(std::optional<Instant> newest_known_at) : newest_known_at_(newest_known_at) {}
  bool ends_at(const ProviderBatch& batch) const override {
    return newest_known_at_ && batch.created_at <= *newest_known_at_;
  }

 private:
  std::optional<Instant> newest_known_at_;
};

}  // namespace

// Model: T16.
std::vector<UnexplainedBatch> unexplained_of(const std::vector<ProviderBatch>& newer,
                                             const std::set<std::string>& known,
                                             const std::vector<Intent>& unknown_intents, bool exclusive) {
  std::vector<UnexplainedBatch> found;
  for (const auto& batch : newer) {
    if (known.contains(batch.id)) continue;
    const bool explained = std::any_of(unknown_intents.begin(), unknown_intents.end(), [&](const Intent& intent) {
      return static_cast<std::int64_t>(intent.requests) == batch.counts.total();
    });
    if (explained) continue;
    found.push_back({batch.id, batch.counts.total(), batch.created_at, exclusive ? "open" : "dismissed"});
  }
  return found;
}

Task<> Guard::pass() {
  for (int failures = 1; !co_await try_once(); ++failures) {
    const auto wait = backoff(config_.retry.backoff, config_.retry.max_backoff, failures, random_.unit());
    co_await sleep_for(clock_, wait);
  }
  waiting_ = false;
}

// Model: T16.
Task<bool> Guard::try_once() {
  const auto newest_known_at = co_await database_.run([](Queue& queue) { return queue.newest_known_at(); });
  if (!newest_known_at) {
    ListQuery query;
    query.limit = 1;
    auto newest = co_await provider_.list(query);
    if (!newest.ok()) {
      log_.warning("guard.no_list", {{"message", newest.failure().message}});
      co_return false;
    }
    const auto& page = newest.value();
    // Where the newest says no date: it is not younger than the answer.
    const auto at =
        page.batches.empty() || page.batches.front().created_at_known ? std::optional<Instant>() : page.date;
    co_await database_.run([page, at](Queue& queue) {
      if (page.batches.empty()) {
        queue.take_as_known("", Instant{});
      } else {
        queue.take_as_known(page.batches.front().id, at.value_or(page.batches.front().created_at));
      }
    });
    co_return true;
  }
  DownToKnown walk(newest_known_at);
  auto listed = co_await list_down_to(provider_, walk);
  if (!listed.ok()) {
    log_.warning("guard.no_list", {{"message", listed.failure().message}});
    co_return false;
  }
  const bool exclusive = config_.provider.exclusive;
  const auto found = co_await database_.run([newer = listed.value(), exclusive](Queue& queue) {
    auto unexplained = unexplained_of(newer, queue.known_ids(IntentId()), queue.unknown_intents(), exclusive);
    // What was decided before is not asked again.
    std::erase_if(unexplained, [&](const UnexplainedBatch& batch) {
      const auto before = queue.unexplained(batch.provider_id);
      return before && before->state != "open";
    });
    queue.record_unexplained(unexplained);
    return unexplained;
  });
  for (const auto& batch : found) {
    log_.warning("batch.unexplained", {{"batch", batch.provider_id},
                                       {"requests", batch.requests},
                                       {"holds_submitting", exclusive},
                                       {"act", fmt::format("offpeak reconcile {} claim", batch.provider_id)}});
  }
  co_return true;
}

}  // namespace offpeak
