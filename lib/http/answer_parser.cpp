#include "http/answer_parser.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

namespace offpeak::http {

namespace {

namespace beast = boost::beast;
using boost::beast::error_code;

// "0\r\n\r\n". Whatever is still to come of a chunked body ends with it, so fewer bytes can wait for the next. They
// must: Beast asserts that a first chunk which is the last comes with all of it once three bytes were shown.
constexpr std::size_t last_chunk_bytes = 5;

Error unreadable(std::string message) {
  return make_error(ErrorKind::unavailable, "the answer is not readable HTTP: " + std::move(message));
}

std::string lower(beast::string_view text) {
  std::string out(text.data(), text.size());
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  }
  return out;
}

}  // namespace

// Puts what the parser finds into a Response.
struct AnswerParser::Sink final : beast::http::basic_parser<false> {
  explicit Sink(Response& into) : response(into) {}

  void on_request_impl(beast::http::verb, beast::string_view, beast::string_view, int, error_code&) override {}
  void on_response_impl(int code, beast::string_view, int, error_code&) override { response.status = code; }
  void on_field_impl(beast::http::field, beast::string_view name, beast::string_view value, error_code&) override {
    // Trailers come this way too; nobody needs them.
    if (!header_seen) response.headers.emplace_back(lower(name), std::string(value.data(), value.size()));
  }
  void on_header_impl(error_code&) override { header_seen = true; }
  void on_body_init_impl(boost::optional<std::uint64_t> const&, error_code&) override {}
  std::size_t on_body_impl(beast::string_view bytes, error_code&) override {
    response.body.append(bytes.data(), bytes.size());
    return bytes.size();
  }
  void on_chunk_header_impl(std::uint64_t, beast::string_view, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view bytes, error_code& ec) override {
    return on_body_impl(bytes, ec);
  }
  void on_finish_impl(error_code&) override {}

  Response& response;
  bool header_seen = false;
};

AnswerParser::AnswerParser(AnswerBody body) : body_(body) { start_over(); }
AnswerParser::~AnswerParser() = default;

void AnswerParser::start_over() {
  response_ = Response();
  sink_ = std::make_unique<Sink>(response_);
  sink_->eager(true);
  sink_->header_limit(header_bytes_max);
  sink_->body_limit(boost::none);  // the callers bound what they take
  if (body_ == AnswerBody::none) sink_->skip(true);
}

bool AnswerParser::header_done() const { return sink_->is_header_done(); }
bool AnswerParser::done() const { return sink_->is_done(); }

Result<void> AnswerParser::feed(std::string_view bytes) {
  held_.append(bytes);
  for (;;) {
    if (auto parsed = parse_held(); !parsed) return parsed;
    const bool interim = header_done() && response_.status < 200;
    if (!interim) return {};
    if (response_.status < 100) return unreadable("its status is none that HTTP has");
    if (response_.status == 101) return unreadable("it switches to another protocol, which nobody asked for");
    if (++interim_answers_ > interim_answers_max) return unreadable("interim answers without an end");
    start_over();
    if (held_.empty()) return {};
  }
}

Result<void> AnswerParser::parse_held() {
  while (!held_.empty() && !sink_->is_done()) {
    if (sink_->is_header_done() && sink_->chunked() && held_.size() < last_chunk_bytes) break;
    error_code ec;
    const auto used = sink_->put(boost::asio::const_buffer(held_.data(), held_.size()), ec);
    held_.erase(0, used);
    if (ec == beast::http::error::need_more) break;
    if (ec) return unreadable(ec.message());
    if (used == 0) break;
  }
  const bool too_long = sink_->is_header_done() && !sink_->is_done() && held_.size() > framing_bytes_max;
  if (too_long) return unreadable("its chunk headers or trailers have no end");
  return {};
}

Result<void> AnswerParser::feed_end() {
  if (done()) return {};
  if (!sink_->got_some()) {
    return make_error(ErrorKind::unavailable, "the connection was closed before any answer");
  }
  error_code ec;
  sink_->put_eof(ec);
  if (ec) return make_error(ErrorKind::unavailable, "the connection was closed in the middle of the answer");
  return {};
}

}  // namespace offpeak::http
