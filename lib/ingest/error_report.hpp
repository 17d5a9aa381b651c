// What is wrong with a file, as NAME.error.json says it: the first 100 errors, and the number of all. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "queue/rows.hpp"

namespace offpeak {

// Line and column count from 1, the column in bytes; the offset counts from 0 in the decompressed file.
struct FileError {
  std::optional<std::uint64_t> line;
  std::optional<std::uint64_t> column;
  std::optional<std::uint64_t> offset;
  std::string message;
  std::string hint;
  bool operator==(const FileError&) const = default;
};

// {"line":3,"column":14,"offset":210,"message":"...","hint":"..."}
std::string to_json(const FileError& error);

class ErrorReport {
 public:
  // Keeps the first 100; counts the others.
  void add(FileError error);
  void add(std::string message, std::string hint = "");

  bool empty() const { return count_ == 0; }
  std::uint64_t count() const { return count_; }
  // The kept ones in order of their lines; those without a line first.
  std::vector<FileError> errors() const;

  // The document for `file`, a name that is escaped and cut for display.
  std::string document(std::string_view file) const;

 private:
  std::vector<FileError> kept_;
  std::uint64_t count_ = 0;
};

// What a document says, for the list of rejected files; `stored` is the file's name in rejected/, or empty.
RejectedFile record_of(std::string_view document, const std::string& file, const std::string& stored, Instant now);

}  // namespace offpeak
