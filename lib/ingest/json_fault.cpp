#include "ingest/json_fault.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

namespace offpeak {

namespace {

using namespace std::string_view_literals;

// Where parsers stop behind the byte that is at fault: at most at the end of two escapes.
constexpr std::size_t stops_behind = 12;

std::size_t first_not_space(std::string_view text) { return std::min(text.find_first_not_of(" \t\r\n"), text.size()); }

unsigned byte_at(std::string_view text, std::size_t at) {
  return at < text.size() ? static_cast<unsigned char>(text[at]) : 0;
}

bool continues(std::string_view text, std::size_t at) { return (byte_at(text, at) & 0xC0) == 0x80; }

// Bytes of the UTF-8 sequence at `at`; 0 where there is none (RFC 3629).
std::size_t utf8_bytes(std::string_view text, std::size_t at) {
  const auto lead = byte_at(text, at);
  if (lead < 0x80) return 1;
  const auto second = byte_at(text, at + 1);
  if (lead >= 0xC2 && lead <= 0xDF) return continues(text, at + 1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    const bool odd = (lead == 0xE0 && second < 0xA0) || (lead == 0xED && second >= 0xA0);
    return !odd && continues(text, at + 1) && continues(text, at + 2) ? 3 : 0;
  }
  if (lead < 0xF0 || lead > 0xF4) return 0;
  const bool odd = (lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second >= 0x90);
  return !odd && continues(text, at + 1) && continues(text, at + 2) && continues(text, at + 3) ? 4 : 0;
}

std::optional<std::size_t> first_not_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const auto bytes = utf8_bytes(text, at);
    if (bytes == 0) return at;
    at += bytes;
  }
  return std::nullopt;
}

// The code unit of the escape at `at`, or nothing: it is none.
std::optional<unsigned> unit_at(std::string_view text, std::size_t at) {
  if (at + 6 > text.size() || text[at] != '\\' || text[at + 1] != 'u') return std::nullopt;
  unsigned unit = 0;
  const auto* const end = text.data() + at + 6;
  const auto [stopped, ec] = std::from_chars(text.data() + at + 2, end, unit, 16);
  if (ec != std::errc() || stopped != end) return std::nullopt;
  return unit;
}

// The first escape of half a character that has not its other half behind it.
std::optional<std::size_t> first_lone_surrogate(std::string_view text) {
  for (auto at = text.find('\\'); at != std::string_view::npos; at = text.find('\\', at)) {
    const auto unit = unit_at(text, at);
    if (unit && *unit >= 0xD800 && *unit < 0xE000) {
      const auto other = unit_at(text, at + 6);
      if (*unit >= 0xDC00 || !other || *other < 0xDC00 || *other >= 0xE000) return at;
      at += 12;
    } else {
      at += 2;
    }
  }
  return std::nullopt;
}

// Whole files of another kind, told by how they begin.
std::string_view hint_of_begin(std::string_view text) {
  const auto starts = [&](std::string_view mark) { return text.starts_with(mark); };
  if (starts("\xFF\xFE"sv) || starts("\xFE\xFF"sv)) return "the file is in UTF-16: save it as UTF-8";
  if (starts("\x1F\x8B"sv)) {
    return "this is gzip: name the file *.jsonl.gz; if that is its name, it was compressed twice: unpack it once";
  }
  if (starts("\x28\xB5\x2F\xFD"sv)) {
    return "this is zstd: name the file *.jsonl.zst; if that is its name, it was compressed twice: unpack it once";
  }
  return "";
}

std::string hint_of_place(std::string_view text, const JsonFault& fault) {
  const auto offset = std::min(fault.offset, text.size());
  const auto rest = text.substr(offset);
  const auto next = rest.substr(first_not_space(rest));
  if (rest.starts_with("\xEF\xBB\xBF"sv)) return "a byte order mark may stand only at the start of the file";
  if (rest.starts_with("\0"sv)) return "a NUL byte: was the file copied to its end?";
  if (rest.starts_with("NaN") || rest.starts_with("Infinity")) return "JSON has no NaN and no Infinity";
  if (rest.starts_with("'")) return "JSON strings stand in double quotes";
  if (next.starts_with("//") || next.starts_with("/*") || next.starts_with('#')) return "JSON has no comments";
  if (next.empty()) {
    return "the text ends in the middle: a request must stand on one line, and the file must be complete";
  }
  if (fault.message.starts_with("extra data") && next.starts_with('{')) {
    return "two objects stand on one line: each needs its own (files without a line break at their end may have been "
           "joined)";
  }
  if (rest.starts_with('\t')) return R"(a raw tab: inside a string it is written \t)";
  if (byte_at(rest, 0) < 0x20) return fmt::format(R"(a raw control character: write \u{:04x})", byte_at(rest, 0));
  const auto before = text.substr(0, offset).find_last_not_of(" \t\r\n");
  const bool after_comma = before != std::string_view::npos && text[before] == ',';
  if (after_comma && (rest.starts_with('}') || rest.starts_with(']'))) return "one comma too many before it";
  return "";
}

Fault not_utf8(std::string_view text, std::size_t at) {
  if (byte_at(text, at) == 0xED && byte_at(text, at + 1) >= 0xA0 && continues(text, at + 1)) {
    return Fault{at, "not UTF-8: half a character (a surrogate)", "a character was cut in two; leave it out"};
  }
  return Fault{
      at, fmt::format("not UTF-8: byte 0x{:02X}", byte_at(text, at)),
      "the file may be in Latin-1 or Windows-1252: convert it, for example with iconv -f WINDOWS-1252 -t UTF-8"};
}

}  // namespace

Fault explain_json_fault(std::string_view text, const JsonFault& fault) {
  if (fault.message.find("too deep") != std::string::npos) {
    return Fault{fault.offset, fmt::format("nested deeper than {} levels", json_depth_max), ""};
  }
  const auto is_cause = [&](const std::optional<std::size_t>& at) { return at && *at <= fault.offset + 3; };
  const auto message = fmt::format("not valid JSON in UTF-8: {}", fault.message);
  if (const auto hint = hint_of_begin(text); !hint.empty()) return Fault{fault.offset, message, std::string(hint)};
  if (const auto at = first_not_utf8(text); is_cause(at)) return not_utf8(text, *at);
  if (const auto at = first_lone_surrogate(text); is_cause(at) && fault.offset <= *at + stops_behind) {
    return Fault{*at, fmt::format("{} is half a character (a lone surrogate)", text.substr(*at, 6)),
                 "an emoji or another character was cut in two: write both halves, or leave it out"};
  }
  return Fault{fault.offset, message, hint_of_place(text, fault)};
}

Fault explain_json_fault(const JsonFault& fault, std::string_view head, std::string_view rest) {
  if (const auto hint = hint_of_begin(head); !hint.empty()) {
    return Fault{fault.offset, fmt::format("not valid JSON in UTF-8: {}", fault.message), std::string(hint)};
  }
  auto here = fault;
  here.offset = 0;
  auto explained = explain_json_fault(rest, here);
  explained.offset += fault.offset;
  return explained;
}

}  // namespace offpeak
