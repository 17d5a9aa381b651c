// MortalProvider: the simulated provider as a daemon sees it that may die at any disk operation. What a dead daemon
// does has no effect: its calls never leave, the last byte of a create neither. I/O thread.
#pragma once

#include "base/clock.hpp"
#include "provider/provider.hpp"
#include "sim/sim_disk.hpp"

namespace offpeak::simtest {

class MortalProvider final : public Provider {
 public:
  MortalProvider(Provider& provider, const SimDisk& disk, Clock& clock)
      : provider_(&provider), disk_(disk), clock_(clock) {}

  // From now on the calls go there: another key or origin. A call that is under way ends where it began.
  void use(Provider& provider) {
    provider_ = &provider;
    ++generation_;
  }

  Task<CreateAnswer> create(HeaderGroup headers, BodySource& body, CreateCommit& commit) override {
    co_await alive();
    Consent consent(*this, commit, generation_);
    co_return co_await provider_->create(std::move(headers), body, consent);
  }
  Task<Called<ListPage>> list(ListQuery query) override {
    co_await alive();
    co_return co_await provider_->list(std::move(query));
  }
  Task<Called<ProviderBatch>> retrieve(std::string id) override {
    co_await alive();
    co_return co_await provider_->retrieve(std::move(id));
  }
  Task<Called<std::uint64_t>> results(std::string id, ResultsSink& sink) override {
    co_await alive();
    co_return co_await provider_->results(std::move(id), sink);
  }
  Task<Called<ProviderBatch>> cancel(std::string id) override {
    co_await alive();
    co_return co_await provider_->cancel(std::move(id));
  }
  ProviderIdentity identity(std::string_view salt) const override { return provider_->identity(salt); }
  std::uint64_t generation() const override { return generation_; }

 private:
  class Consent final : public CreateCommit {
   public:
    Consent(MortalProvider& provider, CreateCommit& commit, std::uint64_t generation)
        : provider_(provider), commit_(commit), generation_(generation) {}
    Task<Result<void>> commit(std::uint64_t /*of what is behind*/) override {
      auto consent = co_await commit_.commit(generation_);
      co_await provider_.alive();
      co_return consent;
    }

   private:
    MortalProvider& provider_;
    CreateCommit& commit_;
    std::uint64_t generation_;
  };

  // Returns where the daemon lives; else never, until it is canceled.
  Task<> alive() {
    while (disk_.dead()) co_await sleep_for(clock_, std::chrono::hours(1000));
  }

  Provider* provider_;
  std::uint64_t generation_ = 0;
  const SimDisk& disk_;
  Clock& clock_;
};

}  // namespace offpeak::simtest
