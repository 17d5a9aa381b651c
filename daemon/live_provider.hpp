// LiveProvider: the Provider that a reload may replace. A call that has begun ends with the one it began with.
#pragma once

#include <memory>

#include "provider/provider.hpp"

namespace offpeak {

class LiveProvider final : public Provider {
 public:
  // Shared: a call holds on to its provider while a reload puts another in its place.
  explicit LiveProvider(std::shared_ptr<Provider> provider) : provider_(std::move(provider)) {}
  void replace(std::shared_ptr<Provider> provider) { provider_ = std::move(provider); }

  Task<CreateAnswer> create(HeaderGroup headers, BodySource& body, CreateCommit& commit) override {
    const auto held = provider_;
    co_return co_await held->create(std::move(headers), body, commit);
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

 private:
  std::shared_ptr<Provider> provider_;
};

}  // namespace offpeak
