// The line index: where each request of a job lies in its claimed file. The database keeps it in segments of 1,024
// entries, packed to about a dozen bytes each, so that ten million requests are not ten million rows. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/ids.hpp"

namespace offpeak {

// A request's place in its job, from 0, in input order.
using Seq = std::uint32_t;

inline constexpr Seq segment_entries = 1024;  // segment n holds the entries [n * 1024, (n + 1) * 1024)

// All offsets but `offset` are relative to the line's first byte. A line that was skipped as bad may have no id
// (id_bytes 0) and no params (params_bytes 0); it is never sent.
struct LineEntry {
  std::uint64_t offset = 0;                           // of the line's first byte in the job's bytes
  std::uint32_t bytes = 0;                            // of the line, without its line break
  std::uint32_t id_offset = 0, id_bytes = 0;          // the raw custom_id value, with its quotes
  std::uint32_t params_offset = 0, params_bytes = 0;  // the raw params value
  std::uint32_t sent_params_bytes = 0;                // as sent: params_bytes, unless defaults are merged in
  std::uint32_t checksum = 0;                         // checksum32 of the raw params value
  bool operator==(const LineEntry&) const = default;
};

// At most segment_entries entries in order of offset.
std::string encode_segment(const std::vector<LineEntry>& entries);
// Nothing where the blob is damaged.
std::optional<std::vector<LineEntry>> decode_segment(std::string_view blob);

// A run of requests of one job.
struct RequestRange {
  JobId job;
  Seq first = 0;
  std::uint32_t count = 0;
  auto operator<=>(const RequestRange&) const = default;
};

}  // namespace offpeak
