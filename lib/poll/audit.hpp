// The late-arrival audit (product contract 6.6): for 26 hours after a "not created" verdict every list is compared with
// it. Pure.
#pragma once

#include <vector>

#include "provider/provider.hpp"
#include "queue/rows.hpp"

namespace offpeak {

struct LateTwin {
  IntentId intent;
  ProviderBatch batch;
};

// Batches of the page that came after all: unknown to us, newer than the watermark of an intent that was taken as not
// created, with its request count. What may still be an unsettled intent of ours is never taken for a twin. At most one
// for an intent.
std::vector<LateTwin> late_twins(const std::vector<ProviderBatch>& page, const AuditView& view);

}  // namespace offpeak
