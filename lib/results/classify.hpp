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
  bool others_succeeded = false;   // in its batch: the account was well
  // Account faults that it met before, where others of one of those batches succeeded; else 0.
  std::uint32_t account_tries = 0;
};

// A request that meets an account fault so often, while others of its batches succeed, is itself at fault.
inline constexpr std::uint32_t account_tries_max = 3;

ResultAction classify_result(const ResultLine& line, const ResultContext& context);

enum class ErrorMeaning : std::uint8_t {
  of_request,  // trying again cannot help
  of_account,  // whoever pays or owns the key must act; the request is innocent
  passing,     // everything else, known or not
};
// By type and code. Words of a message may be quoted: where others of the batch succeeded, they count only where the
// message begins by speaking to the account's owner.
ErrorMeaning meaning_of_error(const ResultLine& line, bool others_succeeded);

}  // namespace offpeak
