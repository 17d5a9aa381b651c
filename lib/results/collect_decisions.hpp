// What becomes of a batch after a download of its results: pure. No I/O, no clock.
#pragma once

#include <cstdint>
#include <string>

#include "config/config.hpp"
#include "provider/provider.hpp"
#include "queue/rows.hpp"
#include "results/download_reader.hpp"

namespace offpeak {

// How a download ended, as far as it matters here.
enum class TransferEnd : std::uint8_t {
  complete,   // the whole body came
  cut,        // some of it came, or none; the network or the provider is at fault
  not_there,  // 404: right after `ended` it may only be too early
  disk_full,  // our own disk
};

enum class CollectStep : std::uint8_t {
  collect,     // what is recorded decides whether every request has its line
  ask_counts,  // every request has a line, but the counts by type are not the provider's: ask it again
  disprove,    // an adopted batch that carries nothing of ours
  ask_batch,   // its results are not there: has it been archived?
  again,       // download once more after a backoff
};

struct CollectFacts {
  TransferEnd end = TransferEnd::complete;
  bool proven = false;                 // the batch was proven before this download
  std::uint32_t requests = 0;          // of the batch
  std::array<std::int64_t, 4> told{};  // the provider's counts by OutcomeType
  bool said_before = false;            // the download before this one had the same counts by type
};

// Lines of offpeak and of somebody else in one batch: it cannot be told whose it is. A stray line is no mix: it is kept
// aside and reported, and so are lines beside a whole set of ours.
bool is_mixed(const ReadTally& tally, std::uint32_t requests);

CollectStep after_download(const CollectFacts& facts, const ReadTally& tally);

std::array<std::int64_t, 4> counts_told(const Batch& batch);
std::array<std::int64_t, 4> counts_told(const ProviderBatch& batch);

TransferEnd end_of(const CallFailure& failure, bool disk_full);

// The results are kept for 29 days from created_at. Our clock may be wrong by years, so this alone proves nothing.
bool is_overdue(const Batch& batch, Instant now);
// What the provider said about a batch whose results cannot be had: are they gone for good? The batch itself must say
// so; or it is not known any more, its 29 days are over, and that was so at many tries.
bool is_gone(const Batch& batch, const Called<ProviderBatch>& told, Instant now);
// Waits of ours are never longer; a time further ahead was made by a clock that was set back since.
Duration longest_wait(const RetryConfig& retry);
// Past 20 of those 29 days: somebody should look.
bool is_at_risk(const Batch& batch, Instant now);

// The outcome of a request whose result can no longer be had.
std::string lost_result(const Batch& batch);

// For the log and the batch's reason: how many lines of each kind.
std::string describe(const ReadTally& tally, std::uint32_t requests);

}  // namespace offpeak
