#include "results/classify.hpp"

#include "provider/verdict.hpp"

namespace offpeak {

namespace {

ResultAction another_or_final(const ResultContext& context) {
  return context.attempts + 1 < context.max_attempts ? ResultAction::another : ResultAction::outcome;
}

// Whether others succeeded beside it is known of this batch, or of one before.
bool is_its_own_fault(const ResultContext& context) {
  return context.account_tries > 0 && context.account_tries + 1 >= account_tries_max;
}

ResultAction action_on_error(const ResultLine& line, const ResultContext& context) {
  switch (meaning_of_error(line, context.others_succeeded)) {
    case ErrorMeaning::of_request:
      return ResultAction::outcome;
    case ErrorMeaning::of_account:
      return is_its_own_fault(context) ? ResultAction::outcome : ResultAction::account_again;
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

ErrorMeaning meaning_of_error(const ResultLine& line, bool others_succeeded) {
  const std::string_view type = line.error_type;
  if (type == "authentication_error" || type == "permission_error" || type == "billing_error") {
    return ErrorMeaning::of_account;
  }
  const bool may_be_limits = type == "invalid_request_error" || type == "rate_limit_error";
  const bool speaks_of_account = line.error_message.starts_with("You");  // "Your credit balance ...", "You have ..."
  const std::string_view words = others_succeeded && !speaks_of_account ? "" : std::string_view(line.error_message);
  if (may_be_limits && speaks_of_account_limits(type, words, line.error_code)) return ErrorMeaning::of_account;
  if (type == "invalid_request_error" || type == "not_found_error" || type == "request_too_large") {
    return ErrorMeaning::of_request;
  }
  return ErrorMeaning::passing;
}

}  // namespace offpeak
