#include "http/proxy.hpp"

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>
#include <charconv>
#include <optional>

#include "http/address.hpp"

namespace offpeak::http {

namespace {

namespace ip = boost::asio::ip;

Error bad_proxy(std::string message) {
  return make_error(ErrorKind::invalid, "https_proxy " + std::move(message),
                    "write it as http://[user:password@]host:port, or unset it");
}

// Nothing where a percent sign is not followed by two hexadecimal digits.
std::optional<std::string> percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '%') {
      out += text[at];
      continue;
    }
    unsigned byte = 0;
    if (at + 2 >= text.size()) return std::nullopt;
    const char* digits = text.data() + at + 1;
    const auto [end, ec] = std::from_chars(digits, digits + 2, byte, 16);
    if (ec != std::errc() || end != digits + 2) return std::nullopt;
    out += static_cast<char>(byte);
    at += 2;
  }
  return out;
}

std::string base64(std::string_view bytes) {
  constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    unsigned group = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      group = group << 8 | (at + i < bytes.size() ? static_cast<unsigned char>(bytes[at + i]) : 0U);
    }
    for (std::size_t i = 0; i < 4; ++i) {
      out += at + i <= bytes.size() ? digits[group >> (18 - 6 * i) & 63U] : '=';
    }
  }
  return out;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool in_network(const std::string& network, const std::string& host) {
  boost::system::error_code ec;
  const auto address = ip::make_address(host, ec);
  if (ec) return false;
  if (address.is_v4()) {
    const auto range = ip::make_network_v4(network, ec);
    if (ec) return false;
    const auto bits = range.netmask().to_uint();
    return (address.to_v4().to_uint() & bits) == (range.address().to_uint() & bits);
  }
  const auto range = ip::make_network_v6(network, ec);
  if (ec) return false;
  return ip::make_network_v6(address.to_v6(), range.prefix_length()).canonical() == range.canonical();
}

bool entry_names(std::string_view entry, const std::string& host, const std::string& port) {
  if (entry == "*") return true;
  if (entry.find('/') != std::string_view::npos) return in_network(std::string(entry), host);
  while (entry.starts_with("*.") || entry.starts_with(".")) entry.remove_prefix(entry.front() == '*' ? 2 : 1);
  // An IPv6 address may stand without its brackets.
  const bool bare_v6 = entry.find(':') != entry.rfind(':') && !entry.starts_with('[');
  const auto parsed = parse_host_port(bare_v6 ? "[" + std::string(entry) + "]" : std::string(entry));
  if (!parsed || (!parsed->port.empty() && parsed->port != port)) return false;
  boost::system::error_code ec, host_ec;
  const auto address = ip::make_address(parsed->host, ec);
  const auto host_address = ip::make_address(host, host_ec);
  if (!ec || !host_ec) return !ec && !host_ec && address == host_address;
  return host == parsed->host || host.ends_with("." + parsed->host);
}

const char* either(const std::function<const char*(const char*)>& get_env, const char* lower, const char* upper) {
  const char* value = get_env(lower);
  return value != nullptr ? value : get_env(upper);
}

}  // namespace

Result<Proxy> parse_proxy(std::string_view url) {
  auto rest = trimmed(url);
  if (const auto scheme = rest.find("://"); scheme != std::string_view::npos) {
    if (rest.substr(0, scheme) != "http" && rest.substr(0, scheme) != "HTTP") {
      return bad_proxy("names a kind of proxy that offpeak does not speak");
    }
    rest.remove_prefix(scheme + 3);
  }
  rest = rest.substr(0, rest.find('/'));
  Proxy proxy;
  if (const auto at = rest.rfind('@'); at != std::string_view::npos) {
    const auto user = percent_decoded(rest.substr(0, at));
    if (!user) return bad_proxy("has a broken percent sign before its @");
    proxy.authorization = "Basic " + base64(*user);
    rest.remove_prefix(at + 1);
  }
  const auto place = parse_host_port(rest);
  if (!place) return bad_proxy("has no valid host and port");
  proxy.host = place->host;
  proxy.port = place->port.empty() ? "80" : place->port;
  return proxy;
}

bool no_proxy_names(std::string_view no_proxy, const std::string& host, const std::string& port) {
  while (!no_proxy.empty()) {
    const auto end = std::min(no_proxy.find_first_of(", \t"), no_proxy.size());
    const auto entry = trimmed(no_proxy.substr(0, end));
    if (!entry.empty() && entry_names(entry, host, port)) return true;
    no_proxy.remove_prefix(std::min(end + 1, no_proxy.size()));
  }
  return false;
}

Result<std::optional<Proxy>> proxy_for(const Origin& origin, const std::function<const char*(const char*)>& get_env) {
  using None = std::optional<Proxy>;
  if (!origin.tls || is_loopback(origin.host)) return None();
  const char* url = either(get_env, "https_proxy", "HTTPS_PROXY");
  if (url == nullptr || trimmed(url).empty()) return None();
  const char* exempt = either(get_env, "no_proxy", "NO_PROXY");
  if (exempt != nullptr && no_proxy_names(exempt, origin.host, origin.port)) return None();
  auto proxy = parse_proxy(url);
  if (!proxy) return proxy.error();
  return None(std::move(*proxy));
}

}  // namespace offpeak::http
