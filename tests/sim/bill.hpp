// The judge's view of the simulated providers' ledgers: what they created, ran and were paid for, by the bytes of each
// request, over all workspaces, and what they answered.
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
  explicit Bill(sim::Service& service) : services_{&service} {}
  void add(sim::Service& service) { services_.push_back(&service); }

  // A request with these bytes is wanted once more.
  void want(const Digest128& digest) { ++wanted_[digest]; }

  // Why what a batch ran may be paid for once more. There is no other reason: what offpeak could have known is its own
  // fault, and is not forgiven. Of each the state must tell (World::judge_forgiven).
  enum class Why : std::uint8_t {
    listed_too_late,  // later than the provider promises (most_lag), or in no list of that time
    copied,           // something between has sent the create's body once more
    forgotten,        // by a state that was put back, where a batch that nothing explains holds nothing (not exclusive)
  };
  void forgive(const sim::Batch& batch, Why why);
  void must_be_told(const std::string& id, Why why) { forgiven_batches_.push_back({id, why}); }
  struct Forgiven {
    std::string id;
    Why why;
  };
  const std::vector<Forgiven>& forgiven() const { return forgiven_batches_; }
  bool is_forgiven(const Digest128& digest) const { return forgiven_.contains(digest); }

  // Every complaint about what was created, overlaps or was paid for, by `now`. Cheap where nothing changed.
  std::vector<std::string> check(Instant now);

  // Was it paid for, in a batch that has ended?
  bool paid(const Digest128& digest) const;
  // The result values that the provider gave, or would give, for a request with these bytes.
  const std::set<std::string>& answers(const Digest128& digest, Instant now);

 private:
  struct Sum {  // of one request's bytes, over all workspaces
    std::uint32_t created = 0, billed = 0, open = 0;
    bool overlapped = false, created_after_billed = false;
  };
  std::map<Digest128, Sum> sums() const;
  void read_answers(Instant now);
  void read_answers(sim::Store& store, const sim::Batch& batch, std::string_view text);

  std::vector<sim::Service*> services_;
  std::map<Digest128, std::uint32_t> wanted_;
  std::map<Digest128, std::uint32_t> forgiven_;
  std::set<std::string> forgiven_ids_;
  std::vector<Forgiven> forgiven_batches_;
  std::map<Digest128, std::set<std::string>> answers_;
  std::set<std::string> read_batches_;
  std::uint64_t checked_billed_ = 0;
  std::uint64_t checked_created_ = 0;
};

}  // namespace offpeak::simtest
