// ProvenProvider: another Provider, whose calls pass only while it is proven that they see the workspace in which
// everything here was sent. Else each of them fails at once and says why, so that nobody concludes anything from the
// list of another workspace. I/O thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "provider/provider.hpp"

namespace offpeak {

class ProvenProvider final : public Provider {
 public:
  explicit ProvenProvider(Provider& provider) : provider_(provider) {}

  // Calls pass from now on, until another origin, key or header may be used (Provider::generation).
  void prove(std::uint64_t generation) { proven_ = generation; }
  // They fail with these words.
  void refuse(std::string why) { why_ = std::move(why); }
  bool is_proven() const { return proven_ && *proven_ == provider_.generation(); }

  Task<CreateAnswer> create(HeaderGroup headers, BodySource& body, CreateCommit& commit) override;
  Task<Called<ListPage>> list(ListQuery query) override;
  Task<Called<ProviderBatch>> retrieve(std::string id) override;
  Task<Called<std::uint64_t>> results(std::string id, ResultsSink& sink) override;
  Task<Called<ProviderBatch>> cancel(std::string id) override;
  ProviderIdentity identity(std::string_view salt) const override { return provider_.identity(salt); }
  std::uint64_t generation() const override { return provider_.generation(); }

 private:
  CallFailure refusal() const;

  Provider& provider_;
  std::optional<std::uint64_t> proven_;
  std::string why_ = "it is not known yet whether this key sees the workspace of what was sent";
};

}  // namespace offpeak
