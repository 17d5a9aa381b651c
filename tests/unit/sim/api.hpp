// A simulated API in process with virtual time, and short words to call it.
#pragma once

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "sim/exchange.hpp"
#include "sim/script.hpp"
#include "sim/service.hpp"

namespace offpeak::sim {

// What a client would have seen.
struct Seen {
  int status = 0;
  std::string body;
  Answer answer;
  std::string header(std::string_view name) const { return std::string(find_header(answer.headers, name)); }
  std::string member(std::initializer_list<std::string_view> keys) const {
    const auto value = json_path(body, keys);
    return value ? std::string(*value) : "(none)";
  }
  std::string message() const {
    const auto value = json_path(body, {"error", "message"});
    return value ? json_decode_string(*value) : "(none)";
  }
  std::string id() const { return json_decode_string(member({"id"})); }
};

class Api {
 public:
  explicit Api(std::string_view script = "{}", std::uint64_t seed = 1) : service(make(script, seed)) {}

  static Service make(std::string_view script, std::uint64_t seed) {
    Settings settings;
    settings.seed = seed;
    auto parsed = parse_script(script, settings);
    if (!parsed) throw std::invalid_argument(parsed.error().message);
    return Service(parsed->settings, parsed->faults);
  }

  Seen call(std::string method, std::string target, std::string body = "") {
    Headers headers{{"X-Api-Key", "k"}, {"anthropic-version", "2023-06-01"}, {"Host", "127.0.0.1:80"}};
    return call_with(std::move(headers), std::move(method), std::move(target), std::move(body));
  }
  Seen call_with(Headers headers, std::string method, std::string target, std::string body = "") {
    Seen seen;
    seen.answer = service.handle(Call{std::move(method), std::move(target), std::move(headers), std::move(body)}, now);
    seen.status = seen.answer.status;
    seen.body = whole_body(seen.answer);
    return seen;
  }
  Seen create_body(std::string body) { return call("POST", "/v1/messages/batches", std::move(body)); }
  // One request a text, with ids r0, r1, ...
  Seen create(const std::vector<std::string>& texts) {
    std::string body = R"({"requests":[)";
    for (std::size_t i = 0; i < texts.size(); ++i) {
      body += fmt::format(R"({}{{"custom_id":"r{}","params":{}}})", i > 0 ? "," : "", i, params(texts[i]));
    }
    return create_body(body + "]}");
  }
  Seen list(std::string_view query = "") { return call("GET", fmt::format("/v1/messages/batches{}", query)); }
  Seen retrieve(const std::string& id) { return call("GET", "/v1/messages/batches/" + id); }
  Seen results(const std::string& id) { return call("GET", "/v1/messages/batches/" + id + "/results"); }
  Seen cancel(const std::string& id) { return call("POST", "/v1/messages/batches/" + id + "/cancel"); }
  Seen remove(const std::string& id) { return call("DELETE", "/v1/messages/batches/" + id); }
  const Totals& totals() { return service.totals(now); }

  static std::string params(std::string_view text) {
    return fmt::format(
        R"({{"model":"claude-haiku-4-5","max_tokens":50,"messages":[{{"role":"user","content":"{}"}}]}})", text);
  }
  // The line of one custom_id in a results body.
  static std::string line(const std::string& body, std::string_view custom_id) {
    const auto start = body.find(fmt::format("{{\"custom_id\":\"{}\"", custom_id));
    return start == std::string::npos ? "" : body.substr(start, body.find('\n', start) - start);
  }
  static std::string result_type(const std::string& body, std::string_view custom_id) {
    const auto found = line(body, custom_id);
    const auto type = json_path(found, {"result", "type"});
    return type ? json_decode_string(*type) : "(none)";
  }

  Instant now = *parse_rfc3339("2026-01-01T00:05:23.250Z");
  Service service;
};

inline std::vector<std::string> ids_in(const std::string& list_body) {
  std::vector<std::string> ids;
  JsonElements elements(*json_member(list_body, "data"));
  for (std::string_view element; elements.next(element);) {
    ids.push_back(json_decode_string(*json_member(element, "id")));
  }
  return ids;
}

inline std::vector<std::string> lines_of(const std::string& body) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < body.size();) {
    const auto end = std::min(body.find('\n', at), body.size());
    lines.push_back(body.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

}  // namespace offpeak::sim
