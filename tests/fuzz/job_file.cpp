// A whole job file through the check of intake, as *.jsonl and as *.json: the same index, report and options in
// however small steps and through however small a window it is read. The input is the file, decompressed.
#include <fmt/format.h>

#include "fuzz.hpp"
#include "ingest/file_check.hpp"
#include "memory_file.hpp"
#include "reference_json.hpp"

namespace offpeak::fuzz {
namespace {

struct Checked {
  std::vector<std::string> segments;
  std::vector<std::string> made;
  std::string report, options_line;
  JobOptions options;
  std::uint64_t requests = 0, skipped = 0, bytes = 0, visited = 0;
  bool rejected = false;
};

void check_entry(const LineEntry& entry, std::string_view params, std::string_view text) {
  require(entry.offset + entry.bytes <= text.size(), "a line lies in the file", text);
  require(std::uint64_t{entry.params_offset} + entry.params_bytes <= entry.bytes, "params lie in their line", text);
  require(text.substr(entry.offset + entry.params_offset, entry.params_bytes) == params,
          "the index leads to the params", text);
  require(entry.checksum == checksum32(params), "the checksum is of the params", text);
}

Checked check(std::string_view text, JobFormat format, std::size_t window_bytes, std::uint64_t budget) {
  static SystemFiles files;
  static JsonChecker json;
  MemoryFile file(text);
  CheckSettings settings;
  settings.window_bytes = window_bytes;
  settings.batch_bytes_max = 5000;
  FileCheck checking(file, files, json, format, settings, "/nonexistent/spill");
  Checked found;
  checking.visit([&](const LineEntry& entry, std::string_view params) {
    ++found.visited;
    check_entry(entry, params, text);
  });
  // Every step gets on: the options are read, then the requests, a byte at a time, then the ids.
  for (std::size_t steps = 0;; ++steps) {
    require(steps < 4 * text.size() + 100, "the check comes to its end", text);
    auto slice = checking.step(budget);
    require(slice.has_value(), "a file that can be read is checked", slice ? "" : slice.error().message);
    for (auto& segment : slice->segments) found.segments.push_back(std::move(segment));
    for (auto& made : slice->made) found.made.push_back(std::move(made.result));
    if (slice->finished) break;
  }
  found.report = checking.report().document("x");
  found.options_line = checking.options_line();
  found.options = checking.options();
  found.requests = checking.requests();
  found.skipped = checking.skipped();
  found.bytes = checking.bytes();
  found.rejected = checking.rejected();
  return found;
}

void require_same(const Checked& a, const Checked& b, std::string_view fact, std::string_view text) {
  require(a.report == b.report, fact, a.report + "\n" + b.report);
  const auto told = [](const Checked& c) {
    return fmt::format("{} requests, {} skipped, {} visited, {} bytes, {} segments, {} made, rejected: {}", c.requests,
                       c.skipped, c.visited, c.rejected ? 0 : c.bytes, c.segments.size(), c.made.size(), c.rejected);
  };
  require(told(a) == told(b), fact, told(a) + "\n" + told(b));
  require(a.segments == b.segments && a.made == b.made, fact, text);
  require(a.options == b.options && a.options_line == b.options_line, fact, text);
}

void check_whole(std::string_view text, JobFormat format) {
  const auto found = check(text, format, 256 * 1024, 1'000'000);
  const auto report = read_reference(found.report);
  require(report && report->root.is_object(), "the report is JSON", found.report);
  for (const auto& made : found.made) {
    const auto result = read_reference(made);
    require(result && result->root.is_object(), "a made result is a JSON object", made);
  }
  std::uint64_t entries = 0;
  for (const auto& segment : found.segments) {
    const auto decoded = decode_segment(segment);
    require(decoded && decoded->size() <= segment_entries, "a segment can be read", text);
    entries += decoded->size();
  }
  if (!found.rejected) {
    require(found.bytes == text.size(), "a good file is read whole", text);
    require(entries == found.requests, "every request of a good file is in the index", text);
    require(found.skipped <= found.requests && found.skipped == found.made.size(), "what is skipped is told", text);
  }
  require_same(check(text, format, 64, 1'000'000), found, "the window does not matter", text);
  if (text.size() < 3000) require_same(check(text, format, 64, 7), found, "the steps do not matter", text);
}

}  // namespace
}  // namespace offpeak::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = offpeak::fuzz::as_text(data, size);
  offpeak::fuzz::check_whole(text, offpeak::JobFormat::lines);
  offpeak::fuzz::check_whole(text, offpeak::JobFormat::requests);
  return 0;
}
