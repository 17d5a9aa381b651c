#include "http/request_head.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "http/address.hpp"

namespace offpeak::http {

namespace {

// RFC 9110, 5.6.2.
bool is_token_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool is_token(std::string_view text) { return !text.empty() && std::all_of(text.begin(), text.end(), is_token_byte); }

bool is_target(std::string_view text) {
  return text.starts_with('/') && std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7F; });
}

bool is_value(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte == '\t' || (byte >= 0x20 && byte != 0x7F);
  });
}

}  // namespace

Result<std::string> request_head(const Origin& origin, const Request& request, std::uint64_t content_length) {
  if (!is_token(request.method) || !is_target(request.target)) {
    return make_error(ErrorKind::invalid, "the request's method or target has odd bytes");
  }
  std::string head = fmt::format("{} {}{} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nAccept-Encoding: identity\r\n",
                                 request.method, origin.prefix, request.target, host_header(origin));
  if (request.method != "GET" || content_length != 0) head += fmt::format("Content-Length: {}\r\n", content_length);
  for (const auto& [name, value] : request.headers) {
    if (!is_token(name)) return make_error(ErrorKind::invalid, "a header's name has odd bytes");
    if (!is_value(value)) {
      return make_error(ErrorKind::invalid, "the header " + name + " has a control character in its value",
                        "look for a line break inside the key or the setting");
    }
    head.append(name).append(": ").append(value).append("\r\n");
  }
  return head + "\r\n";
}

std::string connect_head(const Origin& origin) {
  const auto place = authority(origin.host, origin.port);
  auto head = fmt::format("CONNECT {} HTTP/1.1\r\nHost: {}\r\n", place, place);
  if (origin.proxy && !origin.proxy->authorization.empty()) {
    head += "Proxy-Authorization: " + origin.proxy->authorization + "\r\n";
  }
  return head + "\r\n";
}

}  // namespace offpeak::http
