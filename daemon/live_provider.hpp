// LiveProvider: the Provider that a reload may replace. A call that has begun ends with the one it began with.
#pragma once

#include <memory>

#include "provider/provider.hpp"

namespace offpeak {

class LiveProvider final : public Provider {
 public:
  // Shared: a call holds on to its provider while a reload puts another in its place.
  explicit LiveProvider(std::shared_ptr<Provider> provider) : provider_(std::move(provider)) {}
  void replace(std::shared_ptr<Provider> provider) {
    provider_ = std::move(provider);
    ++generation_;
  }

  Task<CreateAnswer> create(HeaderGroup headers, BodySource& body, CreateCommit& commit) override {
    const auto held = provider_;
    Consent consent(commit, generation_);
    co_return co_await held->create(std::move(headers), body, consent);
  }
  Task<Called<ListPage>> list(ListQuery query) override {
    const auto held = provider_;
    co_return co_await held->list(std::move(query));
  }
  Task<Called<ProviderBatch>> retrieve(std::string id) override {
    const auto held = provider_;
    co_return co_await held->retrieve(std::move(id));
  }
  Task<Called<std::uint64_t>> results(std::string id, ResultsSink& sink) override {
    const auto held = provider_;
    co_return co_await held->results(std::move(id), sink);
  }
  Task<Called<ProviderBatch>> cancel(std::string id) override {
    const auto held = provider_;
    co_return co_await held->cancel(std::move(id));
  }

  ProviderIdentity identity(std::string_view salt) const override { return provider_->identity(salt); }
  std::uint64_t generation() const override { return generation_; }

 private:
  // A create that began before a reload is sent by the provider of that time, whatever is the newest now.
  class Consent final : public CreateCommit {
   public:
    Consent(CreateCommit& commit, std::uint64_t generation) : commit_(commit), generation_(generation) {}
    Task<Result<void>> commit(std::uint64_t) override { return commit_.commit(generation_); }

   private:
    CreateCommit& commit_;
    const std::uint64_t generation_;
  };

  std::shared_ptr<Provider> provider_;
  std::uint64_t generation_ = 0;
};

}  // namespace offpeak
