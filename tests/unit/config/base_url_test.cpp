// Where the API key may be sent.
#include "config/base_url.hpp"

#include <gtest/gtest.h>

#include "config/config.hpp"

namespace offpeak {
namespace {

TEST(BaseUrl, HttpsGoesAnywhere) {
  for (const auto* url : {"https://api.anthropic.com", "https://api.anthropic.com/", "HTTPS://API.example",
                          "https://host:8443/prefix/v", "https://10.0.0.1", "https://[2001:db8::1]:443/x"}) {
    EXPECT_FALSE(fault_of_base_url(url)) << url;
  }
}

TEST(BaseUrl, PlainHttpGoesToThisMachineOnly) {
  for (const auto* url : {"http://127.0.0.1:1", "http://127.255.3.4", "http://[::1]:80/p", "http://localhost",
                          "http://LocalHost:65535/", "HTTP://[0:0:0:0:0:0:0:1]"}) {
    EXPECT_FALSE(fault_of_base_url(url)) << url;
  }
  for (const auto* url :
       {"http://api.anthropic.com", "http://127.0.0.1.evil.example", "http://127.1", "http://localhost.evil.example",
        "http://128.0.0.1", "http://0.0.0.0", "http://[::]", "http://[::ffff:127.0.0.1]",
        "http://127.0.0.1@evil.example", "http://2130706433", "http://localhost.", "http://127.0.0.01"}) {
    EXPECT_TRUE(fault_of_base_url(url)) << url;
  }
}

TEST(BaseUrl, NonsenseIsRefused) {
  for (const auto* url : {"",
                          "api.anthropic.com",
                          "ftp://host",
                          "https://",
                          "https:///path",
                          "https://:443",
                          "https://host:0",
                          "https://host:65536",
                          "https://host:",
                          "https://host:+1",
                          "https://host:1x",
                          "https://host:99999999999999",
                          "https://us er",
                          "https://host/a b",
                          "https://host/?q=1",
                          "https://host/#f",
                          "https://host\r\nx: y",
                          "https://host/\x01",
                          "https://h\xC3\xB6st",
                          "https://[::1",
                          "https://[zz]",
                          "https://[::1]x",
                          "https://a_b",
                          "https:/host",
                          "https://host\\@evil"}) {
    EXPECT_TRUE(fault_of_base_url(url)) << url;
  }
}

TEST(BaseUrl, APasswordInTheUrlIsNotRepeatedInTheError) {
  const auto parsed = parse_config("[provider]\nbase_url = \"https://me:secret@host\"\n", "f", "/", {});
  ASSERT_EQ(parsed.index(), 1U);
  const auto text = to_text(std::get<1>(parsed).front());
  EXPECT_NE(text.find("user name or password"), text.npos);
  EXPECT_EQ(text.find("secret"), text.npos);
}

}  // namespace
}  // namespace offpeak
