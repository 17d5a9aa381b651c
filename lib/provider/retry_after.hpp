// When the provider asks to be called again. Pure; any thread.
#pragma once

#include <optional>
#include <string_view>

#include "base/clock.hpp"

namespace offpeak {

// From the headers retry-after-ms (milliseconds) and retry-after (seconds with fraction, or an HTTP date,
// read against the answer's own Date where it has one, else against `now`). As the official clients do: used
// where it is positive and at most 2^31-1 ms.
std::optional<Duration> parse_retry_after(std::string_view retry_after_ms, std::string_view retry_after,
                                          std::string_view date, Instant now);

// "Sun, 06 Nov 1994 08:49:37 GMT"; the two obsolete forms are not read.
std::optional<Instant> parse_http_date(std::string_view text);

}  // namespace offpeak
