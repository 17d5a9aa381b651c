#include "ingest/splitter.hpp"

namespace offpeak {

std::unique_ptr<Splitter> make_splitter(JobFormat format, std::uint64_t start) {
  if (format == JobFormat::lines) return std::make_unique<LineSplitter>(start);
  return std::make_unique<RequestsSplitter>(start);
}

Found LineSplitter::scan(std::string_view bytes, std::size_t& taken) {
  const auto line_feed = bytes.find('\n');
  if (line_feed == std::string_view::npos) {
    taken = bytes.size();
    at_ += taken;
    return Found::more;
  }
  taken = line_feed + 1;
  at_ += line_feed;
  const auto found = end_line(at_ + 1);
  ++at_;
  return found;
}

Found LineSplitter::finish() {
  // A last line needs no line feed; behind one there is no line.
  return at_ == line_start_ ? Found::end : end_line(at_);
}

Found LineSplitter::end_line(std::uint64_t next_start) {
  piece_ = Piece{PieceKind::line, line_start_, at_ - line_start_, line_, 1};
  line_start_ = next_start;
  ++line_;
  return Found::piece;
}

}  // namespace offpeak
