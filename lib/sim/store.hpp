// All batches of one simulated API and the ledger of what was created and billed. Time is given; it never
// runs by itself: settle() books what has ended by then.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sim/batch.hpp"
#include "sim/tables.hpp"

namespace offpeak::sim {

struct Totals {
  std::array<std::uint64_t, 6> calls{};  // by Verb, in its order: create, list, retrieve, results, cancel, delete
  std::uint64_t batches = 0;             // creates accepted
  std::uint64_t requests_created = 0;
  std::uint64_t requests_billed = 0;         // succeeded rows of batches that have ended
  std::uint64_t contents_created_twice = 0;  // created more than once, one after the other or together
  std::uint64_t contents_overlapped = 0;     // created while an earlier batch with them might still run
  std::uint64_t contents_created_after_billed = 0;
  std::uint64_t contents_billed_twice = 0;
  Counts rows;                            // of batches that have ended
  std::uint64_t billed_input_tokens = 0;  // cache reads and writes included
  std::uint64_t billed_output_tokens = 0;
  std::uint64_t open_batches = 0, open_requests = 0;  // now
  std::uint64_t most_open_batches = 0, most_open_requests = 0;
  std::uint64_t foreign_batches = 0;   // other programs', not in the figures above
  std::uint64_t foreign_canceled = 0;  // of these, by a cancel call
  std::uint64_t copies = 0;            // batches, counted above, that a repeated POST made
};

class Store {
 public:
  // Books every batch that has ended at `now`.
  void settle(Instant now);
  // Takes a batch that was accepted: gives it its number and id.
  void accept(std::shared_ptr<Batch> batch, std::uint64_t seed);
  // A stranger's batch; in no ledger.
  void accept_foreign(std::shared_ptr<Batch> batch, std::uint32_t requests, Maker maker, std::uint64_t seed);

  std::shared_ptr<Batch> find(std::string_view id) const;
  // Oldest first, by created_at; deleted ones too.
  const std::vector<std::shared_ptr<Batch>>& batches() const { return batches_; }

  Tables tables;
  Totals totals;

 private:
  void insert(std::shared_ptr<Batch> batch, std::uint64_t seed);
  void book_created(Batch& batch);
  void book_ended(Batch& batch);

  std::vector<std::shared_ptr<Batch>> batches_;
  std::vector<std::shared_ptr<Batch>> open_;
  std::map<std::string, std::shared_ptr<Batch>, std::less<>> by_id_;
};

}  // namespace offpeak::sim
