#include <fmt/format.h>

#include "base/json.hpp"
#include "ingest/fault.hpp"
#include "ingest/splitter.hpp"

namespace offpeak {

namespace {

constexpr std::size_t key_bytes_max = 256;

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

std::string shown(char c) { return escape_for_display(std::string_view(&c, 1), 8); }

}  // namespace

Found RequestsSplitter::scan(std::string_view bytes, std::size_t& taken) {
  taken = 0;
  while (taken < bytes.size()) {
    if (state_ == State::in_piece) {
      auto found = Found::more;
      taken += scan_piece(bytes.substr(taken), found);
      if (found != Found::more) return found;
      continue;
    }
    const char c = bytes[taken];
    const auto found = step(c);
    if (found != Found::more) return found;
    if (c == '\n') count_line_feed();
    ++at_;
    ++taken;
  }
  return Found::more;
}

Found RequestsSplitter::finish() {
  if (in_piece_ && scalar_ == Scalar::yes) return end_piece();
  if (state_ == State::end) return Found::end;
  return fail("the file ends in the middle", "was it copied to its end?");
}

// One byte of the glue. A piece's first byte begins it.
Found RequestsSplitter::step(char c) {
  if (state_ == State::in_key) return take_key(c);
  if (is_space(c)) return Found::more;
  switch (state_) {
    case State::start:
      if (c != '{') {
        return fail(
            fmt::format("a *.json job file is one object, {{\"requests\": [...]}}, and begins with a brace, not {}",
                        shown(c)),
            c == '[' ? "put the array into {\"requests\": ...}" : "");
      }
      state_ = State::first_key;
      return Found::more;
    case State::first_key:
    case State::key:
      if (c == '}' && state_ == State::first_key) {
        state_ = State::end;
        return Found::more;
      }
      if (c != '"') return fail(fmt::format("expected a key in double quotes, not {}", shown(c)));
      key_.clear();
      key_escape_ = false;
      state_ = State::in_key;
      return Found::more;
    case State::colon:
      if (c != ':') return fail(fmt::format("expected \":\" behind the key, not {}", shown(c)));
      state_ = State::value;
      return Found::more;
    case State::value:
      return begin_value(c);
    case State::after_value:
      if (c != ',' && c != '}') return fail(fmt::format("expected \",\" or \"}}\", not {}", shown(c)));
      state_ = c == ',' ? State::key : State::end;
      return Found::more;
    case State::first_element:
    case State::element:
      if (c == ']' && state_ == State::first_element) {
        state_ = State::after_value;
        return Found::more;
      }
      if (c == ',' || c == ']' || c == '}' || c == ':') {
        return fail(fmt::format("expected an element of \"requests\", not {}", shown(c)));
      }
      begin_piece(c, PieceKind::request);
      return Found::more;
    case State::after_element:
      if (c != ',' && c != ']') {
        return fail(fmt::format("expected \",\" or \"]\" behind an element of \"requests\", not {}", shown(c)));
      }
      state_ = c == ',' ? State::element : State::after_value;
      return Found::more;
    case State::in_key:
    case State::in_piece:
      break;
    case State::end:
      return fail(fmt::format("extra data behind the object: {}", shown(c)),
                  "if each line is a request, name the file *.jsonl");
  }
  return Found::more;
}

Found RequestsSplitter::fail(std::string message, std::string hint) {
  fault_ = FileError{line_, at_ - line_start_ + 1, at_, std::move(message), std::move(hint)};
  return Found::fault;
}

Found RequestsSplitter::take_key(char c) {
  if (c == '"' && !key_escape_) return end_key();
  if (static_cast<unsigned char>(c) < 0x20) return fail("a control character in a key");
  if (key_.size() >= key_bytes_max) return fail(fmt::format("unknown member {}", quoted(key_)));
  key_escape_ = c == '\\' && !key_escape_;
  key_ += c;
  return Found::more;
}

Found RequestsSplitter::end_key() {
  if (key_.find('\\') != std::string::npos) {
    if (JsonChecker().check('"' + key_ + '"')) return fail("the key is not valid JSON");
    key_ = json_decode_key(key_);
  }
  if (key_ != "offpeak" && key_ != "requests") {
    const bool line = key_ == "custom_id" || key_ == "params";
    return fail(
        fmt::format("unknown member {}: a *.json job file has \"requests\" and may have \"offpeak\"", quoted(key_)),
        line ? "if each line is a request, name the file *.jsonl" : "");
  }
  bool& seen = key_ == "offpeak" ? has_options_ : has_requests_;
  if (seen) return fail(fmt::format("the member \"{}\" is given twice", key_));
  seen = true;
  state_ = State::colon;
  return Found::more;
}

Found RequestsSplitter::begin_value(char c) {
  if (key_ == "requests") {
    if (c != '[') return fail(fmt::format("\"requests\" must be an array, not {}", shown(c)));
    state_ = State::first_element;
    return Found::more;
  }
  if (c == ',' || c == '}' || c == ']' || c == ':') return fail(fmt::format("expected a value, not {}", shown(c)));
  begin_piece(c, PieceKind::options);
  return Found::more;
}

void RequestsSplitter::begin_piece(char c, PieceKind kind) {
  piece_ = Piece{kind, at_, 0, line_, at_ - line_start_ + 1};
  piece_start_ = at_;
  depth_ = c == '{' || c == '[' ? 1 : 0;
  in_string_ = c == '"';
  scalar_ = depth_ == 0 && !in_string_ ? Scalar::yes : Scalar::no;
  escape_ = false;
  in_piece_ = true;
  state_ = State::in_piece;
}

// Takes bytes of the piece in the making; stops behind its last one.
std::size_t RequestsSplitter::scan_piece(std::string_view bytes, Found& found) {
  std::size_t taken = 0;
  while (taken < bytes.size()) {
    if (in_string_) {
      taken += skip_string(bytes.substr(taken));
      if (!in_string_ && depth_ == 0) {
        found = end_piece();
        return taken;
      }
      continue;
    }
    const char c = bytes[taken];
    if (scalar_ == Scalar::yes && (is_space(c) || c == ',' || c == ']' || c == '}')) {
      found = end_piece();  // this byte is glue again
      return taken;
    }
    if (c == '\n') count_line_feed();
    ++at_;
    ++taken;
    if (c == '"') in_string_ = true;
    if (c == '{' || c == '[') ++depth_;
    if ((c == '}' || c == ']') && --depth_ == 0) {
      found = end_piece();
      return taken;
    }
  }
  return taken;
}

// Takes bytes of a string up to and with its closing quote.
std::size_t RequestsSplitter::skip_string(std::string_view bytes) {
  for (std::size_t taken = 0; taken < bytes.size();) {
    const char c = bytes[taken++];
    if (c == '\n') count_line_feed();
    ++at_;
    if (escape_) {
      escape_ = false;
    } else if (c == '\\') {
      escape_ = true;
    } else if (c == '"') {
      in_string_ = false;
      return taken;
    }
  }
  return bytes.size();
}

Found RequestsSplitter::end_piece() {
  piece_.bytes = at_ - piece_start_;
  in_piece_ = false;
  state_ = piece_.kind == PieceKind::options ? State::after_value : State::after_element;
  return Found::piece;
}

}  // namespace offpeak
