// The bytes of an HTTP answer as they arrive: the same answer in whatever pieces, bounded in every part that is not its
// body. The input is what the connection brings before it closes.
#include "fuzz.hpp"
#include "http/answer_parser.hpp"

namespace offpeak::fuzz {
namespace {

struct Read {
  bool failed = false, header_done = false, done = false;
  http::Response response;
};

Read read(std::string_view text, std::size_t piece_bytes, http::AnswerBody body) {
  http::AnswerParser parser(body);
  Read result;
  for (auto rest = text; !rest.empty() && !parser.done();) {
    const auto piece = rest.substr(0, piece_bytes);
    rest.remove_prefix(piece.size());
    const auto fed = parser.feed(piece);
    if (!fed) {
      require(is_displayable(fed.error().message), "a failure can be logged", fed.error().message);
      result.failed = true;
      return result;
    }
    const bool bounded = parser.done() || parser.left_over().size() <= http::header_bytes_max + piece_bytes;
    require(bounded, "what is held back is bounded", text);
  }
  if (!parser.done()) result.failed = !parser.feed_end().has_value();
  result.header_done = parser.header_done();
  result.done = parser.done();
  if (result.header_done) result.response = parser.response();
  return result;
}

void check(std::string_view text, http::AnswerBody body) {
  const auto whole = read(text, text.size() + 1, body);
  const auto bytes = read(text, text.size() < 4000 ? 1 : 97, body);
  require(whole.failed == bytes.failed, "the verdict is the same", text);
  if (whole.failed) return;
  require(whole.header_done == bytes.header_done && whole.done == bytes.done, "the end is the same", text);
  if (!whole.header_done) return;
  const auto& response = whole.response;
  require(response.status == bytes.response.status && response.body == bytes.response.body &&
              response.headers == bytes.response.headers,
          "the answer is the same", text);
  require(response.status >= 200 && response.status <= 999, "an interim answer is none", text);
  if (body == http::AnswerBody::none) require(response.body.empty(), "a CONNECT's answer has no body", text);
  for (const auto& [name, value] : response.headers) {
    require(name.find_first_of("\r\n\0ABCDEFGHIJKLMNOPQRSTUVWXYZ") == name.npos, "a name is in lower case", name);
    require(value.find_first_of("\r\n") == value.npos, "a value is one line", value);
  }
}

}  // namespace
}  // namespace offpeak::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = offpeak::fuzz::as_text(data, size);
  offpeak::fuzz::check(text, offpeak::http::AnswerBody::as_announced);
  offpeak::fuzz::check(text, offpeak::http::AnswerBody::none);
  return 0;
}
