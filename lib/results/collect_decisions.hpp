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
  collect,     // every request has its line, and the lines are what the provider counts
  ask_counts,  // they are not: the provider is asked once more what it counts
  disprove,    // an adopted batch that carries nothing of ours
  ask_batch,   // its results are not there: has it been archived?
  again,       // download once more after a backoff
};

struct CollectFacts {
  TransferEnd end = TransferEnd::complete;
  bool proven = false;         // the batch was proven before this download
  std::uint32_t requests = 0;  // of the batch
  TypeCounts told{};           // the provider's
};

// Lines of offpeak and of somebody else in one batch: it cannot be told whose it is. A stray line is no mix: it is kept
// aside and reported, and so are lines beside a whole set of ours.
bool is_mixed(const ReadTally& tally, std::uint32_t requests);

CollectStep after_download(const CollectFacts& facts, const ReadTally& tally);

// What cannot be read, or does not agree with the provider's counts, is downloaded so often. Lines that are simply not
// there may still come; they are waited for longer, at the longest backoff about a day; and about a week for a file in
// which no line is ours, since it may not be the results at all.
inline constexpr std::uint32_t downloads_of_doubt = 3;
inline constexpr std::uint32_t downloads_of_missing = 24;
inline constexpr std::uint32_t downloads_of_nothing = 7 * 24;

// After so many whole downloads that left a doubt, the one of this tally included, a batch is taken as it is.
std::uint32_t downloads_needed(std::uint32_t requests, const ReadTally& tally);

// How a batch ends that is taken as it is. Requests without a line are errored, and never sent again by themselves;
// nor is what its lines say that goes again, where the provider counts successes that no line explains.
struct DoubtfulEnd {
  bool again_in_doubt = false;
  std::string reason;  // for the batch and the log
};
DoubtfulEnd doubtful_end(const ReadTally& tally, std::uint32_t requests, const TypeCounts& told);

std::string counts_text(const TypeCounts& counts);
TypeCounts counts_told(const Batch& batch);
TypeCounts counts_told(const ProviderBatch& batch);

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

// The outcomes of requests whose result can no longer be had, was never in the results, or is in doubt.
std::string lost_result(const Batch& batch);
std::string missing_result(const Batch& batch);
std::string doubted_result(const Batch& batch);

// For the log and the batch's reason: how many lines of each kind.
std::string describe(const ReadTally& tally, std::uint32_t requests);

}  // namespace offpeak
