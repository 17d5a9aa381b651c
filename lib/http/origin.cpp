#include <algorithm>

#include "http/address.hpp"
#include "http/http.hpp"

namespace offpeak::http {

namespace {

Error bad_origin(std::string message) {
  return make_error(ErrorKind::invalid, "base_url " + std::move(message),
                    "write it as https://host[:port][/prefix], without /v1");
}

bool starts_with_no_case(std::string_view text, std::string_view lower_prefix) {
  if (text.size() < lower_prefix.size()) return false;
  return std::equal(lower_prefix.begin(), lower_prefix.end(), text.begin(), [](char want, char have) {
    return want == (have >= 'A' && have <= 'Z' ? static_cast<char>(have + ('a' - 'A')) : have);
  });
}

// What a path may hold without being encoded (RFC 3986), and percent signs.
bool is_path_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("/-._~%!$&'()*+,;=:@").find(c) != std::string_view::npos;
}

}  // namespace

Result<Origin> parse_origin(std::string_view base_url) {
  Origin origin;
  auto rest = base_url;
  if (starts_with_no_case(rest, "https://")) {
    rest.remove_prefix(8);
  } else if (starts_with_no_case(rest, "http://")) {
    origin.tls = false;
    rest.remove_prefix(7);
  } else {
    return bad_origin("does not start with https://");
  }
  if (rest.find_first_of("?#") != std::string_view::npos) return bad_origin("has a query or a fragment");
  const auto slash = std::min(rest.find('/'), rest.size());
  const auto place = rest.substr(0, slash);
  auto prefix = rest.substr(slash);
  // What stands before an @ may be a password, so it is not repeated in a message.
  if (place.find('@') != std::string_view::npos) return bad_origin("has a user name in it");
  const auto parsed = parse_host_port(place);
  if (!parsed) return bad_origin("has no valid host and port");
  origin.host = parsed->host;
  origin.port = !parsed->port.empty() ? parsed->port : origin.tls ? "443" : "80";
  while (!prefix.empty() && prefix.back() == '/') prefix.remove_suffix(1);
  if (!std::all_of(prefix.begin(), prefix.end(), is_path_byte)) return bad_origin("has odd bytes in its path");
  origin.prefix = prefix;
  if (!origin.tls && !is_loopback(origin.host)) {
    return make_error(ErrorKind::invalid,
                      "base_url is plain http to " + origin.host + ": the key would travel in the clear",
                      "use https; plain http is for this machine only (127.0.0.1, ::1, localhost)");
  }
  return origin;
}

}  // namespace offpeak::http
