// Reads HTTP/1.1 requests from a wire, one after the other: the header, then the body block by block. The
// only file of the program that sees Beast. I/O thread only.
#pragma once

#include <memory>
#include <string_view>

#include "daemon/sim/wire.hpp"
#include "sim/call.hpp"

namespace offpeak::sim {

class RequestReader {
 public:
  explicit RequestReader(Wire& wire);
  ~RequestReader();
  RequestReader(const RequestReader&) = delete;
  RequestReader& operator=(const RequestReader&) = delete;

  // Fills in all but the body. False where the connection ended, or what came is not HTTP.
  Task<bool> read_head(Call& call);
  // The next block of the body, valid until the next call, at most `most_bytes` long; empty at its end and
  // where the connection ended before it.
  Task<std::string_view> next_block(std::size_t most_bytes);

  bool body_complete() const;
  bool keeps_alive() const;
  // The client waits for "100 Continue".
  bool awaits_continue() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace offpeak::sim
