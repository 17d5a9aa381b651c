#include "provider/calls.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace offpeak {

namespace {

constexpr std::string_view batches = "/v1/messages/batches";

http::Request request(std::string method, std::string target, const HeaderGroup& headers, AuthScheme auth,
                      const std::string& key) {
  http::Request out;
  out.method = std::move(method);
  out.target = std::move(target);
  if (auth == AuthScheme::bearer) {
    out.headers.emplace_back("Authorization", "Bearer " + key);
  } else {
    out.headers.emplace_back("x-api-key", key);
  }
  out.headers.emplace_back("anthropic-version", headers.version);
  if (!headers.betas.empty()) out.headers.emplace_back("anthropic-beta", join_betas(headers.betas));
  out.headers.emplace_back("User-Agent", "offpeak/" OFFPEAK_VERSION);
  return out;
}

http::Request json_request(std::string method, std::string target, const HeaderGroup& headers, AuthScheme auth,
                           const std::string& key) {
  auto out = request(std::move(method), std::move(target), headers, auth, key);
  out.headers.emplace_back("Accept", "application/json");
  return out;
}

}  // namespace

http::Request create_request(const HeaderGroup& headers, AuthScheme auth, const std::string& key) {
  auto out = json_request("POST", std::string(batches), headers, auth, key);
  out.headers.emplace_back("Content-Type", "application/json");
  return out;
}

http::Request list_request(const ListQuery& query, const HeaderGroup& headers, AuthScheme auth,
                           const std::string& key) {
  auto target = fmt::format("{}?limit={}", batches, std::clamp<std::uint32_t>(query.limit, 1, 1000));
  if (query.after_id) target += "&after_id=" + *query.after_id;
  if (query.before_id) target += "&before_id=" + *query.before_id;
  return json_request("GET", std::move(target), headers, auth, key);
}

http::Request retrieve_request(const std::string& id, const HeaderGroup& headers, AuthScheme auth,
                               const std::string& key) {
  return json_request("GET", fmt::format("{}/{}", batches, id), headers, auth, key);
}

http::Request results_request(const std::string& id, const HeaderGroup& headers, AuthScheme auth,
                              const std::string& key) {
  // Never results_url: an answer must not choose where the key goes.
  auto out = request("GET", fmt::format("{}/{}/results", batches, id), headers, auth, key);
  out.headers.emplace_back("Accept", "application/x-jsonl, application/json;q=0.9, */*;q=0.8");
  return out;
}

http::Request cancel_request(const std::string& id, const HeaderGroup& headers, AuthScheme auth,
                             const std::string& key) {
  return json_request("POST", fmt::format("{}/{}/cancel", batches, id), headers, auth, key);
}

}  // namespace offpeak
