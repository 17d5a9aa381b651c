// One line of a results download: its id, where its result value lies, and the few members that decide.
// Pure; written leniently, since rows carry members that no document lists. Used on the file worker,
// 200,000 times a second.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/json.hpp"
#include "model/money.hpp"
#include "model/states.hpp"

namespace offpeak {

// Slices of the line; text is decoded. Members that the line lacks are empty.
struct ResultLine {
  std::string custom_id;
  std::string_view result;  // the raw value
  OutcomeType type = OutcomeType::succeeded;
  // errored: result.error is a whole error response, so these come from result.error.error (api-facts 1.7).
  std::string error_type;
  std::string error_message;
  std::string error_code;  // error.details.error_code
  // succeeded
  std::string stop_reason;
  std::string model;
  Usage usage;
};

// Reads `text` into `line`, whose memory is used again. False where it is not JSON, has no id or no result,
// or its result is of a type that we do not know: then it cannot be anybody's outcome.
bool parse_result_line(std::string_view text, JsonChecker& checker, ResultLine& line);

// A member that is null, missing, or no integer from 0 to a thousand million counts as 0. A cache_creation total
// without its parts counts as 5 minutes.
Usage parse_usage(std::string_view usage);

}  // namespace offpeak
