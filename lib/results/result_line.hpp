// One line of a results download: its id, where its result value lies, and the few members that decide.
// Pure; written leniently, since rows carry members that no document lists. Used on the file worker,
// 200,000 times a second. A line that is too long to be held is read in pieces: results/result_walk.hpp.
//
// A line is unreadable where it is no JSON, or where what decides is missing, unknown or given twice: which of two
// would count is not for us to say. What is only counted (model, usage, stop_reason) makes no line unreadable; given
// twice, it counts as not given, and without its usage an answer has no model either: its price is not known.
#pragma once

#include <string>
#include <string_view>

#include "base/json.hpp"
#include "model/money.hpp"
#include "model/states.hpp"

namespace offpeak {

// Text is decoded. Members that the line lacks are empty.
struct ResultLine {
  std::string_view oddity;  // empty: it is readable; else why not, in plain words
  bool is_json = false;
  std::string custom_id;            // empty: it has none that can be read
  std::uint64_t result_offset = 0;  // of the raw value, in the line
  std::uint64_t result_bytes = 0;
  OutcomeType type = OutcomeType::succeeded;
  bool says_succeeded = false;  // of an unreadable line, too: it may have been paid for
  // errored: result.error is a whole error response, so these come from result.error.error (api-facts 1.7).
  std::string error_type;
  std::string error_message;
  std::string error_code;  // error.details.error_code
  // What says that it succeeded. A count that is null, missing, or no integer from 0 to a thousand million is 0; a
  // cache_creation total without its parts counts as 5 minutes.
  std::string stop_reason;
  std::string model;
  Usage usage;

  bool readable() const { return oddity.empty(); }
  void clear();
};

// Reads `text` into `line`, whose memory is used again.
void parse_result_line(std::string_view text, JsonChecker& checker, ResultLine& line);

}  // namespace offpeak
