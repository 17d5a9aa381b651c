#include "sim/route.hpp"

#include <charconv>

namespace offpeak::sim {

namespace {

constexpr std::string_view batches_path = "/v1/messages/batches";
constexpr std::string_view control_path = "/_sim/";

std::string percent_decode(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    unsigned value = 0;
    if (text[at] == '%' && at + 2 < text.size() &&
        std::from_chars(text.data() + at + 1, text.data() + at + 3, value, 16).ptr == text.data() + at + 3) {
      out += static_cast<char>(value);
      at += 2;
    } else {
      out += text[at] == '+' ? ' ' : text[at];
    }
  }
  return out;
}

void parse_query(std::string_view text, Route& route) {
  while (!text.empty()) {
    const auto pair = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(pair.size() + 1, text.size()));
    if (pair.empty()) continue;
    const auto equals = pair.find('=');
    route.query.emplace_back(percent_decode(pair.substr(0, equals)),
                             equals == std::string_view::npos ? "" : percent_decode(pair.substr(equals + 1)));
  }
}

void choose(Route& route, std::string_view method, std::string_view wanted, Verb verb) {
  if (method == wanted) {
    route.kind = Route::Kind::api;
    route.verb = verb;
  } else if (route.kind != Route::Kind::api) {
    route.kind = Route::Kind::wrong_method;
  }
}

}  // namespace

std::optional<std::string> Route::parameter(std::string_view name) const {
  for (const auto& [key, value] : query) {
    if (key == name) return value;
  }
  return std::nullopt;
}

Route parse_route(std::string_view method, std::string_view target) {
  Route route;
  const auto question = target.find('?');
  auto path = target.substr(0, question);
  if (question != std::string_view::npos) parse_query(target.substr(question + 1), route);
  if (path.starts_with(control_path)) {
    route.kind = Route::Kind::control;
    route.control = path.substr(control_path.size());
    return route;
  }
  if (!path.starts_with(batches_path)) return route;
  path.remove_prefix(batches_path.size());
  if (path.empty()) {
    choose(route, method, "POST", Verb::create);
    choose(route, method, "GET", Verb::list);
    return route;
  }
  if (path.front() != '/') return route;
  path.remove_prefix(1);
  const auto slash = path.find('/');
  route.id = percent_decode(path.substr(0, slash));
  const auto rest = slash == std::string_view::npos ? std::string_view() : path.substr(slash);
  if (route.id.empty()) return route;
  if (rest.empty()) {
    choose(route, method, "GET", Verb::retrieve);
    choose(route, method, "DELETE", Verb::remove);
  } else if (rest == "/results") {
    choose(route, method, "GET", Verb::results);
  } else if (rest == "/cancel") {
    choose(route, method, "POST", Verb::cancel);
  }
  return route;
}

}  // namespace offpeak::sim
