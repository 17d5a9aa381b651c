#include "control/session.hpp"

#include <fmt/format.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/system/system_error.hpp>
#include <vector>

#include "control/problem.hpp"

namespace offpeak {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

using Stream = beast::basic_stream<asio::local::stream_protocol, asio::any_io_executor>;
using Parser = http::request_parser<http::buffer_body>;
using ErrorCode = boost::system::error_code;

constexpr std::size_t body_block_bytes = 256 * 1024;
constexpr std::size_t lingering_bytes_max = 4 * 1024 * 1024;
constexpr Duration lingering_timeout{2'000};
constexpr auto no_throw = asio::as_tuple(asio::use_awaitable);

void throw_if_canceled(const ErrorCode& ec) {
  if (ec == asio::error::operation_aborted) throw boost::system::system_error(ec);
}

class SessionBody final : public CallBody {
 public:
  SessionBody(Stream& stream, beast::flat_buffer& buffer, Parser& parser, Duration timeout)
      : stream_(stream), buffer_(buffer), parser_(parser), timeout_(timeout) {
    expects_consent_ = beast::iequals(parser.get()[http::field::expect], "100-continue");
  }

  Task<Result<std::string_view>> next_block() override {
    if (parser_.is_done()) co_return std::string_view();
    if (expects_consent_) co_await consent();
    block_.resize(body_block_bytes);
    auto& body = parser_.get().body();
    body.data = block_.data();
    body.size = block_.size();
    while (!parser_.is_done() && body.size != 0) {
      stream_.expires_after(timeout_);
      if (const auto broken = co_await fill()) co_return failure(broken);
      const auto [ec, got] = co_await http::async_read_some(stream_, buffer_, parser_, no_throw);
      if (ec && ec != http::error::need_buffer) co_return failure(ec);
    }
    co_return std::string_view(block_.data(), block_.size() - body.size);
  }

  bool complete() const { return parser_.is_done(); }

 private:
  // "0\r\n\r\n". Whatever is still to come of a chunked body ends with it, so fewer bytes can wait for the next. They
  // must: Beast asserts that a first chunk which is the last comes with all of it once three bytes were shown.
  static constexpr std::size_t last_chunk_bytes = 5;
  static constexpr std::size_t fill_bytes = 16 * 1024;  // fits the buffer, which holds a header and this at least

  Task<ErrorCode> fill() {
    while (parser_.chunked() && buffer_.size() < last_chunk_bytes) {
      const auto [ec, got] = co_await stream_.async_read_some(buffer_.prepare(fill_bytes), no_throw);
      if (ec == asio::error::eof) co_return http::error::partial_message;
      if (ec) co_return ec;
      buffer_.commit(got);
    }
    co_return ErrorCode();
  }

  Task<> consent() {
    expects_consent_ = false;
    static constexpr std::string_view text = "HTTP/1.1 100 Continue\r\n\r\n";
    stream_.expires_after(timeout_);
    // A failure shows at the next read.
    const auto [ec, sent] = co_await asio::async_write(stream_, asio::buffer(text), no_throw);
    throw_if_canceled(ec);
  }

  Error failure(const ErrorCode& ec) {
    throw_if_canceled(ec);
    if (ec == http::error::body_limit) {
      return make_error(ErrorKind::refused, "the body is longer than this daemon takes",
                        "split the file, or raise intake.max_file_bytes");
    }
    const bool malformed = ec.category() == make_error_code(http::error::end_of_stream).category() &&
                           ec != http::error::end_of_stream && ec != http::error::partial_message;
    if (malformed) return make_error(ErrorKind::invalid, fmt::format("the body is not HTTP: {}", ec.message()));
    return make_error(ErrorKind::unavailable, fmt::format("the body did not arrive: {}", ec.message()));
  }

  Stream& stream_;
  beast::flat_buffer& buffer_;
  Parser& parser_;
  Duration timeout_;
  bool expects_consent_ = false;
  std::vector<char> block_;
};

enum class After : std::uint8_t { go_on, close };

class Session {
 public:
  Session(asio::local::stream_protocol::socket socket, Control& control, SessionLimits limits)
      : stream_(std::move(socket)), control_(control), limits_(limits) {
    buffer_.max_size(limits_.header_bytes + 64 * 1024);
  }

  Task<> run() {
    while (co_await serve_one() == After::go_on) {
    }
    co_await close();
  }

 private:
  Task<After> serve_one() {
    Parser parser;
    parser.header_limit(limits_.header_bytes);
    parser.body_limit(limits_.body_bytes);
    stream_.expires_after(limits_.idle_timeout);
    const auto [ec, got] = co_await http::async_read_header(stream_, buffer_, parser, no_throw);
    throw_if_canceled(ec);
    if (ec) co_return co_await refuse(ec);
    const auto& head = parser.get();
    how_.version = head.version();
    how_.keep_alive = head.keep_alive();
    how_.head_only = head.method() == http::verb::head;
    if (auto bad = bad_head(head)) co_return co_await send_and_close(std::move(*bad));

    SessionBody body(stream_, buffer_, parser, limits_.body_timeout);
    auto reply = co_await control_.answer(to_call(head, body));
    // What is left of the body cannot be told from the next call.
    if (!body.complete()) how_.keep_alive = false;
    const auto failure = reply.failure;
    const auto after = co_await send(std::move(reply));
    if (failure) std::rethrow_exception(failure);
    co_return after;
  }

  static Call to_call(const Parser::value_type& head, SessionBody& body) {
    Call call;
    call.method = std::string(head.method_string());
    call.target = std::string(head.target());
    for (const auto& field : head) {
      std::string name(field.name_string());
      for (auto& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
      call.headers.emplace_back(std::move(name), std::string(field.value()));
    }
    call.body = &body;
    return call;
  }

  // Anything that another party may read differently than we do is refused before its body: no smuggling.
  static std::optional<Reply> bad_head(const Parser::value_type& head) {
    if (head.version() != 10 && head.version() != 11) {
      auto problem = bad_request("only HTTP/1.0 and HTTP/1.1 are spoken here", "use HTTP/1.1");
      problem.status = 505;
      return to_reply(problem);
    }
    const auto codings = head.count(http::field::transfer_encoding);
    const bool plain = codings == 0 || (codings == 1 && head.version() == 11 &&
                                        beast::iequals(head[http::field::transfer_encoding], "chunked"));
    if (!plain || (codings != 0 && head.count(http::field::content_length) != 0)) {
      return to_reply(bad_request("this Transfer-Encoding is not taken", "send Content-Length, or chunked alone"));
    }
    if (head.count(http::field::content_length) > 1) {
      return to_reply(bad_request("Content-Length is given twice", "send it once"));
    }
    return std::nullopt;
  }

  // The header did not come, or is not HTTP.
  Task<After> refuse(ErrorCode ec) {
    const bool http_error = ec.category() == make_error_code(http::error::end_of_stream).category();
    if (!http_error || ec == http::error::end_of_stream || ec == http::error::partial_message) co_return After::close;
    how_ = How();
    auto problem = bad_request(fmt::format("this is not HTTP: {}", ec.message()), "see schema/openapi.json");
    if (ec == http::error::header_limit || ec == http::error::buffer_overflow) {
      problem.status = 431;
      problem.title = "Header too long";
      problem.hint = fmt::format("a request header has at most {} bytes here", limits_.header_bytes);
    } else if (ec == http::error::body_limit) {
      problem.status = 413;
      problem.title = "Body too long";
      problem.hint = fmt::format("a body has at most {} bytes here: intake.max_file_bytes", limits_.body_bytes);
    }
    co_return co_await send_and_close(to_reply(problem));
  }

  Task<After> send_and_close(Reply reply) {
    how_.keep_alive = false;
    co_return co_await send(std::move(reply));
  }

  template <class Body>
  http::response<Body> make_response(const Reply& reply) const {
    http::response<Body> response(static_cast<http::status>(reply.status), how_.version);
    response.set(http::field::server, "offpeakd/" OFFPEAK_VERSION);
    response.set(http::field::content_type, reply.content_type);
    response.set(http::field::cache_control, "no-store");
    for (const auto& [name, value] : reply.headers) response.set(name, value);
    return response;
  }

  Task<After> send(Reply reply) {
    if (reply.stream && !how_.head_only) co_return co_await send_stream(std::move(reply));
    auto response = make_response<http::string_body>(reply);
    response.keep_alive(how_.keep_alive);
    if (!reply.stream) response.content_length(reply.body.size());
    if (!how_.head_only) response.body() = std::move(reply.body);
    http::response_serializer<http::string_body> serializer(response);
    stream_.expires_after(limits_.write_timeout);
    const auto [ec, sent] = co_await http::async_write(stream_, serializer, no_throw);
    throw_if_canceled(ec);
    co_return ec || !how_.keep_alive ? After::close : After::go_on;
  }

  Task<After> send_stream(Reply reply) {
    auto response = make_response<http::buffer_body>(reply);
    const bool chunked = how_.version == 11;
    if (!chunked) how_.keep_alive = false;
    response.keep_alive(how_.keep_alive);
    response.chunked(chunked);
    response.body().data = nullptr;
    response.body().more = true;
    http::response_serializer<http::buffer_body> serializer(response);
    stream_.expires_after(limits_.write_timeout);
    const auto [failed, sent] = co_await http::async_write_header(stream_, serializer, no_throw);
    throw_if_canceled(failed);
    if (failed) co_return After::close;
    for (bool more = true; more;) {
      const auto block = co_await reply.stream->next_block();
      // Without the last chunk, the client sees that something is missing.
      if (!block) co_return After::close;
      more = !block->empty();
      if (!co_await send_block(serializer, response, *block)) co_return After::close;
    }
    co_return how_.keep_alive ? After::go_on : After::close;
  }

  // An empty block is the end.
  Task<bool> send_block(http::response_serializer<http::buffer_body>& serializer,
                        http::response<http::buffer_body>& response, std::string_view block) {
    auto& body = response.body();
    body.data = block.empty() ? nullptr : const_cast<char*>(block.data());
    body.size = block.size();
    body.more = !block.empty();
    stream_.expires_after(limits_.write_timeout);
    const auto [ec, sent] = co_await http::async_write(stream_, serializer, no_throw);
    throw_if_canceled(ec);
    co_return !ec || ec == http::error::need_buffer;
  }

  // Takes what the client still sends, for a while: closing at once could cost it the reply.
  Task<> close() {
    ErrorCode ignored;
    stream_.socket().shutdown(asio::local::stream_protocol::socket::shutdown_send, ignored);
    std::vector<char> sink(64 * 1024);
    stream_.expires_after(lingering_timeout);
    for (std::size_t taken = 0; taken < lingering_bytes_max;) {
      const auto [ec, got] = co_await stream_.async_read_some(asio::buffer(sink), no_throw);
      if (ec) break;
      taken += got;
    }
    stream_.close();
  }

  struct How {
    unsigned version = 11;
    bool keep_alive = false;
    bool head_only = false;
  };

  Stream stream_;
  Control& control_;
  SessionLimits limits_;
  beast::flat_buffer buffer_;
  How how_;
};

}  // namespace

Task<> serve_session(asio::local::stream_protocol::socket socket, Control& control, SessionLimits limits) {
  Session session(std::move(socket), control, limits);
  co_await session.run();
}

}  // namespace offpeak
