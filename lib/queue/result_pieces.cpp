// Result lines that are given in pieces: long ones, and those of the provider's that could not be read.
#include <fmt/format.h>

#include <algorithm>

#include "base/json.hpp"
#include "queue/result_lines.hpp"
#include "queue/result_words.hpp"

namespace offpeak {

namespace {

// Around the provider's line that could not be read: verbatim where it is JSON, else as a text.
std::string unreadable_prefix(const Unreadable& unreadable) {
  const auto message = fmt::format("the provider's line cannot be read: {}", unreadable.why);
  return fmt::format(
      R"({{"type":"errored","error":{{"type":"error","error":{{"type":"{}","message":{},"line":null}},"request_id":null}},)"
      R"("{}":)",
      unreadable_error_type, json_quote(message), unreadable.is_json ? "provider_line" : "provider_text");
}

// A character is not torn: how much of a piece ends with a whole one. All of it, where it is no UTF-8 anyway.
std::size_t whole_characters(std::string_view piece) {
  for (std::size_t back = 1; back <= std::min<std::size_t>(3, piece.size()); ++back) {
    const auto byte = static_cast<unsigned char>(piece[piece.size() - back]);
    if (byte < 0x80) break;
    if (byte < 0xC0) continue;
    const std::size_t length = byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
    return length > back ? piece.size() - back : piece.size();
  }
  return piece.size();
}

}  // namespace

Result<void> ResultLines::begin_alone(const ResultWindow& window, const OutcomeRow& outcome, std::string& out) {
  auto line = line_of(window, outcome);
  if (!line) return line.error();
  Placed placed;
  placed.line = *line;
  out += before_id;
  placed.id_at = out.size();
  if (placed.line->id_bytes == 0) {
    out += no_id;
  } else {
    out.append(placed.line->id_bytes, ' ');
  }
  if (auto put = put_id(placed, out); !put) return put;
  out += before_result;
  if (outcome.unreadable) out += unreadable_prefix(*outcome.unreadable);
  if (outcome.unreadable && !outcome.unreadable->is_json) out += '"';
  alone_ = Hash64Stream();
  return {};
}

Result<LinePlace> ResultLines::append_alone(const ResultWindow& window, LinePlace from, std::size_t enough_bytes,
                                            std::string& out) {
  const auto& outcome = window.outcomes[from.at];
  if (from.inside == 0) {
    if (auto begun = begin_alone(window, outcome, out); !begun) return begun.error();
  }
  while (from.inside < outcome.bytes && out.size() < enough_bytes) {
    auto put = put_piece(outcome, from.inside, out);
    if (!put) return put.error();
    from.inside += *put;
  }
  if (from.inside < outcome.bytes) return from;
  if (static_cast<std::uint32_t>(alone_.value()) != outcome.checksum) {
    return changed_file(join_path(folders_.downloads, download_name(outcome.batch, outcome.download)), outcome.offset,
                        "the result has changed");
  }
  if (outcome.unreadable) out += outcome.unreadable->is_json ? "}" : "\"}";
  out += behind_result;
  return LinePlace{from.at + 1, 0};
}

// Gives how many bytes of the value were put.
Result<std::size_t> ResultLines::put_piece(const OutcomeRow& outcome, std::uint64_t inside, std::string& out) {
  auto file = download_file(outcome.batch, outcome.download);
  if (!file) return file.error();
  const auto left = outcome.bytes - inside;
  auto size = static_cast<std::size_t>(std::min<std::uint64_t>(left, block_bytes));
  run_.resize(size);
  if (auto read = read_exactly(**file, run_, outcome.offset + inside); !read) {
    const auto path = join_path(folders_.downloads, download_name(outcome.batch, outcome.download));
    if (read.error().os_error != 0) return in_context(path, read.error());
    return changed_file(path, outcome.offset, "the file is shorter than it was");
  }
  if (size < left) size = whole_characters(run_);
  const auto piece = std::string_view(run_).substr(0, size);
  alone_.update(piece);
  if (outcome.unreadable && !outcome.unreadable->is_json) {
    const auto quoted = json_quote(piece);
    out += std::string_view(quoted).substr(1, quoted.size() - 2);
  } else {
    out += piece;
  }
  return size;
}

}  // namespace offpeak
