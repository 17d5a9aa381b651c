// Job: the requests of one job file. A plain value, as the queue gives it and the socket shows it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/digest.hpp"
#include "model/header_group.hpp"
#include "model/ids.hpp"
#include "model/money.hpp"
#include "model/states.hpp"

namespace offpeak {

// How many requests are in each state; their sum is the job's requests, and the database refuses anything else.
struct RequestCounts {
  std::array<std::int64_t, 7> by_state{};
  std::int64_t& operator[](RequestState state) { return by_state[static_cast<std::size_t>(state)]; }
  std::int64_t operator[](RequestState state) const { return by_state[static_cast<std::size_t>(state)]; }
  std::int64_t total() const;
  // Not yet an outcome.
  std::int64_t waiting() const;
  bool operator==(const RequestCounts&) const = default;
};

enum class JobFormat : std::uint8_t {
  lines,     // JSONL: an entry of the index is a physical line
  requests,  // the API's own create body: an entry is an element of "requests"
};

struct Job {
  JobId id;
  std::string name;
  std::string file;  // its name in incoming/
  JobState state = JobState::queued;
  std::optional<std::string> reason;
  std::optional<Instant> next_action_at;
  Instant created_at{};
  std::optional<Instant> done_at;
  std::int64_t requests = 0;
  RequestCounts counts;
  Nanodollars cost = 0;
  bool file_changed = false;  // its writer went on after it had been taken: what came then is not in it

  // What it was accepted with.
  std::int64_t priority = 0;
  HeaderGroup headers;
  std::uint32_t max_attempts = 5;
  Nanodollars max_cost = 0;  // 0: none
  Digest128 digest;          // of the decompressed bytes
  JobFormat format = JobFormat::lines;
  std::string data_name;     // of its bytes in claimed/
  std::string options_line;  // as written, or empty: the first line of failed.jsonl
  std::string defaults;      // the raw object merged under each line's params, or empty
};

// The job as the socket and summary.json show it: one JSON object without line breaks.
std::string to_json(const Job& job);
std::string to_json(const RequestCounts& counts);
// A time as a JSON string, or null.
std::string json_time(const std::optional<Instant>& at);
std::string json_text(const std::optional<std::string>& text);
std::string json_usd(Nanodollars nanos);

}  // namespace offpeak
