#include "submit/settle.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "queue/strangers.hpp"

namespace offpeak {

namespace {

std::vector<ProviderBatch> ended_of(const std::vector<ProviderBatch>& batches) {
  std::vector<ProviderBatch> ended;
  std::ranges::copy_if(batches, std::back_inserter(ended),
                       [](const ProviderBatch& batch) { return batch.status == ProcessingStatus::ended; });
  return ended;
}

// One that has ended shows its nonce; until then there is nothing to do but look.
SettleDecision wait_for_nonce(const std::vector<ProviderBatch>& batches, std::string reason) {
  SettleDecision decision;
  decision.batches = ended_of(batches);
  decision.step = decision.batches.empty() ? SettleStep::look_again : SettleStep::peek;
  decision.reason = std::move(reason);
  for (const auto& batch : batches)
    decision.until = std::max(decision.until.value_or(batch.expires_at), batch.expires_at);
  return decision;
}

}  // namespace

// Model: T13.
Candidates candidates(const WholeList& list, const Intent& intent, const KnownIds& known, bool exclusive) {
  const auto loosely = exclusive ? CountRule::any : CountRule::equal_or_untold;
  Candidates found;
  std::vector<ProviderBatch> open;
  for (const auto& batch : list.newest_first) {
    if (known.anothers.contains(batch.id)) {
      if (may_be(batch, intent, loosely)) found.anothers.push_back(batch);
    } else if (known.decided.contains(batch.id)) {
      continue;
    } else if (may_be(batch, intent, CountRule::equal)) {
      (known.open.contains(batch.id) ? open : found.equal).push_back(batch);
    } else if (may_be(batch, intent, loosely)) {
      found.possible.push_back(batch);
    }
  }
  // Beside another one they are several, and the first that ends shows its nonce; alone, none is adopted before that.
  auto& together = found.equal.empty() ? found.possible : found.equal;
  together.insert(together.end(), open.begin(), open.end());
  return found;
}

// Model: T13.
SettleDecision decide(const Candidates& found, Observation& seen, SteadyTime now, Duration settle_unknown) {
  if (!found.equal.empty() || !found.possible.empty() || !found.anothers.empty()) seen = Observation();
  if (found.equal.size() == 1) return {SettleStep::adopt, found.equal, "one batch in the list can be it", {}};
  if (found.equal.size() > 1) {
    return wait_for_nonce(
        found.equal,
        fmt::format("{} batches in the list can be it; the first that ends shows its nonce", found.equal.size()));
  }
  if (!found.possible.empty()) {
    return wait_for_nonce(
        found.possible,
        fmt::format("batch {} was made since, and may be the one: its results will show that; where it is not yours: "
                    "offpeak reconcile {} dismiss",
                    found.possible.front().id, found.possible.front().id));
  }
  if (!found.anothers.empty()) {
    const auto& batch = found.anothers.front();
    return {
        SettleStep::look_again,
        {},
        fmt::format("batch {} was taken for that of another create by its size alone: its results will show whose it "
                    "is",
                    batch.id),
        batch.expires_at};
  }
  // Lists in one moment are one witness: they count only where they are spread.
  const bool spread = !seen.last_clean_at || now - *seen.last_clean_at >= look_interval(settle_unknown) / 2;
  if (spread) {
    const auto between = std::chrono::floor<Duration>(now - seen.last_clean_at.value_or(now));
    seen.watched += std::min(between, most_watched(settle_unknown));
    seen.last_clean_at = now;
    ++seen.clean_lists;
  }
  if (seen.clean_lists >= clean_lists_min && seen.watched >= settle_unknown) {
    return {SettleStep::not_created, {}, "no list showed it", {}};
  }
  return {SettleStep::look_again, {}, fmt::format("{} clean lists did not show it", seen.clean_lists), {}};
}

Duration most_watched(Duration settle_unknown) {
  return std::max<Duration>(settle_unknown / clean_lists_min, Duration(1));
}

Duration look_interval(Duration settle_unknown) {
  return std::clamp<Duration>(settle_unknown / (clean_lists_min + 1), Duration(1), std::chrono::minutes(1));
}

}  // namespace offpeak
