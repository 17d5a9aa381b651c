#include "provider/proven_provider.hpp"

namespace offpeak {

// No answer of the provider's: nothing can be concluded from it.
CallFailure ProvenProvider::refusal() const {
  CallFailure failure;
  failure.kind = CallFailureKind::unproven;
  failure.message = why_;
  return failure;
}

Task<CreateAnswer> ProvenProvider::create(HeaderGroup headers, BodySource& body, CreateCommit& commit) {
  if (is_proven()) co_return co_await provider_.create(std::move(headers), body, commit);
  CreateAnswer refused;
  refused.failure = why_;
  co_return refused;
}

Task<Called<ListPage>> ProvenProvider::list(ListQuery query) {
  if (is_proven()) co_return co_await provider_.list(std::move(query));
  co_return Called<ListPage>{refusal(), std::nullopt};
}

Task<Called<ProviderBatch>> ProvenProvider::retrieve(std::string id) {
  if (is_proven()) co_return co_await provider_.retrieve(std::move(id));
  co_return Called<ProviderBatch>{refusal(), std::nullopt};
}

Task<Called<std::uint64_t>> ProvenProvider::results(std::string id, ResultsSink& sink) {
  if (is_proven()) co_return co_await provider_.results(std::move(id), sink);
  co_return Called<std::uint64_t>{refusal(), std::nullopt};
}

Task<Called<ProviderBatch>> ProvenProvider::cancel(std::string id) {
  if (is_proven()) co_return co_await provider_.cancel(std::move(id));
  co_return Called<ProviderBatch>{refusal(), std::nullopt};
}

}  // namespace offpeak
