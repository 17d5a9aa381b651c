// Purpose   before anything is sent or concluded: whose workspace is this, and what is in it that we do not know?
// Gets      the identity under which calls are made; the provider's list
// Gives     leave to call (ProvenProvider), then leave to pack; batches that hold submitting
// Promises  what was sent under one key is never settled by the list of another workspace (product contract 6.8);
//           batches newer than the newest that we know, and explained by no intent, hold submitting (6.7)
// When it fails  it waits and tries again, and says what for
//
// I/O thread. A new, empty state takes the newest listed batch as known; one that has jobs, and has never seen a list,
// the newest that is older than the first of them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/random.hpp"
#include "base/wakeup.hpp"
#include "config/config.hpp"
#include "provider/list_walk.hpp"
#include "provider/proven_provider.hpp"
#include "queue/queue.hpp"

namespace offpeak {

// Is what now asks the same as what sent? Pure.
enum class SenderIs : std::uint8_t {
  same,     // the same key at the same address
  nobody,   // nothing was sent by anybody yet, or by a version that did not remember
  another,  // it has to show that it sees the same workspace
};
SenderIs compare_sender(const std::optional<ProviderIdentity>& sent, const ProviderIdentity& asking);

// Since when, by the provider's clock, what is listed may be of our work. `work_since` is by ours. Pure.
Instant floor_of_work(Instant work_since, const ListMoment& moment);

// What to do about a key that has not shown that it sees what another one sent. Pure.
std::string describe_old_work(const OldWork& work, const ProviderIdentity& sent, const std::string& problem);

class Guard {
 public:
  // What it waits for; shown.
  struct Waiting {
    std::string what;
    Instant since{};
    std::optional<Instant> next_try_at;
    std::string id;  // offpeak reconcile ID, where a human must decide: "key" or "list"; empty: it goes on by itself
  };
  // `provider` is asked whether or not it is proven; `gate` is what all others ask through.
  struct Doors {
    Database& database;
    Provider& provider;
    ProvenProvider& gate;
    Clock& clock;
    Random& random;
    Log& log;
    const Config& config;
  };

  Guard(Doors doors, Wakeup& bell) : doors_(doors), bell_(bell) {}

  // Returns when it is proven whose workspace it is, and the list was read and compared. Until then nothing may be
  // packed.
  Task<> pass();
  // From then on, until canceled: a new key or address is proven anew; and where the state was put back to an earlier
  // time, the list is compared once more when settle_unknown has passed since the start and all is settled.
  Task<> watch();
  const std::optional<Waiting>& waiting() const { return waiting_; }

 private:
  enum class Step : std::uint8_t { done, again };
  Task<> repeat(Task<Step> (Guard::*step)());
  Task<Step> try_step(Task<Step> (Guard::*step)());
  Task<Step> prove_and_compare();
  Task<Step> compare_after_restore();
  Task<bool> may_end_restore();
  Task<Step> prove();
  Task<Step> prove_by(ProviderIdentity asking, std::uint64_t generation, std::string batch);
  Task<Step> begin_anew(ProviderIdentity asking, std::uint64_t generation);
  Task<Step> compare(bool ends_restore);
  Task<Step> take_as_known();
  Task<Step> take_what_is_older(Instant work_since);
  Task<Step> open_gate(std::uint64_t generation);
  void wait_because(std::string what, std::string id = "");
  ListMoment moment(std::optional<Instant> date) const;

  Doors doors_;
  Wakeup& bell_;
  std::optional<Waiting> waiting_;
  std::uint32_t told_ = 0;  // how often in a row it waited for the same
  std::string salt_;
  SteadyTime began_{};
};

}  // namespace offpeak
