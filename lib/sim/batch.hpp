// One simulated Message Batch: who is in it, and what it looks like at any instant. Pure: the instant is
// given.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "model/states.hpp"

namespace offpeak::sim {

inline constexpr std::uint32_t no_content = UINT32_MAX;  // of a request that another program made

// 40 bytes a request; its custom_id lies in the batch's arena.
struct Request {
  std::uint32_t id_at = 0;
  std::uint32_t content = no_content;
  std::uint32_t model = 0;  // in Tables::models
  std::uint32_t error = 0;  // in Tables::errors, where errored
  std::uint32_t params_bytes = 0;
  std::uint32_t max_tokens = 0;
  std::uint32_t answer_bytes = 0;
  std::uint16_t attempt = 1;
  std::uint8_t id_bytes = 0;
  OutcomeType type = OutcomeType::succeeded;  // if it is processed in time
  std::uint8_t stop_reason = 0;
  bool error_by_worker = false;
  bool missing = false;
  bool cached = false, cached_1h = false;
};

struct Counts {
  std::int64_t processing = 0, succeeded = 0, errored = 0, canceled = 0, expired = 0;
  bool operator==(const Counts&) const = default;
};

enum class Status : std::uint8_t { in_progress, canceling, ended };

// Who made a batch: the client under test, or a stranger.
enum class Maker : std::uint8_t {
  client,
  program,  // another program: ids of its own
  offpeak,  // a second offpeak: wire ids as the client's, of another nonce
};

class Batch {
 public:
  std::string id;
  std::uint64_t number = 0;  // from 1, in the order of the accepted creates
  std::uint64_t seed = 0;
  std::string workspace;
  Instant created_at{};
  Instant listed_at{};     // visible in lists from then on
  Instant retrieved_at{};  // known to retrieve, results and cancel from then on
  Duration processing_time{0};
  Duration expire_after{0};
  Duration results_kept{0};
  bool never_ends = false;
  Maker maker = Maker::client;
  bool foreign = false;              // a stranger's
  std::uint64_t copy_of = 0;         // the number of the batch whose POST something between has repeated, or 0
  Instant tallied_at{};              // request_counts are all zero before
  bool shown = false;                // by a list
  std::optional<Instant> hidden_at;  // when a list ended before it last, from listed_at on
  bool deleted = false;
  bool settled = false;  // its end is in the ledger
  std::optional<Instant> cancel_at;
  Duration cancel_time{0};
  std::uint64_t body_bytes = 0;
  std::uint32_t results_reads = 0;
  Counts final_counts;  // where settled

  void add(std::string_view custom_id, Request request);
  void shrink();
  const std::vector<Request>& requests() const { return requests_; }
  std::vector<Request>& requests() { return requests_; }
  std::string_view custom_id(std::uint32_t index) const;
  // The custom_id that occurs twice and whose second place is first, or nothing.
  std::optional<std::string_view> duplicate_id() const;

  std::optional<Instant> ended_at() const;
  bool has_ended(Instant at) const;
  Status status(Instant at) const;
  bool archived(Instant at) const { return has_ended(at) && at >= created_at + results_kept; }
  // What the request is in the results, given how the batch ended.
  OutcomeType outcome(std::uint32_t index) const;
  // With `progress`, what is processed by then is counted; else all are processing until the end.
  Counts counts(Instant at, bool progress) const;
  // Places in the order of the results.
  std::vector<std::uint32_t> shuffled() const;

 private:
  Duration processed_after(std::uint32_t index) const;
  Counts count_processed(Instant at) const;

  std::vector<Request> requests_;
  std::string ids_;
};

// The API's MessageBatch object. `more` is added to the counts, so that they can be made to disagree.
std::string batch_json(const Batch& batch, Instant at, bool progress, const Counts& more, std::string_view base_url);

// As the API writes it: 2026-01-01T00:05:23.250396+00:00. `micros` below a thousand.
std::string to_api_time(Instant instant, std::uint64_t micros);

}  // namespace offpeak::sim
