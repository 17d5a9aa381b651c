#include "submit/settle.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace offpeak {

bool reaches_watermark(const ProviderBatch& batch, const Intent& intent) {
  if (intent.watermark && batch.id == *intent.watermark) return true;
  // The watermark itself may have been deleted; what is older cannot be ours.
  return intent.watermark_at && batch.created_at_known && batch.created_at < *intent.watermark_at;
}

// Model: T13.
std::vector<ProviderBatch> candidates(const std::vector<ProviderBatch>& newest_first, const Intent& intent,
                                      const std::set<std::string>& known_ids) {
  std::vector<ProviderBatch> found;
  for (const auto& batch : newest_first) {
    if (reaches_watermark(batch, intent)) break;
    if (known_ids.contains(batch.id)) continue;
    if (batch.counts.total() == static_cast<std::int64_t>(intent.requests)) found.push_back(batch);
  }
  return found;
}

// Model: T13.
SettleDecision decide(const std::vector<ProviderBatch>& found, Observation& seen, SteadyTime now,
                      Duration settle_unknown) {
  if (found.size() == 1) {
    seen = Observation();
    return {SettleStep::adopt, found, "one batch in the list can be it"};
  }
  if (found.size() > 1) {
    seen = Observation();
    SettleDecision decision;
    std::copy_if(found.begin(), found.end(), std::back_inserter(decision.batches),
                 [](const ProviderBatch& batch) { return batch.status == ProcessingStatus::ended; });
    decision.step = decision.batches.empty() ? SettleStep::look_again : SettleStep::peek;
    decision.reason =
        fmt::format("{} batches in the list can be it; the first that ends shows its nonce", found.size());
    return decision;
  }
  if (!seen.first_clean_at) seen.first_clean_at = now;
  // Lists in one moment are one witness: they count only where they are spread.
  const bool spread = !seen.last_clean_at || now - *seen.last_clean_at >= look_interval(settle_unknown) / 2;
  if (spread) {
    seen.last_clean_at = now;
    ++seen.clean_lists;
  }
  if (seen.clean_lists >= clean_lists_min && now - *seen.first_clean_at >= settle_unknown) {
    return {SettleStep::not_created, {}, "no list showed it"};
  }
  return {SettleStep::look_again, {}, fmt::format("{} clean lists did not show it", seen.clean_lists)};
}

Duration look_interval(Duration settle_unknown) {
  return std::clamp<Duration>(settle_unknown / (clean_lists_min + 1), Duration(1), std::chrono::minutes(1));
}

}  // namespace offpeak
