#include "provider/failure.hpp"

#include <fmt/format.h>

#include "base/text.hpp"
#include "provider/verdict.hpp"
#include "provider/wire.hpp"

namespace offpeak {

namespace {

constexpr std::size_t quoted_bytes_max = 300;

CallFailureKind kind_of(int status, const std::optional<ApiError>& error) {
  using enum CallFailureKind;
  const bool limits = error && speaks_of_account_limits(error->type, error->message, error->error_code);
  if (status == 401 || status == 402 || status == 403) return account;
  if (limits && (status == 400 || status == 429)) return account;
  if (status == 429 || status >= 500) return throttled;
  if (status == 404) return not_found;
  // The server waited in vain for the rest of our request: the network's fault.
  if (status == 408 || status < 200) return unreachable;
  return refused;
}

}  // namespace

std::string_view advice_on(int status) {
  switch (status) {
    case 401:
      return "; check the API key: put the right one into its file, which is read again before each try (under "
             "LoadCredential= of systemd it changes with a restart of the service only)";
    case 402:
    case 403:
      return "; check the account, its plan and the key's permissions";
    case 404:
    case 405:
      return "; where this is not about an id, check base_url (without /v1)";
    default:
      return status >= 300 && status < 400 ? "; redirects are not followed: set base_url to the API itself" : "";
  }
}

std::string describe_answer(int status, std::string_view body) {
  auto text = fmt::format("HTTP {}", status);
  if (const auto error = parse_api_error(body)) {
    text += " " + escape_for_display(error->type, 60) + ": " + escape_for_display(error->message, quoted_bytes_max);
    if (!error->error_code.empty()) text += " (" + escape_for_display(error->error_code, 80) + ")";
    return text;
  }
  if (body.empty()) return text + " with an empty body";
  return text + fmt::format(", not in the API's shape ({} bytes: {})", body.size(), escape_for_display(body, 100));
}

std::string on_encoding(std::string_view coding) {
  if (coding.empty() || coding == "identity") return "";
  return fmt::format(
      "; its body is encoded ({}), which was not asked for: a proxy or gateway on the way compresses answers; switch "
      "that off there",
      escape_for_display(coding, 40));
}

CallFailure failure_of_answer(std::string_view what, const http::Response& answer,
                              std::optional<Duration> retry_after) {
  const auto error = parse_api_error(answer.body);
  CallFailure failure;
  failure.kind = kind_of(answer.status, error);
  failure.http_status = answer.status;
  if (error) failure.error_type = error->type;
  failure.message = fmt::format("{}: {}{}{}", what, describe_answer(answer.status, answer.body),
                                on_encoding(answer.header("content-encoding")), advice_on(answer.status));
  failure.retry_after = retry_after;
  return failure;
}

CallFailure failure_of_unreadable(std::string_view what, int status, std::string_view problem) {
  CallFailure failure;
  failure.kind = CallFailureKind::unreadable;
  failure.http_status = status;
  failure.message = fmt::format("{}: {}", what, problem);
  return failure;
}

CallFailure failure_of_transport(std::string_view what, const http::HttpFailure& failure,
                                 std::optional<Duration> retry_after) {
  CallFailure out;
  out.kind = failure.stopped_by_caller ? CallFailureKind::stopped : CallFailureKind::unreachable;
  out.message = fmt::format("{}: {}", what, failure.message);
  if (!failure.partial) return out;
  out.http_status = failure.partial->status;
  const bool refused = out.http_status < 200 || out.http_status > 299;
  if (refused && !failure.stopped_by_caller) {
    out.kind = kind_of(out.http_status, std::nullopt);
    out.retry_after = retry_after;
    out.message += fmt::format(" (after HTTP {})", out.http_status);
  }
  return out;
}

}  // namespace offpeak
