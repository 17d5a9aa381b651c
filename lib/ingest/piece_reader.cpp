#include "ingest/piece_reader.hpp"

#include <algorithm>
#include <cstring>

namespace offpeak {

namespace {

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
constexpr std::size_t window_bytes_min = 16;
constexpr std::size_t first_window_bytes = 64 * 1024;

}  // namespace

PieceReader::PieceReader(File& file, JobFormat format, std::size_t window_bytes)
    : file_(file),
      format_(format),
      window_bytes_max_(std::max(window_bytes, window_bytes_min)),
      window_(std::min(window_bytes_max_, first_window_bytes), '\0') {}

Result<Found> PieceReader::next(std::uint64_t& budget) {
  for (;;) {
    const auto found = next_held();
    if (found != Found::more || (splitter_ && budget == 0)) return found;
    if (auto done = read(budget); !done) return done.error();
  }
}

Found PieceReader::next_held() {
  while (scanned_ < window_bytes_) {
    std::size_t taken = 0;
    const auto found = splitter_->scan(std::string_view(window_).substr(scanned_, window_bytes_ - scanned_), taken);
    scanned_ += taken;
    if (found != Found::more) return found;
  }
  return at_end_ ? splitter_->finish() : Found::more;
}

Result<void> PieceReader::read(std::uint64_t& budget) {
  if (!splitter_) return begin();
  auto got = read_block();
  if (!got) return got.error();
  at_end_ = *got == 0;
  budget -= std::min<std::uint64_t>(budget, *got);
  return {};
}

// Reads the first block whole, so that a byte order mark is seen in one piece.
Result<void> PieceReader::begin() {
  while (window_bytes_ < byte_order_mark.size()) {
    auto got = file_.read_at(std::span(window_).subspan(window_bytes_), window_bytes_);
    if (!got) return got.error();
    if (*got == 0) break;
    window_bytes_ += *got;
  }
  const auto start = std::string_view(window_).substr(0, window_bytes_);
  digest_.update(start);
  scanned_ = start.starts_with(byte_order_mark) ? byte_order_mark.size() : 0;
  splitter_ = make_splitter(format_, scanned_);
  return {};
}

// Takes what is still needed to the front of another window, which is larger if this one was full, and fills the rest.
// The beginning of a piece that takes more than half of it is let go: bytes_of() reads it again.
Result<std::size_t> PieceReader::read_block() {
  const bool full = window_bytes_ == window_.size();
  window_before_.resize(std::max(window_before_.size(), std::min(window_.size() * (full ? 2 : 1), window_bytes_max_)));
  window_.swap(window_before_);
  const auto end = window_begin_ + window_bytes_;
  const auto from = std::max(splitter_->kept_from(), window_begin_);
  auto kept = static_cast<std::size_t>(end - std::min(from, end));
  if (kept > window_.size() / 2 || splitter_->kept_from() < window_begin_) kept = 0;
  std::memcpy(window_.data(), window_before_.data() + (window_bytes_ - kept), kept);
  window_begin_ = end - kept;
  window_bytes_ = scanned_ = kept;
  auto got = file_.read_at(std::span(window_).subspan(kept), end);
  if (!got) return got;
  digest_.update(std::string_view(window_).substr(kept, *got));
  window_bytes_ += *got;
  return got;
}

Result<std::string_view> PieceReader::bytes_of(std::uint64_t offset, std::uint64_t bytes) {
  if (const auto held = held_bytes_of(offset, bytes)) return *held;
  drop_long_piece();
  long_piece_.resize(static_cast<std::size_t>(bytes));
  if (auto read = read_exactly(file_, long_piece_, offset); !read) return read.error();
  return std::string_view(long_piece_);
}

std::optional<std::string_view> PieceReader::held_bytes_of(std::uint64_t offset, std::uint64_t bytes) const {
  if (offset < window_begin_ || offset + bytes > window_begin_ + window_bytes_) return std::nullopt;
  return std::string_view(window_).substr(static_cast<std::size_t>(offset - window_begin_),
                                          static_cast<std::size_t>(bytes));
}

}  // namespace offpeak
