// The shapes of the API's answers: errors, and pages that proxies put in their place. Pure.
#pragma once

#include <string>
#include <string_view>

#include "sim/call.hpp"

namespace offpeak::sim {

// The error.type that the API gives a status.
std::string_view error_type_of(int status);

// {"type":"error","error":{"type","message","details"?},"request_id"}. An empty error_code leaves details
// out.
Answer api_error(int status, std::string_view type, std::string_view message, std::string_view request_id,
                 std::string_view error_code = "");

Answer json_answer(std::string body);
// As Cloudflare and nginx write it: status and reason, no API JSON.
Answer html_answer(int status);
Answer text_answer(int status, std::string_view text);

std::string_view reason_phrase(int status);

// Sun, 06 Nov 1994 08:49:37 GMT
std::string http_date(Instant instant);

}  // namespace offpeak::sim
