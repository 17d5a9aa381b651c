#include "sim/draft.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/json.hpp"
#include "sim/mix.hpp"
#include "sim/outcome.hpp"

namespace offpeak::sim {

Draft::Draft(const Settings& settings, Store& store, bool output_300k)
    : settings_(settings),
      store_(store),
      most_tokens_(output_300k ? 300'000 : 0),
      parser_(*this, settings.max_bytes),
      batch_(std::make_shared<Batch>()) {}

void Draft::take_request(std::string_view custom_id, std::string_view params) {
  // Those beyond the limit are only counted: the call is refused anyway.
  if (batch_->requests().size() > settings_.max_requests) return;
  const auto digest = digest128(params);
  const auto index = store_.tables.contents.intern(digest);
  const auto& content = store_.tables.contents[index];
  const auto facts = check_params(params, most_tokens_);
  const auto decision = decide(settings_, params, facts, low_word(digest), content.created, content.refused);

  Request request;
  request.content = index;
  request.model = store_.tables.models.intern(facts.model);
  request.params_bytes = static_cast<std::uint32_t>(params.size());
  request.max_tokens = static_cast<std::uint32_t>(std::clamp<std::int64_t>(facts.max_tokens, 0, 1'000'000));
  request.answer_bytes =
      static_cast<std::uint32_t>(decision.answer_bytes > 0 ? decision.answer_bytes : settings_.answer_bytes);
  request.attempt = static_cast<std::uint16_t>(std::min<std::uint32_t>(content.created + 1, 0xFFFF));
  request.type = decision.type;
  request.stop_reason = decision.stop_reason;
  request.missing = decision.missing;
  request.cached = facts.cached;
  request.cached_1h = facts.cached_1h;
  request.error_by_worker = decision.error_by_worker;
  if (decision.type == OutcomeType::errored) {
    request.error = intern_error(decision.error_type, decision.error_message, decision.error_by_worker);
  }
  if (decision.refusal != Refusal::none && !refused_index_) {
    refused_index_ = static_cast<std::uint32_t>(batch_->requests().size());
    refused_by_name_ = decision.refusal == Refusal::named;
  }
  batch_->add(custom_id, request);
}

std::optional<std::string> Draft::finish() {
  parser_.finish();
  if (parser_.too_large() || parser_.fault()) return parser_.fault();
  batch_->body_bytes = parser_.bytes();
  if (parser_.requests() == 0) return "requests: List should have at least 1 item after validation, not 0";
  if (parser_.requests() > settings_.max_requests) {
    return fmt::format("requests: List should have at most {} items after validation, not {}", settings_.max_requests,
                       parser_.requests());
  }
  if (const auto duplicate = batch_->duplicate_id()) {
    return fmt::format("requests: custom_id's must be unique within a batch. Duplicate custom_id found: {}",
                       *duplicate);
  }
  return refusal();
}

std::optional<std::string> Draft::refusal() {
  if (!refused_index_) return std::nullopt;
  auto& refused = store_.tables.contents[batch_->requests()[*refused_index_].content].refused;
  if (refused < std::numeric_limits<std::uint16_t>::max()) ++refused;
  if (!refused_by_name_) return "The batch could not be accepted.";
  return fmt::format("requests.{}.params.messages.0.content: Input should be a valid list", *refused_index_);
}

void Draft::apply(const RowError& error) {
  const auto type = wire_error_type(error.type);
  const auto message = error.message.empty() ? default_message(error.type) : std::string_view(error.message);
  const auto number = intern_error(type, message, true);
  auto& requests = batch_->requests();
  for (std::uint32_t i = 0; i < requests.size(); ++i) {
    if (error.index && *error.index != i) continue;
    requests[i].type = OutcomeType::errored;
    requests[i].error = number;
    requests[i].error_by_worker = true;
  }
}

// The shape that rows have: details only where validation found the fault.
std::uint32_t Draft::intern_error(std::string_view type, std::string_view message, bool by_worker) {
  return store_.tables.errors.intern(fmt::format(R"({{"details":{},"type":{},"message":{}}})",
                                                 by_worker ? "null" : R"({"error_visibility":"user_facing"})",
                                                 json_quote(type), json_quote(message)));
}

}  // namespace offpeak::sim
