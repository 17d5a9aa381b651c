// Reads what a script file (--script), POST /_sim/settings and POST /_sim/faults say: settings and fault
// rules, in JSON. Unknown members, wrong kinds and impossible combinations are errors that name the member.
#pragma once

#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "sim/faults.hpp"
#include "sim/settings.hpp"

namespace offpeak::sim {

// The whole format, for --help and for readers of this header.
inline constexpr std::string_view script_format = R"(SCRIPT: one JSON object, every member optional.
{
  "outcomes": {"succeeded": 97, "errored:overloaded_error": 2, "expired": 1},   weights; also canceled, errored:<type>
              with the types of the API, or credit, usage_limit, download (invalid_request_error, recorded texts)
  "stop_reasons": {"end_turn": 98, "max_tokens": 1, "refusal": 1},
  "processing_time": "2s", "cancel_time": "200ms", "expire_after": "24h", "results_kept": "29d",
  "list_lag": "0s",            every new batch is hidden from list and retrieve for so long
  "answer_bytes": 300, "max_requests": 100000, "max_bytes": "256MB", "queue_limit": 0, "page_limit": 0,
  "progress": false,
  "too_large": "html" | "api", "poll_retry_after": 10, "api_key": "", "workspace": "wrkspc_...",
  "organization": "...", "results_url_base": "",
  "faults": [RULE, ...]
}
RULE: {"on": "create" | "list" | "retrieve" | "results" | "cancel" | "delete" | "any",
       "nth": 3,  or any of "from": 1, "to": 5, "every": 2, "probability": 0.1   (calls counted from 1; default: all)
       "batch": 2,             only calls about the 2nd batch made
       "do": ACTION | "name of an action without parameters"}
Every rule that fires takes part; of two actions of one kind the first rule's holds.
ACTION: {"action": NAME, ...parameters with their defaults}
  error         "status": 500, "when": "instead" (body read, nothing done) | "early" (before the body is read) | "after"
                (done, then this answer), "shape": "api" | "html" | "text" | "json" | "empty", "type", "message",
                "error_code", "retry_after": "5", "should_retry": "false"
  redirect      "to": URL, "status": 307, "when": "early" | "instead" | "after"
  lose_answer   "when": "after" (done, answer lost) | "instead" (body read, nothing done), "how": "close" | "reset"
  close, reset  "after_body_bytes": 0     the connection ends before the body is read, or after so many bytes of it
  hang          "when": "after" | "instead" | "early"     no answer, the connection stays open
  delay         "for": "1s", "when": "after" (before the answer) | "early" (before the body is read)
  slow          "bytes": 1024, "pause": "100ms"           the body trickles
  cut           "bytes": n or "fraction": 0.5, "reset": false     the transfer ends inside the body; with "part": "head"
                after so many bytes of the head
  garble        "as": "truncated" ("bytes" or "fraction") | "text" | "html" | "empty" | "no_id" | "wrong_type"
                done and answered 200, but the complete body cannot be used
  frame         "as": "close" | "length" | "chunked"      how the body's end is told
  lag           "for": "30s", "retrieve": true            create: the batch is hidden at first
  late          "for": "30s"                              create: the batch is made only then
  never_end                                               create: the batch never ends, unless it is canceled
  stale         "by": "1m"                                list, retrieve: what was true then
  counts        "processing", "succeeded", "errored", "canceled", "expired": 0    added to the true request_counts
  foreign_batch "requests": 1, or on create "same_size": true     a stranger's batch appears, of "maker": "program" |
                "offpeak" (ids as the client's, of another nonce)
  repeat        "after": "0s", "answer_second": false     create: something between sends it twice: two batches
  untallied     "for": "30s"                              create: the batch's counts are zero at first
  short_list    "as": "empty" (has_more) | "no_cursor" (has_more) | "ends" ("entries": 0)    list: a page is not whole
  odd_entry     "as": "status" | "null_counts" | "zero_counts" | "one_short" | "no_created_at", "index": 0     list
  row_error     "index": n (default: all), "type": "api_error", "message"         create: rows of its batch are errored
  lines         results: "duplicate", "conflicting", "foreign", "garbage", "blank", "missing", "invalid_utf8", "nul": 0
                (numbers of lines), "deep": levels, "long_bytes": 0, "none", "bom", "crlf", "no_last_newline": false
Example: {"processing_time": "5s", "faults": [{"on": "create", "nth": 1, "do": "lose_answer"},
          {"on": "create", "nth": 2, "do": {"action": "error", "status": 529, "when": "after"}}]}

MARKERS in the text of a request command its outcome: [[succeeded]] [[expired]] [[canceled]] [[errored:TYPE]]
[[stop:max_tokens]] [[missing]] [[bytes:N]]; [[400]] makes create refuse naming the request, [[400-unnamed]] naming
nobody. With a number at its end ([[expired:2]], [[400:1]]) it holds for the first so many creations of that content
(refusals for 400); several follow one another; then the request succeeds.
)";

struct Script {
  Settings settings;
  std::vector<FaultRule> faults;
};

// What `text` says on top of `settings`.
Result<Script> parse_script(std::string_view text, Settings settings);

// One rule, or an array of them.
Result<std::vector<FaultRule>> parse_faults(std::string_view text);

}  // namespace offpeak::sim
