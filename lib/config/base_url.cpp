#include "config/base_url.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

namespace offpeak {

namespace {

bool starts_with_no_case(std::string_view text, std::string_view lower) {
  return text.size() >= lower.size() && std::equal(lower.begin(), lower.end(), text.begin(), [](char l, char c) {
           return l == (c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c);
         });
}

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-';
}

// Printable ASCII that needs no escaping in a request target; no query, no fragment.
bool is_prefix_character(char c) {
  return is_name_character(c) || std::string_view("/_~!$&'()*+,;=:@%").find(c) != std::string_view::npos;
}

bool is_ipv6(std::string_view host) {
  in6_addr address{};
  return ::inet_pton(AF_INET6, std::string(host).c_str(), &address) == 1;
}

bool is_port(std::string_view text) {
  unsigned port = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), port);
  return ec == std::errc() && end == text.data() + text.size() && port >= 1 && port <= 65535;
}

struct Authority {
  std::string_view host;  // without brackets
  std::string_view rest;  // behind the host: empty, or ":port"
  bool valid = false;
};

Authority split_authority(std::string_view text) {
  if (!text.empty() && text.front() == '[') {
    const auto close = text.find(']');
    if (close == std::string_view::npos) return {};
    const auto host = text.substr(1, close - 1);
    return {host, text.substr(close + 1), is_ipv6(host)};
  }
  const auto colon = std::min(text.find(':'), text.size());
  const auto host = text.substr(0, colon);
  return {host, text.substr(colon), !host.empty() && std::all_of(host.begin(), host.end(), is_name_character)};
}

}  // namespace

std::optional<BaseUrlFault> fault_of_base_url(std::string_view url) {
  const bool tls = starts_with_no_case(url, "https://");
  if (!tls && !starts_with_no_case(url, "http://")) {
    return BaseUrlFault{"does not begin with https://", "write it like \"https://api.anthropic.com\""};
  }
  url.remove_prefix(tls ? 8 : 7);
  const auto slash = std::min(url.find('/'), url.size());
  const auto prefix = url.substr(slash);
  if (url.substr(0, slash).find('@') != std::string_view::npos) {
    return BaseUrlFault{"holds a user name or password", "the key belongs into provider.api_key_file"};
  }
  const auto authority = split_authority(url.substr(0, slash));
  if (!authority.valid) return BaseUrlFault{"has no valid host", "write it like \"https://host:port\""};
  if (!authority.rest.empty() && (authority.rest.front() != ':' || !is_port(authority.rest.substr(1)))) {
    return BaseUrlFault{"has no valid port", "1 to 65535 behind the host's colon"};
  }
  if (!std::all_of(prefix.begin(), prefix.end(), is_prefix_character)) {
    return BaseUrlFault{"has a path that cannot be used", "no query, no fragment, no spaces; /v1 is added by itself"};
  }
  if (!tls && !is_loopback_host(authority.host)) {
    return BaseUrlFault{"would send the API key in plain text over the network",
                        "use https; plain http is for 127.0.0.1, [::1] and localhost"};
  }
  return std::nullopt;
}

bool is_loopback_host(std::string_view host) {
  if (host.size() == 9 && starts_with_no_case(host, "localhost")) return true;
  const std::string text(host);
  in_addr v4{};
  if (::inet_pton(AF_INET, text.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  in6_addr v6{};
  return ::inet_pton(AF_INET6, text.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

}  // namespace offpeak
