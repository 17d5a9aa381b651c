// A call to the status socket and its reply, as the routes see them: no HTTP library in sight. I/O thread.
#pragma once

#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "base/task.hpp"

namespace offpeak {

using Headers = std::vector<std::pair<std::string, std::string>>;

// The body of a call, block by block, in constant memory.
class CallBody {
 public:
  virtual ~CallBody() = default;
  // Valid until the next call; empty at the end. ErrorKind::unavailable: the client is gone or too slow, nobody
  // reads the reply. ErrorKind::refused: longer than the server takes. ErrorKind::invalid: not HTTP.
  virtual Task<Result<std::string_view>> next_block() = 0;
};

struct Call {
  std::string method;
  std::string target;        // as sent: path and query
  Headers headers;           // names in lower case
  CallBody* body = nullptr;  // outlives the reply; null where the call has none
  // The first of that name; empty where missing.
  std::string_view header(std::string_view lower_case_name) const;
};

// The body of a reply that is made while it is sent.
class ReplyBody {
 public:
  virtual ~ReplyBody() = default;
  // Valid until the next call; empty at the end. A failure cuts the connection, so that the client sees it.
  virtual Task<Result<std::string_view>> next_block() = 0;
};

struct Reply {
  int status = 200;
  std::string content_type = "application/json";
  Headers headers;
  std::string body;
  std::unique_ptr<ReplyBody> stream;  // set: takes the place of `body`
  std::exception_ptr failure;         // what must stop the daemon once the reply is sent: a broken queue
};

// 200 with a JSON document.
Reply json_reply(std::string document);

}  // namespace offpeak
