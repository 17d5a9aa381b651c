#include "ingest/grouping.hpp"

#include <algorithm>

#include "ingest/file_kind.hpp"

namespace offpeak {

std::uint64_t weight_of(std::string_view name, std::uint64_t bytes) {
  const auto kind = file_kind(name);
  const bool packed = kind && kind->compression != Compression::none;
  return packed ? std::max(bytes, GroupLimits().bytes) : bytes;
}

std::size_t group_size(std::span<const std::uint64_t> sizes, const GroupLimits& limits) {
  std::uint64_t bytes = 0;
  std::size_t count = 0;
  for (const auto size : sizes) {
    const bool fits = count < limits.files && size <= limits.bytes && bytes <= limits.bytes - size;
    if (count > 0 && !fits) break;
    bytes += size;
    ++count;
    if (!fits) break;  // alone
  }
  return count;
}

bool OpenLoad::has_room(std::uint64_t bytes) const {
  if (bytes > small_bytes) return large < large_max;
  return small == 0 || (small < small_max && small_bytes_open + bytes <= small_bytes_max);
}

void OpenLoad::add(std::uint64_t bytes) {
  if (bytes > small_bytes) {
    ++large;
  } else {
    ++small;
    small_bytes_open += bytes;
  }
}

std::vector<std::size_t> files_with_room(OpenLoad open, std::span<const std::uint64_t> sizes,
                                         const GroupLimits& limits) {
  std::vector<std::size_t> places;
  for (std::size_t place = 0; place < sizes.size() && places.size() < limits.files; ++place) {
    if (!open.has_room(sizes[place])) continue;
    open.add(sizes[place]);
    places.push_back(place);
  }
  return places;
}

}  // namespace offpeak
