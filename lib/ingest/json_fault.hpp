// What is wrong with a text that is not JSON, in words that help: what makes people's files fail most often is told
// apart by the byte at which the text stops being JSON. Pure.
#pragma once

#include <string_view>

#include "base/json.hpp"
#include "ingest/fault.hpp"

namespace offpeak {

// `fault` is what a JsonChecker found in `text`. The place may be another one: where the cause begins.
Fault explain_json_fault(std::string_view text, const JsonFault& fault);

// The same of a text that is too long to be held: how it begins, and what stands where it stops being JSON.
Fault explain_json_fault(const JsonFault& fault, std::string_view head, std::string_view rest);

}  // namespace offpeak
