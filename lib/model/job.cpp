#include "model/job.hpp"

#include <fmt/format.h>

#include <numeric>

#include "base/json.hpp"

namespace offpeak {

std::int64_t RequestCounts::total() const { return std::accumulate(by_state.begin(), by_state.end(), std::int64_t{0}); }

std::int64_t RequestCounts::waiting() const {
  return (*this)[RequestState::pending] + (*this)[RequestState::assigned] + (*this)[RequestState::submitted];
}

std::string json_time(const std::optional<Instant>& at) { return at ? json_quote(to_rfc3339(*at)) : "null"; }

std::string json_text(const std::optional<std::string>& text) { return text ? json_quote(*text) : "null"; }

std::string json_usd(Nanodollars nanos) { return fmt::format("{}", to_usd(nanos)); }

std::string to_json(const RequestCounts& counts) {
  std::string text = "{";
  for (std::size_t i = 0; i < counts.by_state.size(); ++i) {
    text += fmt::format("{}\"{}\":{}", i == 0 ? "" : ",", to_text(static_cast<RequestState>(i)), counts.by_state[i]);
  }
  return text + "}";
}

std::string to_json(const Job& job) {
  return fmt::format(
      R"({{"id":{},"name":{},"file":{},"state":"{}","reason":{},"next_action_at":{},"created_at":{},"done_at":{},)"
      R"("requests":{},"counts":{},"cost_usd":{},"priority":{},"max_attempts":{},"file_changed":{}}})",
      job.id.value, json_quote(job.name), json_quote(job.file), to_text(job.state), json_text(job.reason),
      json_time(job.next_action_at), json_time(job.created_at), json_time(job.done_at), job.requests,
      to_json(job.counts), json_usd(job.cost), job.priority, job.max_attempts, job.file_changed);
}

}  // namespace offpeak
