// Every state of the product and every legal change between them. The words are those of the contract with users; the
// database holds them as text and CHECKs them.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace offpeak {

// pending -> assigned (to an intent) -> submitted (the batch exists) -> an outcome, or back to pending.
enum class RequestState : std::uint8_t { pending, assigned, submitted, succeeded, errored, expired, canceled };
enum class JobState : std::uint8_t { queued, running, held, canceling, done, canceled };
// uploading -> committing -> created | rejected | unknown; unknown -> created | not_created.
enum class IntentState : std::uint8_t { uploading, committing, created, rejected, unknown, not_created };
// The provider's own words, then collected.
enum class BatchState : std::uint8_t { in_progress, canceling, ended, collected };
// Final, one for each request.
enum class OutcomeType : std::uint8_t { succeeded, errored, expired, canceled };

std::string_view to_text(RequestState state);
std::string_view to_text(JobState state);
std::string_view to_text(IntentState state);
std::string_view to_text(BatchState state);
std::string_view to_text(OutcomeType type);

std::optional<RequestState> parse_request_state(std::string_view text);
std::optional<JobState> parse_job_state(std::string_view text);
std::optional<IntentState> parse_intent_state(std::string_view text);
std::optional<BatchState> parse_batch_state(std::string_view text);
std::optional<OutcomeType> parse_outcome_type(std::string_view text);

// Is the change legal? Staying where one is counts as legal only for batches (a poll that brings nothing new).
bool may_change(RequestState from, RequestState to);
bool may_change(JobState from, JobState to);
bool may_change(IntentState from, IntentState to);
bool may_change(BatchState from, BatchState to);

constexpr RequestState as_request_state(OutcomeType type) {
  return static_cast<RequestState>(static_cast<int>(RequestState::succeeded) + static_cast<int>(type));
}

}  // namespace offpeak
