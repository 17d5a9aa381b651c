// LiveProvider: the Provider that a reload or a new key may replace. A call that has begun ends with the one it began
// with.
#pragma once

#include <functional>
#include <memory>

#include "provider/provider.hpp"

namespace offpeak {

class LiveProvider final : public Provider {
 public:
  // Asked whenever somebody asks for the generation, which who calls does first: another provider, or nothing. So no
  // call goes out under a key that nobody has seen. `refused`: the last call was answered 401 or 403.
  using Renew = std::function<std::shared_ptr<Provider>(bool refused)>;

  // Shared: a call holds on to its provider while a reload puts another in its place.
  explicit LiveProvider(std::shared_ptr<Provider> provider) : provider_(std::move(provider)) {}
  void renew_with(Renew renew) { renew_ = std::move(renew); }
  void replace(std::shared_ptr<Provider> provider) { put(std::move(provider)); }

  Task<CreateAnswer> create(HeaderGroup headers, BodySource& body, CreateCommit& commit) override {
    const auto held = provider_;
    Consent consent(commit, generation_);
    auto answer = co_await held->create(std::move(headers), body, consent);
    if (answer.answer) learn(held, answer.answer->status);
    co_return answer;
  }
  Task<Called<ListPage>> list(ListQuery query) override {
    const auto held = provider_;
    co_return learn(held, co_await held->list(std::move(query)));
  }
  Task<Called<ProviderBatch>> retrieve(std::string id) override {
    const auto held = provider_;
    co_return learn(held, co_await held->retrieve(std::move(id)));
  }
  Task<Called<std::uint64_t>> results(std::string id, ResultsSink& sink) override {
    const auto held = provider_;
    co_return learn(held, co_await held->results(std::move(id), sink));
  }
  Task<Called<ProviderBatch>> cancel(std::string id) override {
    const auto held = provider_;
    co_return learn(held, co_await held->cancel(std::move(id)));
  }
  ProviderIdentity identity(std::string_view salt) const override { return provider_->identity(salt); }
  std::uint64_t generation() const override {
    if (renew_) {
      if (auto renewed = renew_(refused_)) put(std::move(renewed));
    }
    return generation_;
  }

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

  void put(std::shared_ptr<Provider> provider) const {
    provider_ = std::move(provider);
    ++generation_;
    refused_ = false;
  }
  // What a replaced provider was answered says nothing about the key of now.
  void learn(const std::shared_ptr<Provider>& held, int status) {
    if (held == provider_) refused_ = status == 401 || status == 403;
  }
  template <class T>
  Called<T> learn(const std::shared_ptr<Provider>& held, Called<T> called) {
    learn(held, called.ok() ? 200 : called.failure().http_status);
    return called;
  }

  mutable std::shared_ptr<Provider> provider_;
  Renew renew_;
  mutable std::uint64_t generation_ = 0;
  mutable bool refused_ = false;
};

}  // namespace offpeak
