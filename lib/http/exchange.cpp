#include "http/exchange.hpp"

#include "http/address.hpp"
#include "http/request_head.hpp"

namespace offpeak::http {

Exchange::Exchange(ClientState& of)
    : client(of),
      connection(std::make_shared<Connection>(of.executor, client.origin, client.tls)),
      buffer_(64 * 1024) {}

Task<Result<void>> Exchange::send(Request request) {
  const auto head = request_head(client.origin, request, 0);
  if (!head) co_return head.error();
  if (auto opened = co_await connection->open(); !opened) co_return opened;
  auto sent = co_await connection->write(*head);
  if (!sent) co_return in_context(origin_url(client.origin), sent.error());
  connection->limit_reading(client.origin.answer_timeout);
  co_return sent;
}

Task<Result<void>> Exchange::read_header() {
  while (!parser.header_done()) {
    if (auto read = co_await read_some(); !read) co_return read;
  }
  co_return Result<void>();
}

Task<Result<void>> Exchange::read_body() {
  connection->limit_reading(client.origin.progress_timeout);
  co_return co_await read_some();
}

Task<Result<void>> Exchange::read_some() {
  const auto got = co_await connection->read_some(buffer_);
  if (!got) co_return in_context(origin_url(client.origin), got.error());
  auto parsed = *got == 0 ? parser.feed_end() : parser.feed(std::string_view(buffer_.data(), *got));
  if (!parsed) co_return in_context(origin_url(client.origin), parsed.error());
  co_return parsed;
}

std::string sentence(const Error& error) {
  return error.hint.empty() ? error.message : error.message + "; " + error.hint;
}

}  // namespace offpeak::http
