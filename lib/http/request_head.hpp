// The request's first lines as text. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>

#include "http/http.hpp"

namespace offpeak::http {

// Request line and headers with the empty line. A control character in a name or value is refused (it would
// end the header early); the message names the header, never its value.
Result<std::string> request_head(const Origin& origin, const Request& request, std::uint64_t content_length);

// CONNECT to the origin. Holds nothing of the request: the key is not for the proxy.
std::string connect_head(const Origin& origin);

}  // namespace offpeak::http
