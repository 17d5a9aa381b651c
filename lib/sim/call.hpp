// What goes into the simulated API and what comes out of it, as values: no socket, no clock. A transport
// (offpeak-sim's HTTP server, or a test in process) plays an Answer: its bytes, and the faults that only a
// transport can play.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"

namespace offpeak::sim {

using Headers = std::vector<std::pair<std::string, std::string>>;

// The first value of a header, whatever its case; empty where it is missing.
std::string_view find_header(const Headers& headers, std::string_view name);

struct Call {
  std::string method;
  std::string target;  // path and query, as in the request line
  Headers headers;
  std::string body;  // ignored by Service::begin, which is given the body block by block
};

// A body that is made while it is sent.
class BodyStream {
 public:
  virtual ~BodyStream() = default;
  // The next block, valid until the next call: at least 64 KiB but for the last; empty at the end.
  virtual std::string_view next() = 0;
};

enum class Delivery : std::uint8_t {
  answer,
  close,  // no answer: the connection ends with FIN
  reset,  // no answer: the connection ends with RST
  hang,   // no answer: the connection stays open until the client closes it
};

enum class Framing : std::uint8_t { length, chunked, until_close };

struct Answer {
  int status = 200;
  Headers headers;  // all but the framing's own and Connection
  std::string body;
  std::unique_ptr<BodyStream> stream;  // instead of `body`
  std::uint64_t stream_bytes = 0;      // its size, where framing is `length`

  Delivery delivery = Delivery::answer;
  Framing framing = Framing::length;
  Duration delay{0};  // before the answer's first byte, or before the connection ends
  // Only so many bytes of the body leave, although the framing promises all; then the connection ends.
  std::optional<std::uint64_t> cut_after_bytes;
  bool cut_in_head = false;  // so many bytes of the head instead, and nothing of the body
  bool cut_by_reset = false;
  // Where not 0: the body leaves in blocks of so many bytes, with a pause behind each.
  std::uint64_t trickle_bytes = 0;
  Duration trickle_pause{0};
  bool early = false;         // given before the body was read: the connection ends behind it
  bool ends_program = false;  // POST /_sim/shutdown
};

// The whole body as one string, for tests and small answers; empties the stream.
std::string whole_body(Answer& answer);

}  // namespace offpeak::sim
