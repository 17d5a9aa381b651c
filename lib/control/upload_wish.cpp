#include "control/upload_wish.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace offpeak {

namespace {

constexpr std::size_t name_bytes_max = 200;
constexpr std::int64_t priority_max = 1'000'000;  // and its negative

Error bad_member(std::string_view name, std::string_view value, std::string hint) {
  return make_error(ErrorKind::invalid, fmt::format("{}={} is not possible", name, escape_for_display(value, 60)),
                    std::move(hint));
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const auto length = utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

Result<std::optional<bool>> parse_flag(const QueryMembers& query, std::string_view name) {
  const auto value = query_member(query, name);
  if (!value) return std::optional<bool>();
  if (*value == "true" || *value == "1" || value->empty()) return std::optional<bool>(true);
  if (*value == "false" || *value == "0") return std::optional<bool>(false);
  return bad_member(name, *value, "use true or false");
}

bool cut_suffix(std::string_view& name, std::string_view suffix) {
  if (!name.ends_with(suffix)) return false;
  name.remove_suffix(suffix.size());
  return true;
}

// "dir/reviews.jsonl.gz" is "reviews"; `format` becomes what the suffix says.
std::string stem_of(std::string_view file, std::string& format) {
  if (const auto slash = file.rfind('/'); slash != std::string_view::npos) file.remove_prefix(slash + 1);
  if (!cut_suffix(file, ".gz")) cut_suffix(file, ".zst");
  if (cut_suffix(file, ".json")) {
    format = "json";
  } else if (!cut_suffix(file, ".jsonl")) {
    cut_suffix(file, ".ndjson");
  }
  return std::string(file);
}

Result<void> check_name(std::string_view member, std::string_view name) {
  if (!name.empty() && name.size() <= name_bytes_max && is_utf8(name)) return {};
  return bad_member(member, name, fmt::format("a name is 1 to {} bytes of UTF-8", name_bytes_max));
}

Result<std::optional<BodyCompression>> parse_encoding(std::string_view text) {
  std::string word(text);
  std::ranges::transform(word, word.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
  if (word.empty()) return std::optional<BodyCompression>();
  if (word == "identity") return std::optional<BodyCompression>();
  if (word == "gzip" || word == "x-gzip") return std::optional<BodyCompression>(BodyCompression::gzip);
  if (word == "zstd") return std::optional<BodyCompression>(BodyCompression::zstd);
  return make_error(ErrorKind::refused, fmt::format("Content-Encoding {} is not known", escape_for_display(text, 60)),
                    "send gzip, zstd or plain text");
}

Result<void> read_overrides(const QueryMembers& query, IntakeOverrides& overrides) {
  if (const auto name = query_member(query, "name")) {
    if (const auto good = check_name("name", *name); !good) return good.error();
    if (escape_for_display(*name, name->size()) != *name) {
      return bad_member("name", *name, "a name must not hold control characters");
    }
    overrides.name = *name;
  }
  if (const auto priority = query_member(query, "priority")) {
    overrides.priority = parse_integer(*priority);
    if (!overrides.priority || *overrides.priority > priority_max || *overrides.priority < -priority_max) {
      return bad_member("priority", *priority, "use a whole number from -1000000 to 1000000; the higher goes first");
    }
  }
  const auto hold = parse_flag(query, "hold");
  if (!hold) return hold.error();
  overrides.hold = *hold;
  const auto again = parse_flag(query, "again");
  if (!again) return again.error();
  overrides.again = again->value_or(false);
  return {};
}

}  // namespace

Result<UploadWish> parse_upload_wish(const QueryMembers& query, std::string_view content_encoding) {
  UploadWish wish;
  wish.format = "jsonl";
  wish.stem = "job";
  if (const auto read = read_overrides(query, wish.overrides); !read) return read.error();
  if (wish.overrides.name) wish.stem = *wish.overrides.name;
  if (const auto file = query_member(query, "file")) {
    if (const auto good = check_name("file", *file); !good) return good.error();
    wish.stem = stem_of(*file, wish.format);
  }
  if (const auto format = query_member(query, "format")) {
    if (*format != "jsonl" && *format != "json") return bad_member("format", *format, "use jsonl or json");
    wish.format = *format;
  }
  std::ranges::replace(wish.stem, '/', '_');
  if (wish.stem.empty()) wish.stem = "job";
  auto encoding = parse_encoding(content_encoding);
  if (!encoding) return encoding.error();
  wish.encoding = *encoding;
  return wish;
}

BodyCompression sniff_compression(std::string_view first_bytes) {
  if (first_bytes.starts_with("\x1f\x8b")) return BodyCompression::gzip;
  if (first_bytes.starts_with("\x28\xb5\x2f\xfd")) return BodyCompression::zstd;
  const bool skippable = first_bytes.size() >= 4 && (static_cast<unsigned char>(first_bytes[0]) & 0xF0) == 0x50 &&
                         first_bytes.substr(1, 3) == "\x2a\x4d\x18";
  return skippable ? BodyCompression::zstd : BodyCompression::none;
}

std::string intake_name(const UploadWish& wish, BodyCompression compression) {
  switch (compression) {
    case BodyCompression::none:
      return fmt::format("{}.{}", wish.stem, wish.format);
    case BodyCompression::gzip:
      return fmt::format("{}.{}.gz", wish.stem, wish.format);
    case BodyCompression::zstd:
      return fmt::format("{}.{}.zst", wish.stem, wish.format);
  }
  return wish.stem;
}

}  // namespace offpeak
