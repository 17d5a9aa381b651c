// AnswerParser: bytes that arrived become status, headers and body. Pure: no socket, no time; Beast's parser
// inside. Interim answers (100, 103) are skipped, a few of them; 101 is refused. Used on the I/O thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "http/http.hpp"

namespace offpeak::http {

inline constexpr std::size_t header_bytes_max = 32 * 1024;
// Chunk headers with their extensions, and trailers.
inline constexpr std::size_t framing_bytes_max = 16 * 1024;
inline constexpr int interim_answers_max = 16;

enum class AnswerBody : std::uint8_t {
  as_announced,
  none,  // the answer to a CONNECT has none, whatever it announces (RFC 9110, 9.3.6)
};

class AnswerParser {
 public:
  explicit AnswerParser(AnswerBody body = AnswerBody::as_announced);
  ~AnswerParser();

  // After a failure, or once done, nothing more may be fed.
  Result<void> feed(std::string_view bytes);
  // The peer closed its side in an orderly way. Fails unless that is how this answer ends.
  Result<void> feed_end();

  bool header_done() const;
  bool done() const;
  // Bytes behind the end of a complete answer, or not yet understood.
  std::string_view left_over() const { return held_; }

  // Valid once header_done(); `body` grows as it arrives and may be taken away in between.
  Response& response() { return response_; }

 private:
  struct Sink;
  Result<void> parse_held();
  void start_over();

  AnswerBody body_;
  std::unique_ptr<Sink> sink_;
  Response response_;
  std::string held_;
  int interim_answers_ = 0;
};

}  // namespace offpeak::http
