// A file whose bytes are in memory and which gives at most so many of them at a time, as a file system may.
#pragma once

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>

#include "base/files.hpp"

namespace offpeak::fuzz {

class MemoryFile final : public File {
 public:
  explicit MemoryFile(std::string_view bytes, std::size_t most_at_once = std::size_t(-1))
      : bytes_(bytes), most_at_once_(most_at_once) {}

  Result<std::size_t> read_at(std::span<char> buffer, std::uint64_t offset) override {
    if (offset >= bytes_.size()) return std::size_t{0};
    const auto count = std::min({buffer.size(), bytes_.size() - static_cast<std::size_t>(offset), most_at_once_});
    std::memcpy(buffer.data(), bytes_.data() + offset, count);
    return count;
  }
  Result<void> append(std::string_view bytes) override {
    bytes_ += bytes;
    return {};
  }
  Result<void> sync() override { return {}; }
  Result<FileInfo> info() override { return make_error(ErrorKind::refused, "a file in memory has no attributes"); }

 private:
  std::string bytes_;
  std::size_t most_at_once_;
};

}  // namespace offpeak::fuzz
