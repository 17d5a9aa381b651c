// What becomes of a batch after a download of its results: pure. No I/O, no clock.
#pragma once

#include <cstdint>
#include <string>

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

CollectStep after_download(const CollectFacts& facts, const ReadTally& tally);

std::array<std::int64_t, 4> counts_told(const Batch& batch);
std::array<std::int64_t, 4> counts_told(const ProviderBatch& batch);

TransferEnd end_of(const CallFailure& failure, bool disk_full);

// The results are kept for 29 days from created_at.
bool is_overdue(const Batch& batch, Instant now);
// Past 20 of those 29 days: somebody should look.
bool is_at_risk(const Batch& batch, Instant now);

// The outcome of a request whose result can no longer be had.
std::string lost_result(const Batch& batch);

// For the log and the batch's reason: how many lines of each kind.
std::string describe(const ReadTally& tally, std::uint32_t requests);

}  // namespace offpeak
