// Stores what followed from a create call: the end of its intent, then what the workspace does next.
#pragma once

#include <optional>

#include "provider/verdict.hpp"
#include "queue/queue.hpp"
#include "submit/consequence.hpp"

namespace offpeak {

// For a function that writes (Database::write): all of it is stored, or nothing. An intent that was ended meanwhile
// keeps its end. Database worker.
void record_create(Queue& queue, const Intent& intent, const CreateVerdict& verdict, const Consequence& consequence,
                   std::optional<JobId> damaged_job, Instant now);

// The provider accepted the batch and counts something else than what was sent. Where only the id could be read there
// are no counts to compare.
bool counts_differ(const Intent& intent, const ProviderBatch& created);

}  // namespace offpeak
