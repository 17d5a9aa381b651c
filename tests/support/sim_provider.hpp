// SimProvider: the simulated provider in process, as a Provider: no sockets, virtual time. Faults come from the
// service's own fault rules; what only a transport can play is played here as the HTTP client would report it.
#pragma once

#include "base/clock.hpp"
#include "provider/provider.hpp"
#include "sim/service.hpp"

namespace offpeak::testing {

class SimProvider final : public Provider {
 public:
  SimProvider(sim::Service& service, Clock& clock) : service_(service), clock_(clock) {}

  Task<CreateAnswer> create(HeaderGroup headers, BodySource& body, CreateCommit& commit) override;
  Task<Called<ListPage>> list(ListQuery query) override;
  Task<Called<ProviderBatch>> retrieve(std::string id) override;
  Task<Called<std::uint64_t>> results(std::string id, ResultsSink& sink) override;
  Task<Called<ProviderBatch>> cancel(std::string id) override;
  ProviderIdentity identity(std::string_view salt) const override;
  std::uint64_t generation() const override { return of_generation; }

  // As whom it asks; tests change it when they put in another key or origin, with another `of_generation`.
  std::string origin = "https://sim.test:443";
  std::string workspace;
  std::string key = "sk-test";
  std::string organization = "org-sim";
  std::uint64_t of_generation = 0;

  int creates = 0;
  int lists = 0;
  int retrieves = 0;

 private:
  struct Reply {
    sim::Answer answer;
    bool arrived = false;  // header and whole body
    std::string body;
  };
  Task<Reply> call(std::string method, std::string target);

  sim::Service& service_;
  Clock& clock_;
};

}  // namespace offpeak::testing
