#include "daemon/sim/request_reader.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <cstring>
#include <optional>
#include <vector>

namespace offpeak::sim {

namespace {

namespace http = boost::beast::http;
constexpr std::size_t buffer_bytes = 256 * 1024;
constexpr std::uint32_t header_bytes_max = 64 * 1024;
// "0\r\n\r\n". Whatever is still to come of a chunked body ends with it, so fewer bytes can wait for the next. They
// must: Beast asserts that a first chunk which is the last comes with all of it once three bytes were shown.
constexpr std::size_t last_chunk_bytes = 5;

}  // namespace

struct RequestReader::Impl {
  explicit Impl(Wire& on) : wire(on), raw(buffer_bytes), body(buffer_bytes) {}

  Wire& wire;
  std::vector<char> raw;  // what came and is not parsed yet: [begin, end)
  std::size_t begin = 0, end = 0;
  std::vector<char> body;
  std::optional<http::request_parser<http::buffer_body>> parser;

  // Reads more behind what is there; false at the connection's end, or where the buffer is full.
  Task<bool> read_more() {
    if (begin > 0) {
      std::memmove(raw.data(), raw.data() + begin, end - begin);
      end -= begin;
      begin = 0;
    }
    if (end == raw.size()) co_return false;
    const auto count = co_await wire.read_some(raw.data() + end, raw.size() - end);
    end += count;
    co_return count > 0;
  }

  // Gives the parser what is there.
  boost::system::error_code parse() {
    boost::beast::error_code ec;
    begin += parser->put(boost::asio::const_buffer(raw.data() + begin, end - begin), ec);
    return ec;
  }
};

RequestReader::RequestReader(Wire& wire) : impl_(std::make_unique<Impl>(wire)) {}
RequestReader::~RequestReader() = default;

Task<bool> RequestReader::read_head(Call& call) {
  auto& impl = *impl_;
  impl.parser.emplace();
  impl.parser->header_limit(header_bytes_max);
  impl.parser->body_limit(boost::none);
  bool hungry = impl.begin == impl.end;
  while (!impl.parser->is_header_done()) {
    if (hungry) {
      const bool more = co_await impl.read_more();
      if (!more) co_return false;
    }
    const auto ec = impl.parse();
    if (ec && ec != http::error::need_more) co_return false;
    hungry = true;
  }
  const auto& message = impl.parser->get();
  call.method = std::string(message.method_string());
  call.target = std::string(message.target());
  call.headers.clear();
  for (const auto& field : message) {
    call.headers.emplace_back(std::string(field.name_string()), std::string(field.value()));
  }
  co_return true;
}

Task<std::string_view> RequestReader::next_block(std::size_t most_bytes) {
  auto& impl = *impl_;
  const auto room = std::min(most_bytes, impl.body.size());
  bool hungry = impl.begin == impl.end;
  while (!impl.parser->is_done() && room > 0) {
    const bool too_few = impl.parser->chunked() && impl.end - impl.begin < last_chunk_bytes;
    if (hungry || too_few) {
      const bool more = co_await impl.read_more();
      if (!more) break;
      hungry = false;
      continue;
    }
    auto& body = impl.parser->get().body();
    body.data = impl.body.data();
    body.size = room;
    body.more = true;
    const auto ec = impl.parse();
    if (ec && ec != http::error::need_more && ec != http::error::need_buffer) break;
    if (const auto count = room - body.size; count > 0) co_return std::string_view(impl.body.data(), count);
    hungry = ec == http::error::need_more || impl.begin == impl.end;
  }
  co_return std::string_view();
}

bool RequestReader::body_complete() const { return impl_->parser && impl_->parser->is_done(); }
bool RequestReader::keeps_alive() const { return impl_->parser && impl_->parser->get().keep_alive(); }
bool RequestReader::awaits_continue() const {
  return impl_->parser && boost::beast::iequals(impl_->parser->get()[http::field::expect], "100-continue");
}

}  // namespace offpeak::sim
