// Host names as they stand in URLs, Host headers and messages. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "http/http.hpp"

namespace offpeak::http {

struct HostPort {
  std::string host;  // lower case, without brackets
  std::string port;  // empty where none was given
};

// "host", "host:443", "[::1]:443". Nothing where it is no host or no port.
std::optional<HostPort> parse_host_port(std::string_view text);

bool is_ip_address(const std::string& host);
// localhost, 127.0.0.0/8, ::1.
bool is_loopback(const std::string& host);

// With brackets around an IPv6 address.
std::string bracketed(const std::string& host);
// host:port, always with the port.
std::string authority(const std::string& host, const std::string& port);
// The Host header: the port only where it is not the scheme's own.
std::string host_header(const Origin& origin);
// https://host[:port], for messages.
std::string origin_url(const Origin& origin);

}  // namespace offpeak::http
