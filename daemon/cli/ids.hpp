// What a user may write for an ID: a job's number, our batch number as b12, or the provider's msgbatch_... Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace offpeak::cli {

struct ThingId {
  std::optional<std::int64_t> number;  // 7: a job first, then a batch
  bool batch = false;                  // b12 or msgbatch_...
  std::string text;                    // the segment for the path: "12" of b12
};

// Nothing where it is none of them.
std::optional<ThingId> parse_thing_id(const std::string& text);

}  // namespace offpeak::cli
