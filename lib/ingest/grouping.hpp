// How files on their way in share their steps: what is claimed, read, synced and accepted together. One file is a group
// of one. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace offpeak {

// A group is so small that it delays nobody more than a slice of a large file does.
struct GroupLimits {
  std::size_t files = 64;
  std::uint64_t bytes = 4 * 1024 * 1024;
};

// What a file of that name and size counts for: a compressed one at least for a whole group, since nobody knows yet how
// much is in it.
std::uint64_t weight_of(std::string_view name, std::uint64_t bytes);

// How many of files of these sizes go together, from the first on: one at least where there is any.
std::size_t group_size(std::span<const std::uint64_t> sizes, const GroupLimits& limits = {});

// What is open already. Large files leave room for small ones, which so never wait for huge ones.
struct OpenLoad {
  static constexpr std::uint64_t small_bytes = 16 * 1024 * 1024;  // so much is small
  static constexpr std::size_t small_max = 128;                   // one group that is checked, one that is synced
  static constexpr std::uint64_t small_bytes_max = 64 * 1024 * 1024;
  static constexpr std::size_t large_max = 3;

  std::size_t small = 0;
  std::uint64_t small_bytes_open = 0;
  std::size_t large = 0;

  bool has_room(std::uint64_t bytes) const;
  void add(std::uint64_t bytes);
};

// Which of files of these sizes are opened now: their places, in order, one group at most.
std::vector<std::size_t> files_with_room(OpenLoad open, std::span<const std::uint64_t> sizes,
                                         const GroupLimits& limits = {});

}  // namespace offpeak
