// What the tests of ingest share: lines, files in memory of a folder, and a whole check in one call.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/files.hpp"
#include "ingest/file_check.hpp"
#include "model/line_index.hpp"
#include "tests/unit/base/temporary_folder.hpp"

namespace offpeak {

inline std::string params(std::string_view text = "hi") {
  return fmt::format(R"({{"model":"m","max_tokens":16,"messages":[{{"role":"user","content":"{}"}}]}})", text);
}

inline std::string request(std::string_view id, std::string_view text = "hi") {
  return fmt::format(R"({{"custom_id":"{}","params":{}}})", id, params(text));
}

struct WholeCheck {
  bool rejected = false;
  std::uint64_t requests = 0;
  std::uint64_t skipped = 0;
  std::uint64_t error_count = 0;
  std::vector<FileError> errors;
  std::vector<LineEntry> entries;
  std::vector<MadeOutcome> made;
  JobOptions options;
  std::string options_line;
  Digest128 digest;
  std::size_t steps = 0;
};

// Checks `content` as it would be in claimed/, in slices of `budget` bytes.
inline WholeCheck check_whole(std::string_view content, JobFormat format = JobFormat::lines,
                              const CheckSettings& settings = {}, std::uint64_t budget = 1 << 20) {
  const TemporaryFolder folder;
  const auto path = folder.write("data", content);
  SystemFiles files;
  auto file = files.open(path, OpenFor::reading).value();
  JsonChecker json;
  FileCheck check(*file, files, json, format, settings, folder / "ids");
  WholeCheck whole;
  for (bool finished = false; !finished; ++whole.steps) {
    auto slice = check.step(budget).value();
    for (const auto& segment : slice.segments) {
      const auto decoded = decode_segment(segment).value();
      whole.entries.insert(whole.entries.end(), decoded.begin(), decoded.end());
    }
    for (auto& made : slice.made) whole.made.push_back(std::move(made));
    finished = slice.finished;
  }
  whole.rejected = check.rejected();
  whole.requests = check.requests();
  whole.skipped = check.skipped();
  whole.error_count = check.report().count();
  whole.errors = check.report().errors();
  whole.options = check.options();
  whole.options_line = check.options_line();
  whole.digest = check.digest();
  return whole;
}

inline std::string slice(std::string_view content, std::uint64_t offset, std::uint64_t bytes) {
  return std::string(content.substr(static_cast<std::size_t>(offset), static_cast<std::size_t>(bytes)));
}

}  // namespace offpeak
