#include "results/long_line.hpp"

#include <algorithm>
#include <string>

#include "base/digest.hpp"
#include "results/result_walk.hpp"

namespace offpeak {

namespace {

constexpr std::size_t block_bytes = 256 * 1024;

template <class Take>
Result<void> for_each_block(File& file, std::uint64_t offset, std::uint64_t bytes, Take take) {
  std::string block(block_bytes, '\0');
  while (bytes > 0) {
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(bytes, block.size()));
    if (auto read = read_exactly(file, std::span(block).first(size), offset); !read) return read;
    take(std::string_view(block).substr(0, size));
    offset += size;
    bytes -= size;
  }
  return {};
}

}  // namespace

Result<void> read_result_line(File& file, const FileLine& line, JsonChecker& checker, ResultLine& parsed) {
  if (!line.too_long) {
    parse_result_line(line.text, checker, parsed);
    return {};
  }
  ResultWalk walk;
  const auto read = for_each_block(file, line.offset, line.bytes, [&](std::string_view block) { walk.feed(block); });
  if (read) walk.finish(parsed);
  return read;
}

Result<std::uint64_t> hash_of_line(File& file, const FileLine& line, std::uint64_t first, std::uint64_t bytes) {
  if (!line.too_long) return hash64(line.text.substr(first, bytes));
  Hash64Stream hash;
  const auto read =
      for_each_block(file, line.offset + first, bytes, [&](std::string_view block) { hash.update(block); });
  if (!read) return read.error();
  return hash.value();
}

}  // namespace offpeak
