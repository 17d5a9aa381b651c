// The results of one batch as JSON Lines, made while they are sent: one line a request, in an order that the
// seed shuffles, and whatever is wrong with them on purpose.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "model/money.hpp"
#include "sim/batch.hpp"
#include "sim/call.hpp"
#include "sim/tables.hpp"

namespace offpeak::sim {

// What is wrong with the lines. Numbers count lines; the odd ones stand in the middle.
struct LineFaults {
  std::uint64_t duplicate = 0;     // the first n lines come twice, byte for byte
  std::uint64_t conflicting = 0;   // the first n lines come twice, the second time errored
  std::uint64_t foreign = 0;       // n lines with a custom_id that is not in the batch
  std::uint64_t garbage = 0;       // n lines that are not JSON
  std::uint64_t blank = 0;         // n empty lines
  std::uint64_t invalid_utf8 = 0;  // n lines with bytes that are not UTF-8
  std::uint64_t nul = 0;           // n lines with a NUL byte
  std::uint64_t deep = 0;          // one line nested so deep
  std::uint64_t long_bytes = 0;    // one line of so many bytes
  std::uint64_t missing = 0;       // the first n lines are left out
  bool none = false;               // no line at all
  bool bom = false, crlf = false, no_last_newline = false;
};

// What a succeeded row of this request is charged for.
Usage usage_of(const Request& request, const Digest128& digest);

class ResultsStream final : public BodyStream {
 public:
  // The batch is shared because a download may outlive a delete; `tables` outlive the stream.
  ResultsStream(std::shared_ptr<const Batch> batch, const Tables& tables, LineFaults faults);
  std::string_view next() override;
  // Starts over.
  void rewind();

 private:
  void append_row(std::uint32_t index);
  void append_succeeded(const Request& request, std::uint32_t index);
  void append_errored(const Request& request, std::uint32_t index);
  void append_text(const Digest128& digest, const Request& request);
  void append_odd_lines();
  void append_conflicting(std::uint32_t index);
  void end_line();
  Digest128 digest_of(std::uint32_t index) const;

  std::shared_ptr<const Batch> batch_;
  const Tables& tables_;
  LineFaults faults_;
  std::vector<std::uint32_t> order_;
  std::size_t at_ = 0;
  bool odd_lines_done_ = false;
  std::string block_;
};

}  // namespace offpeak::sim
