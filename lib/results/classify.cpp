#include "results/classify.hpp"

#include "provider/verdict.hpp"

namespace offpeak {

namespace {

ResultAction another_or_final(const ResultContext& context) {
  return context.attempts + 1 < context.max_attempts ? ResultAction::another : ResultAction::outcome;
}

ResultAction action_on_error(const ResultLine& line, const ResultContext& context) {
  switch (meaning_of_error(line.error_type, line.error_message, line.error_code)) {
    case ErrorMeaning::of_request:
      return ResultAction::outcome;
    case ErrorMeaning::of_account:
      return ResultAction::account_again;
    case ErrorMeaning::passing:
      return another_or_final(context);
  }
  return ResultAction::outcome;
}

}  // namespace

ResultAction classify_result(const ResultLine& line, const ResultContext& context) {
  if (context.canceling) return ResultAction::outcome;
  switch (line.type) {
    case OutcomeType::succeeded:
      return ResultAction::outcome;
    case OutcomeType::errored:
      return action_on_error(line, context);
    case OutcomeType::expired:
      return another_or_final(context);
    case OutcomeType::canceled:
      // We cancel batches of canceled jobs only, so this was somebody else.
      return ResultAction::hold_again;
  }
  return ResultAction::outcome;
}

ErrorMeaning meaning_of_error(std::string_view error_type, std::string_view message, std::string_view error_code) {
  if (error_type == "authentication_error" || error_type == "permission_error" || error_type == "billing_error") {
    return ErrorMeaning::of_account;
  }
  const bool may_be_limits = error_type == "invalid_request_error" || error_type == "rate_limit_error";
  if (may_be_limits && speaks_of_account_limits(error_type, message, error_code)) return ErrorMeaning::of_account;
  if (error_type == "invalid_request_error" || error_type == "not_found_error" || error_type == "request_too_large") {
    return ErrorMeaning::of_request;
  }
  return ErrorMeaning::passing;
}

}  // namespace offpeak
