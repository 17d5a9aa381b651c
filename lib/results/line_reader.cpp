#include "results/line_reader.hpp"

#include <algorithm>
#include <cstring>

namespace offpeak {

namespace {

constexpr std::size_t block_bytes = 256 * 1024;
constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

bool is_blank(std::string_view text) { return text.find_first_not_of(" \t") == std::string_view::npos; }

const char* find_byte(const char* begin, const char* end, char wanted) {
  const void* found = std::memchr(begin, wanted, static_cast<std::size_t>(end - begin));
  return found == nullptr ? end : static_cast<const char*>(found);
}

}  // namespace

LineReader::LineReader(File& file, std::size_t line_bytes_max) : file_(file), line_bytes_max_(line_bytes_max) {
  buffer_.resize(2 * block_bytes);
}

// A byte order mark is left out.
Result<void> LineReader::begin() {
  while (end_ < byte_order_mark.size()) {
    auto more = fill();
    if (!more) return more.error();
    if (!*more) break;
  }
  if (std::string_view(buffer_).substr(0, end_).starts_with(byte_order_mark)) begin_ = byte_order_mark.size();
  begun_ = true;
  return {};
}

Result<bool> LineReader::next(FileLine& line) {
  if (!begun_) {
    if (auto begun = begin(); !begun) return begun.error();
  }
  for (;;) {
    auto found = next_physical(line);
    if (!found || !*found) return found;
    // Of \r\n the second byte ends a blank line.
    if (line.too_long || !is_blank(line.text)) return true;
  }
}

Result<bool> LineReader::next_physical(FileLine& line) {
  std::size_t searched = begin_;
  for (;;) {
    const auto end = find_break(searched);
    if (end < end_) {
      give(line, end);
      begin_ = end + 1;
      return true;
    }
    const auto length = end_ - begin_;
    if (length > line_bytes_max_) return skip_too_long(line);
    auto more = fill();
    if (!more) return more;
    if (!*more) break;
    searched = begin_ + length;
  }
  if (begin_ == end_) return false;
  give(line, end_);
  line.terminated = false;
  begin_ = end_;
  return true;
}

void LineReader::give(FileLine& line, std::size_t end) {
  line.text = std::string_view(buffer_).substr(begin_, end - begin_);
  line.offset = offset_ + begin_;
  line.bytes = line.text.size();
  line.too_long = line.text.size() > line_bytes_max_;
  if (line.too_long) line.text = {};
  line.terminated = true;
}

Result<bool> LineReader::skip_too_long(FileLine& line) {
  line.text = {};
  line.offset = offset_ + begin_;
  line.too_long = true;
  line.terminated = true;
  for (;;) {
    const auto end = find_break(begin_);
    if (end < end_) {
      line.bytes = offset_ + end - line.offset;
      begin_ = end + 1;
      break;
    }
    begin_ = end_;
    auto more = fill();
    if (!more) return more;
    if (!*more) {
      line.bytes = offset_ + end_ - line.offset;
      line.terminated = false;
      break;
    }
  }
  // The memory that the long line took is given back.
  if (buffer_.size() > 2 * block_bytes && end_ - begin_ <= 2 * block_bytes) {
    offset_ += begin_;
    std::string small(2 * block_bytes, '\0');
    std::copy(buffer_.data() + begin_, buffer_.data() + end_, small.data());
    end_ -= begin_;
    begin_ = 0;
    buffer_ = std::move(small);
  }
  return true;
}

// Makes room behind what is not given yet and reads; false at the end of the file.
Result<bool> LineReader::fill() {
  if (at_end_) return false;
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    offset_ += begin_;
    end_ -= begin_;
    begin_ = 0;
  }
  if (buffer_.size() - end_ < block_bytes) buffer_.resize(std::max(buffer_.size() * 2, end_ + block_bytes));
  auto got = file_.read_at(std::span(buffer_).subspan(end_, block_bytes), offset_ + end_);
  if (!got) return got.error();
  at_end_ = *got == 0;
  end_ += *got;
  return !at_end_;
}

std::size_t LineReader::find_break(std::size_t from) const {
  const char* begin = buffer_.data() + from;
  const char* end = buffer_.data() + end_;
  const char* line_feed = find_byte(begin, end, '\n');
  return static_cast<std::size_t>(find_byte(begin, line_feed, '\r') - buffer_.data());
}

}  // namespace offpeak
