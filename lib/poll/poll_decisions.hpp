// What a poll means and when the next one comes: pure. No I/O, no clock.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "model/limits.hpp"
#include "provider/provider.hpp"
#include "queue/rows.hpp"

namespace offpeak {

// One page shows the newest batches of the whole workspace; a page this long shows all of ours at most
// times.
inline constexpr std::uint32_t page_limit_least = 100;
inline constexpr std::uint32_t page_limit_most = 1000;
// Batches that fell out of the page are asked for one by one, so many a round.
inline constexpr std::size_t retrieves_a_round = 20;

std::uint32_t page_limit(std::size_t open_batches);

// What the provider's word about one batch of ours is worth.
struct PollReading {
  BatchSeen seen;
  bool changed = false;     // anything but what is known
  bool ended = false;       // it has ended now
  bool went_back = false;   // a status that it had left before: not believed
  bool counts_off = false;  // the counts do not add up to its requests
  bool late = false;        // not ended although expired long ago
};
PollReading read_poll(const Batch& known, const ProviderBatch& told, Instant now);
// What a human should know about the batch, or nothing. The same words as long as it is the same trouble.
std::optional<std::string> oddness(const Batch& known, const PollReading& reading);
// A 404 on a batch that we created.
std::string unknown_at_provider(const Batch& known);

// Whatever the provider asks for, nothing waits longer than [retry] max_backoff.
CallFailure bounded(CallFailure failure, const RetryConfig& retry);

// How often the list is read as far down as what is compared with it.
Duration audit_interval(const PollConfig& config, const AuditFloor& floor);
// The same while nothing is in flight, and it is read for that alone.
Duration alone_interval(const PollConfig& config, const AuditFloor& floor);
// Does this page, newest first, show all that is newer than the floor?
bool reaches(const std::vector<ProviderBatch>& page, const AuditFloor& floor);

// Splits the open batches by whether the page shows them; both in the order of `open`.
struct PageMatch {
  std::vector<std::pair<std::size_t, std::size_t>> found;  // index in open, index in the page
  std::vector<std::size_t> missing;                        // index in open
};
PageMatch match_page(const std::vector<Batch>& open, const std::vector<ProviderBatch>& page);

// The next `most` of the missing ones, going round: those after `last_asked` first, in order of id.
std::vector<std::size_t> choose_to_retrieve(const std::vector<Batch>& open, const std::vector<std::size_t>& missing,
                                            BatchId last_asked, std::size_t most);

// How fast to poll. Fast after a change, ever slower while nothing changes.
class PollPace {
 public:
  // After a poll that was answered. `hint` is its retry-after, which max_interval bounds.
  Duration after_answer(bool changed, std::optional<Duration> hint, const PollConfig& config);
  // After one that was not: `retry_after` binds on 429 and 5xx. `unit` is a random number in [0, 1).
  Duration after_failure(const CallFailure& failure, const PollConfig& config, double unit);
  // Something was submitted or canceled: fast again. How long after the last poll the next one is due.
  Duration after_news(const PollConfig& config);

 private:
  Duration interval_{};
  int failures_ = 0;
};

}  // namespace offpeak
