#include "http/request_head.hpp"

#include <gmock/gmock.h>

namespace offpeak::http {
namespace {

using testing::HasSubstr;

Origin origin() { return parse_origin("https://api.example:8443/gw").value(); }

Request request() {
  Request out;
  out.method = "GET";
  out.target = "/v1/x?limit=1";
  out.headers = {{"x-api-key", "sk-1"}};
  return out;
}

TEST(RequestHead, PutsThePrefixBeforeTheTarget) {
  EXPECT_EQ(request_head(origin(), request(), 0).value(),
            "GET /gw/v1/x?limit=1 HTTP/1.1\r\nHost: api.example:8443\r\nConnection: close\r\n"
            "Accept-Encoding: identity\r\nx-api-key: sk-1\r\n\r\n");
}

TEST(RequestHead, APostAlwaysHasALength) {
  auto post = request();
  post.method = "POST";
  EXPECT_THAT(request_head(origin(), post, 0).value(), HasSubstr("Content-Length: 0\r\n"));
  EXPECT_THAT(request_head(origin(), post, 256'000'000).value(), HasSubstr("Content-Length: 256000000\r\n"));
}

TEST(RequestHead, RefusesWhatWouldEndAHeaderEarlyWithoutRepeatingIt) {
  for (const char* value : {"sk\r\nEvil: 1", "sk\nx", "sk\rx", "sk\x01", "sk\x7F"}) {
    auto bad = request();
    bad.headers = {{"x-api-key", value}};
    const auto head = request_head(origin(), bad, 0);
    ASSERT_FALSE(head);
    EXPECT_THAT(head.error().message, HasSubstr("x-api-key"));
    EXPECT_EQ(head.error().message.find("sk"), std::string::npos);
  }
  for (const char* target : {"", "v1", "/v1 x", "/v1\r\n", "/\x01", "/\xC3\xA4"}) {
    auto bad = request();
    bad.target = target;
    EXPECT_FALSE(request_head(origin(), bad, 0)) << target;
  }
  auto bad = request();
  bad.headers = {{"x y", "1"}};
  EXPECT_FALSE(request_head(origin(), bad, 0));
}

TEST(RequestHead, ConnectNamesTheAuthorityAndNothingOfTheRequest) {
  auto by_proxy = origin();
  EXPECT_EQ(connect_head(by_proxy), "CONNECT api.example:8443 HTTP/1.1\r\nHost: api.example:8443\r\n\r\n");
  by_proxy.proxy.emplace().authorization = "Basic dQ==";
  EXPECT_THAT(connect_head(by_proxy), HasSubstr("\r\nProxy-Authorization: Basic dQ==\r\n"));
  by_proxy.host = "2001:db8::1";
  EXPECT_THAT(connect_head(by_proxy), HasSubstr("CONNECT [2001:db8::1]:8443 HTTP/1.1\r\n"));
}

}  // namespace
}  // namespace offpeak::http
