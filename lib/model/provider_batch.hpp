// ProviderBatch: the provider's MessageBatch object, as far as it could be read. Pure values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.hpp"

namespace offpeak {

enum class ProcessingStatus : std::uint8_t {
  in_progress,
  canceling,
  ended,
  unknown,  // a word that we do not know: nothing is learned from it
};

struct ProviderCounts {
  std::int64_t processing = 0, succeeded = 0, errored = 0, canceled = 0, expired = 0;
  // Always the number of requests in the batch.
  std::int64_t total() const { return processing + succeeded + errored + canceled + expired; }
  auto operator<=>(const ProviderCounts&) const = default;
};

struct ProviderBatch {
  std::string id;  // msgbatch_...; length and format may change
  ProcessingStatus status = ProcessingStatus::in_progress;
  ProviderCounts counts;
  Instant created_at{};  // the provider's clock
  Instant expires_at{};
  std::optional<Instant> ended_at, archived_at, cancel_initiated_at;
  // False where a list's entry did not say it in a way that we read: then `counts` are zeros, or both dates mean
  // nothing. Always true for a batch that was asked for by its id.
  bool counts_known = true;
  bool created_at_known = true;
  bool operator==(const ProviderBatch&) const = default;
};

}  // namespace offpeak
