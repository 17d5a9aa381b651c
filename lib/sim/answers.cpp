#include "sim/answers.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "base/json.hpp"

namespace offpeak::sim {

std::string_view error_type_of(int status) {
  switch (status) {
    case 401:
      return "authentication_error";
    case 402:
      return "billing_error";
    case 403:
      return "permission_error";
    case 404:
      return "not_found_error";
    case 409:
      return "conflict_error";
    case 413:
      return "request_too_large";
    case 429:
      return "rate_limit_error";
    case 504:
      return "timeout_error";
    case 529:
      return "overloaded_error";
    default:
      return status >= 500 ? "api_error" : "invalid_request_error";
  }
}

Answer api_error(int status, std::string_view type, std::string_view message, std::string_view request_id,
                 std::string_view error_code) {
  auto answer = json_answer("");
  answer.status = status;
  const auto details =
      error_code.empty() ? std::string() : fmt::format(R"(,"details":{{"error_code":{}}})", json_quote(error_code));
  answer.body = fmt::format(R"({{"type":"error","error":{{"type":{},"message":{}{}}},"request_id":{}}})",
                            json_quote(type), json_quote(message), details, json_quote(request_id));
  return answer;
}

Answer json_answer(std::string body) {
  Answer answer;
  answer.headers.emplace_back("content-type", "application/json");
  answer.body = std::move(body);
  return answer;
}

Answer html_answer(int status) {
  Answer answer;
  answer.status = status;
  answer.headers.emplace_back("content-type", "text/html");
  answer.headers.emplace_back("server", "cloudflare");
  const auto title = fmt::format("{} {}", status, status == 413 ? "Request Entity Too Large" : reason_phrase(status));
  answer.body = fmt::format(
      "<html>\r\n<head><title>{0}</title></head>\r\n<body>\r\n<center><h1>{0}</h1></center>\r\n"
      "<hr><center>cloudflare</center>\r\n</body>\r\n</html>\r\n",
      title);
  return answer;
}

Answer text_answer(int status, std::string_view text) {
  Answer answer;
  answer.status = status;
  answer.headers.emplace_back("content-type", "text/plain");
  answer.body = text;
  return answer;
}

std::string_view reason_phrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 402:
      return "Payment Required";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 413:
      return "Payload Too Large";
    case 429:
      return "Too Many Requests";
    case 500:
      return "Internal Server Error";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Time-out";
    default:
      return status < 400 ? "Other" : "Error";
  }
}

std::string http_date(Instant instant) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(instant);
  return fmt::format("{:%a, %d %b %Y %H:%M:%S} GMT", fmt::gmtime(std::chrono::system_clock::to_time_t(seconds)));
}

}  // namespace offpeak::sim
