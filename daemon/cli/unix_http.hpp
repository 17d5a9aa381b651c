// UnixHttp: synchronous HTTP/1.1 calls over a Unix socket, one connection a call, bodies streamed both ways in
// constant memory. unix_http.cpp is the client's only file that knows Beast.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace offpeak::cli {

struct HttpReply {
  int status = 0;
  std::string content_type;
  std::string body;  // empty where it was streamed
};

// The next bytes of a body to send; empty at the end. Valid until the next call.
using BodySource = std::function<Result<std::string_view>()>;
// Takes the next bytes of a body; throws to stop.
using BodySink = std::function<void(std::string_view)>;

class UnixHttp {
 public:
  explicit UnixHttp(std::string path) : path_(std::move(path)) {}

  // A failure is ErrorKind::unavailable: nobody listens at the path, or the connection broke; it says what to do.
  // `body` is JSON, or empty.
  Result<HttpReply> call(std::string_view method, const std::string& target, std::string_view body = {});
  // POST, chunked. Asks for consent before the body, so that a refusal costs nothing. A failure of the source is
  // returned as it is.
  Result<HttpReply> upload(const std::string& target, const BodySource& source);
  // GET; a 200 goes to the sink. ErrorKind::io where it ends too early.
  Result<HttpReply> download(const std::string& target, const BodySink& sink);

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// For a path segment or a query value.
std::string percent_encode(std::string_view text);

}  // namespace offpeak::cli
