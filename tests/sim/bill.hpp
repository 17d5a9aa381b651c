// The judge's view of the simulated provider's ledger: what it created, ran and was paid for, by the bytes of each
// request, and what it answered.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/digest.hpp"
#include "sim/service.hpp"
#include "sim/trace.hpp"

namespace offpeak::simtest {

class Bill {
 public:
  explicit Bill(sim::Service& service) : service_(service) {}

  // A request with these bytes is wanted once more.
  void want(const Digest128& digest) { ++wanted_[digest]; }
  // A request of this batch may be paid for once more: a human said so, or the provider broke what it must keep.
  void forgive(const sim::Batch& batch);
  std::uint64_t forgiven() const { return forgiven_batches_.size(); }

  // Every complaint about what was created, overlaps or was paid for, by `now`. Cheap where nothing changed.
  std::vector<std::string> check(Instant now);

  // Was it paid for, in a batch that has ended?
  bool paid(const Digest128& digest) const;
  // The result values that the provider gave, or would give, for a request with these bytes.
  const std::set<std::string>& answers(const Digest128& digest, Instant now);

 private:
  void read_answers(Instant now);

  sim::Service& service_;
  std::map<Digest128, std::uint32_t> wanted_;
  std::map<Digest128, std::uint32_t> forgiven_;
  std::set<std::string> forgiven_batches_;
  std::map<Digest128, std::set<std::string>> answers_;
  std::set<std::uint64_t> read_batches_;
  std::uint64_t checked_billed_ = 0;
  std::uint64_t checked_created_ = 0;
};

}  // namespace offpeak::simtest
