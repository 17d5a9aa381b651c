#include "control/target.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/text.hpp"

namespace offpeak {

namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

enum class Plus : std::uint8_t { literal, space };

std::optional<std::string> percent_decode(std::string_view text, Plus plus) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus == Plus::space) {
      decoded += ' ';
    } else if (text[i] != '%') {
      decoded += text[i];
    } else {
      if (i + 2 >= text.size()) return std::nullopt;
      const int high = hex_value(text[i + 1]);
      const int low = hex_value(text[i + 2]);
      if (high < 0 || low < 0 || high + low == 0) return std::nullopt;
      decoded += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  return decoded;
}

Error bad_target(std::string message) { return make_error(ErrorKind::invalid, std::move(message)); }

Result<std::vector<std::string>> parse_path(std::string_view path) {
  std::vector<std::string> segments;
  path.remove_prefix(1);
  while (!path.empty()) {
    const auto slash = std::min(path.find('/'), path.size());
    auto segment = percent_decode(path.substr(0, slash), Plus::literal);
    if (!segment) return bad_target("the path holds a bad percent escape");
    segments.push_back(std::move(*segment));
    if (slash + 1 == path.size()) segments.emplace_back();  // a slash at the end is a path of its own
    path.remove_prefix(std::min(slash + 1, path.size()));
  }
  return segments;
}

Result<QueryMembers> parse_query(std::string_view text) {
  QueryMembers query;
  while (!text.empty()) {
    const auto end = std::min(text.find('&'), text.size());
    const auto pair = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (pair.empty()) continue;
    const auto equals = std::min(pair.find('='), pair.size());
    auto name = percent_decode(pair.substr(0, equals), Plus::space);
    auto value = percent_decode(pair.substr(std::min(equals + 1, pair.size())), Plus::space);
    if (!name || !value) return bad_target("the query holds a bad percent escape");
    if (query_member(query, *name)) {
      return bad_target(fmt::format("the query member {} is given twice", escape_for_display(*name, 60)));
    }
    query.emplace_back(std::move(*name), std::move(*value));
  }
  return query;
}

}  // namespace

Result<Target> parse_target(std::string_view text) {
  if (text.starts_with("http://") || text.starts_with("https://")) {
    const auto slash = text.find('/', text.find("//") + 2);
    if (slash == std::string_view::npos) return bad_target("the request target has no path");
    text.remove_prefix(slash);
  }
  if (text.empty() || text.front() != '/') return bad_target("the request target is not a path");
  const auto mark = std::min(text.find('?'), text.size());
  auto segments = parse_path(text.substr(0, mark));
  if (!segments) return segments.error();
  auto query = parse_query(text.substr(std::min(mark + 1, text.size())));
  if (!query) return query.error();
  Target target;
  target.segments = std::move(*segments);
  target.query = std::move(*query);
  return target;
}

std::optional<std::string_view> query_member(const QueryMembers& query, std::string_view name) {
  for (const auto& [key, value] : query) {
    if (key == name) return value;
  }
  return std::nullopt;
}

std::optional<std::int64_t> parse_integer(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ec != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace offpeak
