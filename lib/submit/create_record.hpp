// Stores what followed from a create call: the end of its intent, then what the workspace does next.
#pragma once

#include <optional>

#include "provider/verdict.hpp"
#include "queue/queue.hpp"
#include "submit/consequence.hpp"

namespace offpeak {

// Several transactions, each durable when the next begins. May be called again with the same arguments where one of
// them met a full disk (QueueDiskFull): what is stored already is left as it is. Database worker.
void record_create(Queue& queue, const Intent& intent, const CreateVerdict& verdict, const Consequence& consequence,
                   std::optional<JobId> damaged_job, Instant now);

}  // namespace offpeak
