// What a result line means for its request: the closed table of the product contract (7, "what came back").
// Pure.
#pragma once

#include <cstdint>
#include <string_view>

#include "queue/rows.hpp"
#include "results/result_line.hpp"

namespace offpeak {

// What is known of the request besides its line.
struct ResultContext {
  std::uint32_t attempts = 0;      // counted attempts before this one
  std::uint32_t max_attempts = 5;  // of its job
  bool canceling = false;          // its job is being canceled: every line is its true outcome, nothing goes again
};

ResultAction classify_result(const ResultLine& line, const ResultContext& context);

enum class ErrorMeaning : std::uint8_t {
  of_request,  // trying again cannot help
  of_account,  // whoever pays or owns the key must act; the request is innocent
  passing,     // everything else, known or not
};
ErrorMeaning meaning_of_error(std::string_view error_type, std::string_view message, std::string_view error_code);

}  // namespace offpeak
