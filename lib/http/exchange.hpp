// Exchange: one request and its answer over one connection, in steps; what call, download and upload share.
// I/O thread only.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "http/answer_parser.hpp"
#include "http/connection.hpp"
#include "http/http.hpp"

namespace offpeak::http {

// Of an answer that is kept whole.
inline constexpr std::size_t answer_body_bytes_max = 1024 * 1024;

// What the calls of one client share.
struct ClientState {
  boost::asio::any_io_executor executor;
  Origin origin;
  std::optional<boost::asio::ssl::context> tls;  // for an https origin
};

class Exchange {
 public:
  explicit Exchange(ClientState& of);

  // Opens the connection and sends a request without a body.
  Task<Result<void>> send(Request request);
  // Reads until the header is there.
  Task<Result<void>> read_header();
  // Reads some of the body, which grows in parser.response().
  Task<Result<void>> read_body();

  ClientState& client;
  std::shared_ptr<Connection> connection;
  AnswerParser parser;

 private:
  Task<Result<void>> read_some();
  std::vector<char> buffer_;
};

// "what failed; what to do", for people.
std::string sentence(const Error& error);

}  // namespace offpeak::http
