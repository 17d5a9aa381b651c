#include "poll/audit.hpp"

#include <algorithm>

namespace offpeak {

namespace {

// A batch newer than the intent's watermark with its request count: nothing in the list tells it from the intent's own.
bool may_be(const ProviderBatch& batch, const Intent& intent) {
  const bool newer = !intent.watermark_at || batch.created_at > *intent.watermark_at;
  return newer && batch.counts.total() == static_cast<std::int64_t>(intent.requests);
}

}  // namespace

std::vector<LateTwin> late_twins(const std::vector<ProviderBatch>& page, const AuditView& view) {
  std::vector<LateTwin> found;
  std::set<IntentId> answered;
  for (const auto& batch : page) {
    if (view.known.contains(batch.id)) continue;
    const auto unsettled = [&](const Intent& intent) { return may_be(batch, intent); };
    if (std::any_of(view.unsettled.begin(), view.unsettled.end(), unsettled)) continue;
    for (const auto& intent : view.audited) {
      const auto excluded = view.excluded.find(intent.id);
      const bool disproved = excluded != view.excluded.end() && excluded->second.contains(batch.id);
      if (disproved || !may_be(batch, intent) || !answered.insert(intent.id).second) continue;
      found.push_back({intent.id, batch});
      break;
    }
  }
  return found;
}

}  // namespace offpeak
