#include "base/task_group.hpp"
#include "http/exchange.hpp"
#include "http/upload.hpp"

namespace offpeak::http {

struct Client::Impl : ClientState {};

namespace {

constexpr std::size_t download_block_bytes = 64 * 1024;

HttpFailure failed(const Error& error, Exchange& exchange) {
  HttpFailure failure;
  failure.message = sentence(error);
  if (exchange.parser.header_done()) failure.partial = std::move(exchange.parser.response());
  return failure;
}

Error too_long(std::size_t most_bytes) {
  return make_error(ErrorKind::unavailable, "the answer is longer than " + std::to_string(most_bytes) + " bytes");
}

// The rest of an answer that is kept whole.
Task<Got<Response>> rest_of_answer(Exchange& exchange, std::size_t most_bytes) {
  auto& response = exchange.parser.response();
  for (;;) {
    if (response.body.size() > most_bytes) {
      response.body.resize(most_bytes);
      co_return failed(too_long(most_bytes), exchange);
    }
    if (exchange.parser.done()) co_return std::move(response);
    if (auto read = co_await exchange.read_body(); !read) co_return failed(read.error(), exchange);
  }
}

// Hands the body on in blocks, the last of which may be short.
Task<Got<Response>> stream_body(Exchange& exchange, BodyWriter& writer) {
  auto& body = exchange.parser.response().body;
  for (;;) {
    const bool done = exchange.parser.done();
    if (body.size() >= download_block_bytes || (done && !body.empty())) {
      const auto taken = co_await writer.take(body);
      body.clear();
      if (!taken) {
        auto failure = failed(taken.error(), exchange);
        failure.stopped_by_caller = true;
        co_return failure;
      }
    }
    if (done) co_return std::move(exchange.parser.response());
    if (auto read = co_await exchange.read_body(); !read) {
      body.clear();
      co_return failed(read.error(), exchange);
    }
  }
}

}  // namespace

Client::Client(boost::asio::any_io_executor executor, Origin origin) {
  // OpenSSL takes megabytes, which a plain origin need not pay for.
  std::optional<boost::asio::ssl::context> tls;
  if (origin.tls) tls.emplace(make_tls_context(origin));
  impl_ = std::make_unique<Impl>(ClientState(std::move(executor), std::move(origin), std::move(tls)));
}

Client::~Client() = default;

Task<Got<Response>> Client::call(Request request, std::size_t most_bytes) {
  Exchange exchange(*impl_);
  if (auto sent = co_await exchange.send(std::move(request)); !sent) co_return failed(sent.error(), exchange);
  if (auto read = co_await exchange.read_header(); !read) co_return failed(read.error(), exchange);
  co_return co_await rest_of_answer(exchange, most_bytes);
}

Task<Got<Response>> Client::download(Request request, BodyWriter& writer) {
  Exchange exchange(*impl_);
  if (auto sent = co_await exchange.send(std::move(request)); !sent) co_return failed(sent.error(), exchange);
  if (auto read = co_await exchange.read_header(); !read) co_return failed(read.error(), exchange);
  if (exchange.parser.response().status != 200) {
    co_return co_await rest_of_answer(exchange, answer_body_bytes_max);
  }
  co_return co_await stream_body(exchange, writer);
}

Task<Upload> Client::upload(Request request, BodyReader& reader) {
  // A task of its own within this one: canceled, it has to wait until nothing of it is left.
  Upload upload;
  TaskGroup within(impl_->executor);
  within.spawn("upload", run_upload(*impl_, std::move(request), reader, upload));
  co_await within.join();
  co_return upload;
}

}  // namespace offpeak::http
