// What POST /v1/jobs asks for beside the body: the intake's name and the options that win over the file's own.
// Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "control/target.hpp"
#include "queue/rows.hpp"

namespace offpeak {

enum class BodyCompression : std::uint8_t { none, gzip, zstd };

struct UploadWish {
  IntakeOverrides overrides;
  std::string stem;                         // of the intake's name
  std::string format;                       // "jsonl" or "json"
  std::optional<BodyCompression> encoding;  // as Content-Encoding says; nothing: look at the content
};

// ErrorKind::invalid is a 400; ErrorKind::refused a 415 (a Content-Encoding that is not known).
Result<UploadWish> parse_upload_wish(const QueryMembers& query, std::string_view content_encoding);

// By the first bytes: gzip's or zstd's magic number (a skippable zstd frame included).
BodyCompression sniff_compression(std::string_view first_bytes);

// "reviews.jsonl.gz": its suffixes tell ingest what the bytes are.
std::string intake_name(const UploadWish& wish, BodyCompression compression);

}  // namespace offpeak
