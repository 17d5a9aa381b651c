// A batch at the provider that no intent explains, as the start-up guard finds it: it holds submitting.
#pragma once

#include <string>

#include "queue/queue.hpp"

namespace offpeak::testing {

inline void find_strange(Queue& queue, const std::string& id, std::int64_t requests, Instant created_at, Instant now,
                         bool exclusive = true) {
  ProviderBatch batch;
  batch.id = id;
  batch.counts.processing = requests;
  batch.created_at = created_at;
  batch.expires_at = created_at + std::chrono::hours(24);
  queue.see_list({batch}, {now, std::nullopt, exclusive}, Queue::ListLook::start);
}

}  // namespace offpeak::testing
