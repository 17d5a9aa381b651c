// The record of a batch that was just created or adopted. It begins as in_progress, whatever the provider says already:
// its end is the poller's to see, and only the poller rings the collector.
#pragma once

#include "provider/provider.hpp"
#include "queue/rows.hpp"

namespace offpeak {

inline Batch new_batch(const ProviderBatch& created) {
  Batch batch;
  batch.provider_id = created.id;
  batch.created_at = created.created_at;
  batch.expires_at = created.expires_at;
  batch.processing = created.counts.total();
  return batch;
}

}  // namespace offpeak
