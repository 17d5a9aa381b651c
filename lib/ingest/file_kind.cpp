#include "ingest/file_kind.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace offpeak {

namespace {

constexpr std::size_t job_name_bytes_max = 200;

// Cuts `suffix` off the end of `name`, whatever its case.
bool take_suffix(std::string_view& name, std::string_view suffix) {
  if (name.size() < suffix.size()) return false;
  const auto tail = name.substr(name.size() - suffix.size());
  const bool same = std::equal(tail.begin(), tail.end(), suffix.begin(), [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
  });
  if (same) name.remove_suffix(suffix.size());
  return same;
}

Error unknown_suffix(std::string_view name) {
  const auto dot = name.rfind('.');
  const auto suffix = dot == std::string_view::npos ? std::string_view() : name.substr(dot);
  const auto what = suffix.empty() ? std::string("the name has no suffix")
                                   : fmt::format("the suffix {} is not known", escape_for_display(suffix, 40));
  return make_error(ErrorKind::invalid, what,
                    "a job file is named *.jsonl, *.ndjson or *.json, with .gz or .zst behind it if compressed");
}

}  // namespace

Result<FileKind> file_kind(std::string_view name) {
  auto stem = name;
  FileKind kind;
  if (take_suffix(stem, ".gz")) {
    kind.compression = Compression::gzip;
  } else if (take_suffix(stem, ".zst")) {
    kind.compression = Compression::zstd;
  }
  if (take_suffix(stem, ".jsonl") || take_suffix(stem, ".ndjson")) {
    kind.format = JobFormat::lines;
  } else if (take_suffix(stem, ".json")) {
    kind.format = JobFormat::requests;
  } else {
    return unknown_suffix(stem);
  }
  kind.job_name = stem.empty() ? "job" : escape_for_display(stem, job_name_bytes_max);
  return kind;
}

}  // namespace offpeak
