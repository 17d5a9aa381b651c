#include "http/proxy.hpp"

#include <gtest/gtest.h>

#include <map>

namespace offpeak::http {
namespace {

TEST(Proxy, ReadsTheUrl) {
  struct Row {
    const char *url, *host, *port, *authorization;
  };
  for (const Row& row : {
           Row{"http://proxy:3128", "proxy", "3128", ""},
           Row{"http://proxy:3128/", "proxy", "3128", ""},
           Row{"proxy:3128", "proxy", "3128", ""},
           Row{"HTTP://proxy", "proxy", "80", ""},
           Row{" http://10.0.0.1:8080 ", "10.0.0.1", "8080", ""},
           Row{"http://[2001:db8::1]:3128", "2001:db8::1", "3128", ""},
           Row{"http://user:pass@proxy:3128", "proxy", "3128", "Basic dXNlcjpwYXNz"},
           Row{"http://Aladdin:open%20sesame@proxy:1", "proxy", "1", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="},
           Row{"http://u:p%40ss@proxy:1", "proxy", "1", "Basic dTpwQHNz"},
           Row{"http://u:p@ss@proxy:1", "proxy", "1", "Basic dTpwQHNz"},
           Row{"http://u@proxy:1", "proxy", "1", "Basic dQ=="},
       }) {
    const auto proxy = parse_proxy(row.url);
    ASSERT_TRUE(proxy) << row.url;
    EXPECT_EQ(proxy->host, row.host) << row.url;
    EXPECT_EQ(proxy->port, row.port) << row.url;
    EXPECT_EQ(proxy->authorization, row.authorization) << row.url;
  }
}

TEST(Proxy, RefusesWhatItCannotSpeakAndKeepsThePasswordToItself) {
  for (const char* url :
       {"socks5://u:hunter2@proxy:1080", "https://u:hunter2@proxy:443", "http://u:hunter2@", "http://",
        "http://u:hunter2%zz@proxy:1", "http://u:hunter2%4@proxy:1", "http://u:hunter2@proxy:x"}) {
    const auto proxy = parse_proxy(url);
    ASSERT_FALSE(proxy) << url;
    EXPECT_EQ((proxy.error().message + proxy.error().hint).find("hunter2"), std::string::npos) << url;
  }
}

TEST(Proxy, NoProxyNamesHostsDomainsAddressesAndNetworks) {
  struct Row {
    const char *list, *host, *port;
    bool named;
  };
  for (const Row& row : {
           Row{"", "api.example.com", "443", false},
           Row{"*", "api.example.com", "443", true},
           Row{"example.com", "api.example.com", "443", true},
           Row{"example.com", "example.com", "443", true},
           Row{".example.com", "api.example.com", "443", true},
           Row{"*.example.com", "api.example.com", "443", true},
           Row{"EXAMPLE.COM", "api.example.com", "443", true},
           Row{"ample.com", "api.example.com", "443", false},
           Row{"api.example.com.evil", "api.example.com", "443", false},
           Row{"a.b, example.com", "api.example.com", "443", true},
           Row{"a.b,,example.com ", "api.example.com", "443", true},
           Row{"a.b example.com", "api.example.com", "443", true},
           Row{"example.com:443", "api.example.com", "443", true},
           Row{"example.com:8443", "api.example.com", "443", false},
           Row{"10.1.2.3", "10.1.2.3", "443", true},
           Row{"2.3", "10.1.2.3", "443", false},
           Row{"10.0.0.0/8", "10.1.2.3", "443", true},
           Row{"10.0.0.0/8", "11.1.2.3", "443", false},
           Row{"10.0.0.0/8", "api.example.com", "443", false},
           Row{"10.0.0.0/99", "10.1.2.3", "443", false},
           Row{"2001:db8::1", "2001:db8::1", "443", true},
           Row{"[2001:db8::1]", "2001:db8::1", "443", true},
           Row{"[2001:db8::1]:444", "2001:db8::1", "443", false},
           Row{"2001:db8::/32", "2001:db8:1::1", "443", true},
           Row{"2001:db8::/32", "2001:db9::1", "443", false},
           Row{"2001:db8::/32", "10.1.2.3", "443", false},
           Row{",", "x", "443", false},
           Row{"*.", "x", "443", false},
       }) {
    EXPECT_EQ(no_proxy_names(row.list, row.host, row.port), row.named) << row.list << " " << row.host;
  }
}

struct ProxyFor : testing::Test {
  Result<std::optional<Proxy>> proxy_of(const char* url) {
    return proxy_for(parse_origin(url).value(), [this](const char* name) -> const char* {
      const auto found = environment.find(name);
      return found == environment.end() ? nullptr : found->second.c_str();
    });
  }
  std::map<std::string, std::string> environment;
};

TEST_F(ProxyFor, TakesTheLowerCaseNameFirst) {
  environment = {{"https_proxy", "http://one:1"}, {"HTTPS_PROXY", "http://two:2"}};
  EXPECT_EQ(proxy_of("https://api.anthropic.com").value()->host, "one");
  environment.erase("https_proxy");
  EXPECT_EQ(proxy_of("https://api.anthropic.com").value()->host, "two");
  environment["https_proxy"] = "";
  EXPECT_FALSE(proxy_of("https://api.anthropic.com").value());
}

TEST_F(ProxyFor, IsNothingWithoutVariablesForPlainHttpAndForLoopback) {
  EXPECT_FALSE(proxy_of("https://api.anthropic.com").value());
  environment = {{"https_proxy", "http://one:1"}, {"http_proxy", "http://one:1"}};
  EXPECT_FALSE(proxy_of("http://127.0.0.1:80").value());
  EXPECT_FALSE(proxy_of("https://127.0.0.1").value());
  EXPECT_FALSE(proxy_of("https://localhost").value());
  EXPECT_FALSE(proxy_of("https://[::1]").value());
}

TEST_F(ProxyFor, HonoursNoProxy) {
  environment = {{"https_proxy", "http://one:1"}, {"no_proxy", "anthropic.com"}};
  EXPECT_FALSE(proxy_of("https://api.anthropic.com").value());
  environment = {{"https_proxy", "http://one:1"}, {"NO_PROXY", "anthropic.com"}};
  EXPECT_FALSE(proxy_of("https://api.anthropic.com").value());
  EXPECT_TRUE(proxy_of("https://api.example.com").value());
}

TEST_F(ProxyFor, RefusesABrokenVariableInsteadOfGoingAroundTheProxy) {
  environment = {{"https_proxy", "socks5://one:1"}};
  EXPECT_FALSE(proxy_of("https://api.anthropic.com"));
}

}  // namespace
}  // namespace offpeak::http
