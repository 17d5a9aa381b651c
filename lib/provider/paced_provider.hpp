// PacedProvider: another Provider under one budget for all calls of the workspace. A call waits until the
// budget lets it start; it is never repeated. Throttled answers, creates included, make all calls wait. I/O
// thread only.
#pragma once

#include "base/random.hpp"
#include "config/config.hpp"
#include "provider/call_budget.hpp"
#include "provider/contact.hpp"
#include "provider/provider.hpp"

namespace offpeak {

class PacedProvider final : public Provider {
 public:
  // All outlive this. `retry` may be replaced in place by a reload; its max_backoff bounds what a retry-after may ask.
  PacedProvider(Provider& provider, Clock& clock, Random& random, const RetryConfig& retry,
                CallLimits limits = CallLimits());

  Task<CreateAnswer> create(HeaderGroup headers, BodySource& body, CreateCommit& commit) override;
  Task<Called<ListPage>> list(ListQuery query) override;
  Task<Called<ProviderBatch>> retrieve(std::string id) override;
  Task<Called<std::uint64_t>> results(std::string id, ResultsSink& sink) override;
  Task<Called<ProviderBatch>> cancel(std::string id) override;
  ProviderIdentity identity(std::string_view salt) const override { return provider_.identity(salt); }
  std::uint64_t generation() const override { return provider_.generation(); }

  // How the provider answered lately, whoever asked. A create tells of it only where it was accepted: what a refused
  // one means is stored by who sent it.
  const ProviderContact& contact() const { return contact_; }

 private:
  Task<> wait_for_turn();
  template <class T>
  void learn(const Called<T>& answer);
  void throttled(std::optional<Duration> retry_after);

  Provider& provider_;
  Clock& clock_;
  Random& random_;
  const RetryConfig& retry_;
  CallBudget budget_;
  ProviderContact contact_;
};

}  // namespace offpeak
