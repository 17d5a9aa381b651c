// Lines of a job file that are too long to be held, and where things stand in them.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/digest.hpp"
#include "ingest/file_check.hpp"

namespace offpeak {

namespace {

constexpr std::size_t block_bytes = 256 * 1024;

template <class Take>
Result<void> for_each_block(File& file, std::uint64_t offset, std::uint64_t bytes, Take take) {
  std::string block(block_bytes, '\0');
  while (bytes > 0) {
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(bytes, block.size()));
    if (auto read = read_exactly(file, std::span(block).first(size), offset); !read) return read;
    take(std::string_view(block).substr(0, size));
    offset += size;
    bytes -= size;
  }
  return {};
}

Result<std::string> read_text(File& file, std::uint64_t offset, std::uint64_t bytes) {
  std::string text(static_cast<std::size_t>(bytes), '\0');
  if (auto read = read_exactly(file, text, offset); !read) return read.error();
  return text;
}

}  // namespace

// The place of text[offset], for a text that begins where `piece` does.
FileError place(const Piece& piece, std::string_view text, std::size_t offset) {
  FileError error;
  const auto before = text.substr(0, std::min(offset, text.size()));
  const auto line_feeds = static_cast<std::uint64_t>(std::ranges::count(before, '\n'));
  const auto last = before.rfind('\n');
  error.line = piece.line + line_feeds;
  error.column = last == std::string_view::npos ? piece.column + offset : offset - last;
  error.offset = piece.offset + offset;
  return error;
}

// Read twice: as JSON, and for the checksum of its params.
Result<void> FileCheck::take_long(Piece piece, CheckSlice& slice) {
  const bool first = std::exchange(first_line_, false) && piece.kind == PieceKind::line;
  LongRequest line;
  char last = 0;
  const auto read = for_each_block(file_, piece.offset, piece.bytes, [&](std::string_view block) {
    line.feed(block);
    last = block.back();
  });
  if (!read) return read;
  line.finish();
  if (line.is_blank() && line.fault() && line.fault()->offset == piece.bytes) return {};
  if (piece.kind == PieceKind::line && last == '\r') --piece.bytes;
  FoundRequest request{piece, line.outline(), {}, {}, false};
  if (auto checked = check_long(request, line); !checked) return checked;
  std::vector<Fault> faults;
  if (first && !request.was_not_json && checks_.one().options_of(line.outline(), faults)) {
    report_fault(piece, "", Fault{0, fmt::format("the options have more than {} bytes", options_bytes_max), ""});
    fatal_ = true;
    return {};
  }
  return take_request(request, slice);
}

Result<void> FileCheck::check_long(FoundRequest& request, const LongRequest& line) {
  constexpr std::uint64_t shown_bytes = 64;
  const auto& piece = request.piece;
  auto head = read_text(file_, piece.offset, std::min(piece.bytes, shown_bytes));
  if (!head) return head.error();
  const auto at = line.fault() ? std::min<std::uint64_t>(line.fault()->offset, piece.bytes) : piece.bytes;
  auto rest = read_text(file_, piece.offset + at, std::min(piece.bytes - at, shown_bytes));
  if (!rest) return rest.error();
  request.faults = checks_.one().check_long(line, piece.bytes, *head, *rest, request.checked);
  request.was_not_json = checks_.one().was_not_json();
  if (!request.faults.empty()) return {};
  auto& entry = request.checked.entry;
  Hash64Stream hash;
  const auto read = for_each_block(file_, piece.offset + entry.params_offset, entry.params_bytes,
                                   [&](std::string_view block) { hash.update(block); });
  entry.checksum = static_cast<std::uint32_t>(hash.value());
  return read;
}

// Of a line that is not held its line breaks are counted in the file.
Result<FileError> FileCheck::place_of(const FoundRequest& request, std::size_t offset) {
  const auto& piece = request.piece;
  if (request.is_held() || piece.kind == PieceKind::line) {
    return place(piece, request.is_held() ? request.text : "", offset);
  }
  FileError error = place(piece, "", offset);
  std::uint64_t begin = piece.offset;
  const auto read = for_each_block(file_, begin, offset, [&](std::string_view block) {
    *error.line += static_cast<std::uint64_t>(std::ranges::count(block, '\n'));
    const auto last = block.rfind('\n');
    if (last != std::string_view::npos) error.column = piece.offset + offset - (begin + last);
    begin += block.size();
  });
  if (!read) return read.error();
  return error;
}

}  // namespace offpeak
