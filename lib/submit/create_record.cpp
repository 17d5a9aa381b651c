#include "submit/create_record.hpp"

#include <fmt/format.h>

#include "submit/new_batch.hpp"

namespace offpeak {

namespace {

// An answer of which only the id could be read is from this moment. Without times, the first results that cannot be had
// would be taken for 29 days over, and lost.
Batch with_times(Batch batch, const Intent& intent, Instant now) {
  if (to_millis(batch.created_at) != 0) return batch;
  batch.times_are_ours = true;
  batch.created_at = now;
  batch.expires_at = now + std::chrono::hours(24);
  batch.processing = intent.requests;
  return batch;
}

// Where the answer of a create names a batch that is proven to be another intent's, it cannot be this one's.
// Model: T7.
void record_created_once(Queue& queue, const Intent& intent, const ProviderBatch& created, Instant now) {
  if (queue.record_answered(intent.id, with_times(new_batch(created), intent, now), now)) {
    if (counts_differ(intent, created)) {
      queue.note("created_counts_differ",
                 fmt::format("batch {}: {} requests were sent, the provider counts {}; compare with its console",
                             created.id, intent.requests, created.counts.total()),
                 now);
    }
    return;
  }
  queue.exclude_candidate(intent.id, created.id);
  queue.mark_unknown(intent.id, fmt::format("the create was answered with {}, which is another batch", created.id),
                     now);
}

void record_end(Queue& queue, const Intent& intent, const CreateVerdict& verdict, const Consequence& consequence,
                Instant now) {
  switch (consequence.end) {
    case IntentEnd::created:
      record_created_once(queue, intent, *verdict.batch, now);
      return;
    case IntentEnd::refused:
      queue.record_refused(intent.id, consequence.refusal, now);
      return;
    case IntentEnd::unknown:
      queue.mark_unknown(intent.id, consequence.reason, now);
      return;
  }
}

}  // namespace

bool counts_differ(const Intent& intent, const ProviderBatch& created) {
  return to_millis(created.created_at) != 0 && created.counts.total() != intent.requests;
}

void record_create(Queue& queue, const Intent& intent, const CreateVerdict& verdict, const Consequence& consequence,
                   std::optional<JobId> damaged_job, Instant now) {
  const auto stored = queue.intent(intent.id);
  const bool open = stored && (stored->state == IntentState::uploading || stored->state == IntentState::committing);
  if (open) record_end(queue, intent, verdict, consequence, now);
  if (consequence.end == IntentEnd::created) {
    if (queue.account().paused) queue.resume_account();
    if (queue.create_delay().tries > 0) queue.end_create_delay();
  }
  if (consequence.account) {
    queue.pause_account(consequence.account->reason, consequence.account->next_try_at, consequence.account->tries, now);
  }
  if (consequence.delay) queue.delay_creates(*consequence.delay, now);
  if (damaged_job) queue.hold_job(*damaged_job, "its claimed file is missing or damaged: " + verdict.message);
}

}  // namespace offpeak
