#include "ingest/error_report.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/json.hpp"
#include "base/text.hpp"
#include "model/limits.hpp"

namespace offpeak {

namespace {

constexpr std::size_t message_bytes_max = 500;
constexpr std::size_t file_name_bytes_max = 255;

std::string number_or_null(const std::optional<std::uint64_t>& number) {
  return number ? fmt::format("{}", *number) : "null";
}

}  // namespace

std::string to_json(const FileError& error) {
  return fmt::format(R"({{"line":{},"column":{},"offset":{},"message":{},"hint":{}}})", number_or_null(error.line),
                     number_or_null(error.column), number_or_null(error.offset), json_quote(error.message),
                     json_quote(error.hint));
}

void ErrorReport::add(FileError error) {
  ++count_;
  if (kept_.size() >= reported_errors_max) return;
  error.message = escape_for_display(error.message, message_bytes_max);
  error.hint = escape_for_display(error.hint, message_bytes_max);
  kept_.push_back(std::move(error));
}

void ErrorReport::add(std::string message, std::string hint) {
  FileError error;
  error.message = std::move(message);
  error.hint = std::move(hint);
  add(std::move(error));
}

std::vector<FileError> ErrorReport::errors() const {
  auto sorted = kept_;
  std::ranges::stable_sort(sorted, {}, [](const FileError& error) { return error.line.value_or(0); });
  return sorted;
}

std::string ErrorReport::document(std::string_view file) const {
  std::string text = fmt::format(R"({{"file":{},"error_count":{},"errors":[)",
                                 json_quote(escape_for_display(file, file_name_bytes_max)), count_);
  bool first = true;
  for (const auto& error : errors()) {
    text += first ? "\n" : ",\n";
    text += to_json(error);
    first = false;
  }
  return text + "]}\n";
}

RejectedFile record_of(std::string_view document, const std::string& file, const std::string& stored, Instant now) {
  RejectedFile record;
  record.file = file;
  record.stored = stored;
  record.at = now;
  const auto count = json_member(document, "error_count");
  if (count) record.error_count = json_integer(*count).value_or(0);
  if (const auto errors = json_member(document, "errors")) record.errors = json_on_one_line(*errors);
  return record;
}

}  // namespace offpeak
