// Splits a file into lines in constant memory, however long one is: \n, \r\n and \r end a line (as the official SDK
// reads results), a BOM at the start and blank lines are left out. On the file worker.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/files.hpp"
#include "base/result.hpp"

namespace offpeak {

struct FileLine {
  std::string_view text;     // valid until the next call; empty where the line is too long to be held
  std::uint64_t offset = 0;  // of its first byte in the file
  std::uint64_t bytes = 0;
  bool too_long = false;
  bool terminated = true;  // false: the file ends without a line break
};

class LineReader {
 public:
  LineReader(File& file, std::size_t line_bytes_max);

  // False at the end of the file.
  Result<bool> next(FileLine& line);
  std::uint64_t offset() const { return offset_ + begin_; }

 private:
  Result<bool> next_physical(FileLine& line);
  Result<void> begin();
  Result<bool> skip_too_long(FileLine& line);
  Result<bool> fill();
  std::size_t find_break(std::size_t from) const;
  void give(FileLine& line, std::size_t end);

  File& file_;
  std::size_t line_bytes_max_;
  std::string buffer_;
  std::size_t begin_ = 0;     // of what is not given yet
  std::size_t end_ = 0;       // of what was read
  std::uint64_t offset_ = 0;  // of buffer_[0] in the file
  bool begun_ = false;
  bool at_end_ = false;
};

}  // namespace offpeak
