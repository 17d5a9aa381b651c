// What a job file's name says about it. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "model/job.hpp"

namespace offpeak {

enum class Compression : std::uint8_t { none, gzip, zstd };

struct FileKind {
  JobFormat format = JobFormat::lines;
  Compression compression = Compression::none;
  std::string job_name;  // the name without its suffixes, escaped for display
  bool operator==(const FileKind&) const = default;
};

// .jsonl, .ndjson or .json, with .gz or .zst behind it or not, in any case; ErrorKind::invalid for any other
// suffix.
Result<FileKind> file_kind(std::string_view name);

}  // namespace offpeak
