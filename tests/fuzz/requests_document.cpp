// A *.json job file: the same pieces and the same verdict in whatever chunks it is read, and together with the checks
// of its pieces the verdict of the reference reader on the whole text. The same bytes as a *.jsonl file split into
// lines as a plain search for line feeds does.
#include <algorithm>

#include "base/json.hpp"
#include "fuzz.hpp"
#include "ingest/splitter.hpp"
#include "reference_json.hpp"

namespace offpeak::fuzz {
namespace {

struct Split {
  std::vector<Piece> pieces;
  std::optional<FileError> fault;
  bool operator==(const Split&) const = default;
};

Split split(Splitter& splitter, std::string_view text, std::size_t chunk_bytes) {
  Split found;
  const auto add = [&](std::uint64_t reached) {
    const auto& piece = splitter.piece();
    require(piece.offset + piece.bytes <= reached, "a piece lies in what was read", text);
    found.pieces.push_back(piece);
  };
  for (std::size_t at = 0; at < text.size();) {
    const auto chunk = text.substr(at, chunk_bytes);
    std::size_t taken = 0;
    const auto what = splitter.scan(chunk, taken);
    require(taken <= chunk.size(), "no more is taken than given", text);
    at += taken;
    require(splitter.kept_from() <= at, "what must be kept was read", text);
    if (what == Found::fault) {
      found.fault = splitter.fault();
      return found;
    }
    if (what == Found::piece) add(at);
    require(what != Found::more || taken == chunk.size(), "everything is taken where more is asked for", text);
    require(what != Found::end, "the end is known by finish() alone", text);
  }
  for (;;) {
    const auto what = splitter.finish();
    require(what != Found::more, "finish() asks for no more", text);
    if (what == Found::fault) found.fault = splitter.fault();
    if (what != Found::piece) return found;
    add(text.size());
  }
}

Split split_any_way(std::string_view text, JobFormat format) {
  const auto whole = split(*make_splitter(format, 0), text, text.size() + 1);
  for (const std::size_t chunk_bytes : {1U, 2U, 3U, 7U, 64U}) {
    const auto again = split(*make_splitter(format, 0), text, chunk_bytes);
    require(again == whole, "the chunks do not matter", text);
  }
  return whole;
}

void check_places(std::string_view text, const Split& found) {
  std::uint64_t line = 1;
  std::uint64_t line_start = 0;
  std::uint64_t at = 0;
  for (const auto& piece : found.pieces) {
    require(piece.offset >= at && piece.offset + piece.bytes <= text.size(), "pieces follow each other", text);
    for (; at < piece.offset; ++at) {
      if (text[at] != '\n') continue;
      ++line;
      line_start = at + 1;
    }
    require(piece.line == line && piece.column == at - line_start + 1, "a piece knows its line and column", text);
  }
  if (!found.fault) return;
  require(found.fault->offset && *found.fault->offset <= text.size(), "a fault lies in the text", text);
  require(is_displayable(found.fault->message), "a fault's message can be shown", found.fault->message);
}

void check_lines(std::string_view text) {
  const auto found = split_any_way(text, JobFormat::lines);
  require(!found.fault, "any bytes are lines", text);
  check_places(text, found);
  auto rest = text;
  for (const auto& piece : found.pieces) {
    require(!rest.empty(), "no more lines than line feeds", text);
    const auto line = take_line(rest);
    require(piece.kind == PieceKind::line && text.substr(piece.offset, piece.bytes) == line, "a line is a line", text);
  }
  require(rest.empty(), "every line is found", text);
}

// Is this a job document, by the reference reader?
bool is_document(const ReferenceValue& root) {
  if (!root.is_object() || root.has_twin_keys()) return false;
  for (std::size_t i = 0; i < root.keys.size(); ++i) {
    if (root.keys[i] == "requests" ? root.members[i].kind != ReferenceKind::array : root.keys[i] != "offpeak") {
      return false;
    }
  }
  return true;
}

void compare(std::string_view text, const ReferenceValue& root, const Split& found) {
  std::size_t next = 0;
  const auto expect = [&](const ReferenceValue& value, PieceKind kind) {
    require(next < found.pieces.size(), "every piece is found", text);
    const auto& piece = found.pieces[next++];
    require(piece.kind == kind, "a piece is of its kind", text);
    require(text.data() + piece.offset == value.raw.data() && piece.bytes == value.raw.size(),
            "a piece is the whole value and nothing else", text);
  };
  for (std::size_t i = 0; i < root.keys.size(); ++i) {
    if (root.keys[i] == "offpeak") {
      expect(root.members[i], PieceKind::options);
    } else {
      for (const auto& element : root.members[i].members) expect(element, PieceKind::request);
    }
  }
  require(next == found.pieces.size(), "nothing else is a piece", text);
}

void check_document(std::string_view text) {
  const auto found = split_any_way(text, JobFormat::requests);
  check_places(text, found);
  static JsonChecker json;
  const bool pieces_good = std::ranges::all_of(
      found.pieces, [&](const Piece& piece) { return !json.check(text.substr(piece.offset, piece.bytes)); });
  const auto document = read_reference(text);
  if (document && document->has_huge_exponent) return;
  const bool expected = document && !document->has_lone_surrogate && is_document(document->root);
  if (!found.fault && pieces_good) require(expected, "what passes in pieces is JSON as a whole", text);
  if (!expected || document->depth > json_depth_max) return;
  require(!found.fault, "a job document is read to its end", text);
  require(pieces_good, "its pieces are JSON", text);
  compare(text, document->root, found);
}

}  // namespace
}  // namespace offpeak::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = offpeak::fuzz::as_text(data, size);
  offpeak::fuzz::check_document(text);
  offpeak::fuzz::check_lines(text);
  return 0;
}
