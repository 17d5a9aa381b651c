#include "provider/verdict.hpp"

#include <array>

#include "base/text.hpp"
#include "provider/failure.hpp"
#include "provider/wire.hpp"

namespace offpeak {

namespace {

using enum CreateVerdictKind;

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  }
  return out;
}

template <std::size_t n>
bool holds_any(std::string_view text, const std::array<std::string_view, n>& words) {
  for (const auto word : words) {
    if (text.find(word) != std::string_view::npos) return true;
  }
  return false;
}

// What to do about an answer that is a proven no. `error` is set where it has the API's shape.
CreateVerdictKind kind_of_no(int status, const std::optional<ApiError>& error, CreateVerdict& verdict) {
  if (status == 413) return too_large;
  const bool limits = error && speaks_of_account_limits(error->type, error->message, error->error_code);
  if (status == 429) return limits ? account_fault : throttled;
  if (status >= 500) return throttled;
  if (status != 400 || !error || limits) return account_fault;
  verdict.request_index = named_request(error->message);
  return verdict.request_index ? request_at_fault : batch_at_fault;
}

// A create that was answered 200: the id counts where the body says that it is a batch's, whatever else it holds or
// lacks. An id of something unsaid may be a gateway's own: the list will tell.
CreateVerdictKind read_created(const HttpAnswer& answer, CreateVerdict& verdict) {
  auto id = salvage_batch_id(answer.body);
  if (!id) return unknown;
  if (auto batch = parse_batch(answer.body); batch && batch->id == *id) {
    verdict.batch = std::move(*batch);
  } else {
    verdict.batch.emplace();
    verdict.batch->id = std::move(*id);
  }
  return created;
}

bool proves_no_after_last_byte(const HttpAnswer& answer, const std::optional<ApiError>& error) {
  if (answer.status == 413) return true;
  return answer.status >= 400 && answer.status <= 499 && answer.status != 408 && answer.status != 409 && error &&
         answer.body_complete;
}

std::string_view explanation(CreateVerdictKind kind, bool last_byte_left) {
  if (kind == unknown) return ": whether a batch was created is not known";
  return last_byte_left ? "" : " (before the request was complete: nothing was created)";
}

CreateVerdict without_answer(const CreateAnswer& answer) {
  CreateVerdict verdict;
  verdict.kind = answer.last_byte_left ? unknown : not_sent;
  verdict.message = escape_for_display(answer.failure.empty() ? "no answer" : answer.failure, 500);
  verdict.message += answer.last_byte_left ? explanation(unknown, true) : ": nothing was created";
  return verdict;
}

}  // namespace

// Model: T6.
CreateVerdict verdict_on_create(const CreateAnswer& answer) {
  if (!answer.answer) return without_answer(answer);
  const auto& got = *answer.answer;
  const auto error = parse_api_error(got.body);
  CreateVerdict verdict;
  verdict.retry_after = got.retry_after;
  if (error) {
    verdict.error_type = error->type;
    verdict.error_document = got.body;
  }
  if (answer.last_byte_left && got.status == 200) {
    verdict.kind = read_created(got, verdict);
  } else if (!answer.last_byte_left || proves_no_after_last_byte(got, error)) {
    verdict.kind = kind_of_no(got.status, error, verdict);
  }
  if (verdict.kind == created) return verdict;
  verdict.message = describe_answer(got.status, got.body);
  verdict.message += on_encoding(got.content_encoding);
  if (!got.body_complete) verdict.message += ", cut off: " + escape_for_display(answer.failure, 300);
  if (verdict.kind == account_fault) verdict.message += advice_on(got.status);
  verdict.message += explanation(verdict.kind, answer.last_byte_left);
  return verdict;
}

bool speaks_of_account_limits(std::string_view error_type, std::string_view message, std::string_view error_code) {
  if (error_type == "billing_error") return true;
  // Codes: the official client's list of errors of batch calls.
  constexpr std::array<std::string_view, 4> codes = {"spend_limit", "organization_on_hold", "cmek_key_disabled",
                                                     "claude_code_key_creator_not_member"};
  if (holds_any(error_code, codes)) return true;
  // A message about a field may quote what a user wrote.
  if (message.starts_with("requests")) return false;
  constexpr std::array<std::string_view, 8> words = {
      "credit balance",    // "Your credit balance is too low to access the Anthropic API."
      "purchase credits",  // "Please go to Plans & Billing to upgrade or purchase credits."
      "plans & billing",
      "api usage limit",  // "You have reached your specified API usage limits."
      "usage limits",     // "... specified workspace API usage limits ..."
      "spend limit",      "spending limit", "organization has been disabled",
  };
  return holds_any(lower(message), words);
}

}  // namespace offpeak
