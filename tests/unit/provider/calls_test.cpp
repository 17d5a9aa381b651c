#include "provider/calls.hpp"

#include <gtest/gtest.h>

namespace offpeak {
namespace {

std::string header(const http::Request& request, const std::string& name) {
  std::string found;
  for (const auto& [key, value] : request.headers) {
    if (key == name) found += value + ";";
  }
  return found;
}

HeaderGroup group() {
  HeaderGroup out;
  out.version = "2023-06-01";
  return out;
}

TEST(Calls, HaveTheirMethodsAndTargets) {
  const auto with = group();
  const auto x = AuthScheme::x_api_key;
  ListQuery query;
  query.limit = 1000;
  query.after_id = "msgbatch_1";
  EXPECT_EQ(create_request(with, x, "k").method, "POST");
  EXPECT_EQ(create_request(with, x, "k").target, "/v1/messages/batches");
  EXPECT_EQ(list_request(query, with, x, "k").target, "/v1/messages/batches?limit=1000&after_id=msgbatch_1");
  query = ListQuery();
  query.before_id = "b";
  EXPECT_EQ(list_request(query, with, x, "k").target, "/v1/messages/batches?limit=100&before_id=b");
  query.limit = 5000;
  EXPECT_EQ(list_request(query, with, x, "k").target, "/v1/messages/batches?limit=1000&before_id=b");
  EXPECT_EQ(retrieve_request("b", with, x, "k").target, "/v1/messages/batches/b");
  EXPECT_EQ(results_request("b", with, x, "k").target, "/v1/messages/batches/b/results");
  EXPECT_EQ(results_request("b", with, x, "k").method, "GET");
  EXPECT_EQ(cancel_request("b", with, x, "k").target, "/v1/messages/batches/b/cancel");
  EXPECT_EQ(cancel_request("b", with, x, "k").method, "POST");
}

TEST(Calls, CarryTheHeaders) {
  auto with = group();
  auto request = create_request(with, AuthScheme::x_api_key, "sk-1");
  EXPECT_EQ(header(request, "x-api-key"), "sk-1;");
  EXPECT_EQ(header(request, "Authorization"), "");
  EXPECT_EQ(header(request, "anthropic-version"), "2023-06-01;");
  EXPECT_EQ(header(request, "anthropic-beta"), "");
  EXPECT_EQ(header(request, "Content-Type"), "application/json;");
  EXPECT_EQ(header(request, "User-Agent"), "offpeak/" OFFPEAK_VERSION ";");
  with.betas = {"a-1", "b-2"};
  request = create_request(with, AuthScheme::bearer, "sk-1");
  EXPECT_EQ(header(request, "x-api-key"), "");
  EXPECT_EQ(header(request, "Authorization"), "Bearer sk-1;");
  EXPECT_EQ(header(request, "anthropic-beta"), "a-1,b-2;");
}

}  // namespace
}  // namespace offpeak
