// What becomes of one request: decided from its bytes, the seed, and how often that content was created
// before. Called while a create body is read. Pure; any thread.
//
// Text between double square brackets anywhere in params commands an outcome:
//   [[succeeded]]           [[expired]]             [[canceled]]       (canceled, but not by us)
//   [[errored:TYPE]]        TYPE: an error type, or credit, usage_limit, download (invalid_request_error with
//   the
//                           recorded texts)
//   [[stop:max_tokens]]     a succeeded row with that stop_reason
//   [[400]]                 create answers 400 naming this request     [[400-unnamed]]  naming nobody
//   [[missing]]             the results have no line for it (the request is billed)
//   [[bytes:N]]             N bytes of text in the answer
// With :N at its end ([[expired:2]], [[errored:api_error:3]], [[400:1]]) a marker holds for the first N
// creations (N refusals for 400) of the content; several markers follow one another; then the request
// succeeds.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "model/states.hpp"
#include "sim/settings.hpp"

namespace offpeak::sim {

// What the API would find out about one request's params.
struct ParamsFacts {
  std::string_view model;  // raw, without quotes; empty where missing
  std::int64_t max_tokens = 0;
  bool cached = false;     // has cache_control
  bool cached_1h = false;  // with a ttl of 1h
  std::string error_type;  // not empty: the row becomes errored with this, whatever the mix says
  std::string error_message;
};

// `params` is a valid JSON object. `most_tokens`: the beta's cap on max_tokens, or 0 for the model's own.
ParamsFacts check_params(std::string_view params, std::int64_t most_tokens);

enum class Refusal : std::uint8_t { none, named, unnamed };

struct Decision {
  OutcomeType type = OutcomeType::succeeded;
  std::string error_type;  // errored
  std::string error_message;
  bool error_by_worker = false;     // not found by validation: request_id is workerreq_...
  std::uint8_t stop_reason = 0;     // an index for stop_reason_name
  bool missing = false;             // no results line
  std::uint64_t answer_bytes = 0;   // 0: the settings'
  Refusal refusal = Refusal::none;  // create must answer 400
};

// `created_before`, `refused_before`: how often this content was.
Decision decide(const Settings& settings, std::string_view params, const ParamsFacts& facts, std::uint64_t content_word,
                std::uint32_t created_before, std::uint32_t refused_before);

// The stop reasons of the API's schema; an unknown name is kept as end_turn's index by parse.
std::string_view stop_reason_name(std::uint8_t index);
bool is_stop_reason(std::string_view name);

// "succeeded", "expired", "canceled", "errored" or "errored:TYPE".
bool is_outcome_name(std::string_view name);

// The recorded or a plausible text of an error type.
std::string_view default_message(std::string_view error_type);
// "credit" and the like become the type that the API gives such rows.
std::string_view wire_error_type(std::string_view error_type);

}  // namespace offpeak::sim
