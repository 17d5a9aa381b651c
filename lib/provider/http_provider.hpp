// HttpProvider: the Message Batches API over http::Client. Cheap to make anew when the configuration or the
// key changes; it outlives its calls. I/O thread only.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <string>

#include "config/config.hpp"
#include "http/http.hpp"
#include "provider/provider.hpp"

namespace offpeak {

class HttpProvider final : public Provider {
 public:
  // Throws std::runtime_error for a configuration that cannot work: base_url, proxy variables, ca_file. `key`
  // stays in memory and goes to the configured origin only.
  HttpProvider(boost::asio::any_io_executor executor, const ProviderConfig& config, std::string key,
               const Environment& environment);
  ~HttpProvider() override;

  Task<CreateAnswer> create(HeaderGroup headers, BodySource& body, CreateCommit& commit) override;
  Task<Called<ListPage>> list(ListQuery query) override;
  Task<Called<ProviderBatch>> retrieve(std::string id) override;
  Task<Called<std::uint64_t>> results(std::string id, ResultsSink& sink) override;
  Task<Called<ProviderBatch>> cancel(std::string id) override;
  ProviderIdentity identity(std::string_view salt) const override;

 private:
  HttpProvider(boost::asio::any_io_executor executor, const ProviderConfig& config, std::string key,
               http::Origin origin);
  // Notes whose account answered.
  void hear(const http::Response& response);
  void hear(const http::Got<http::Response>& got);

  // The headers of every call that is not a create.
  HeaderGroup headers_;
  AuthScheme auth_;
  std::string key_;
  std::string origin_;
  std::string organization_;  // as the last answer that named it had it
  http::Client client_;
};

}  // namespace offpeak
