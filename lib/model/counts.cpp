#include "model/counts.hpp"

#include <numeric>

namespace offpeak {

std::int64_t total_of(const TypeCounts& counts) {
  return std::accumulate(counts.begin(), counts.end(), std::int64_t{0});
}

bool agree(const TypeCounts& told, const TypeCounts& lines, std::int64_t requests) {
  return told == lines && total_of(lines) == requests;
}

bool may_hide_a_success(const TypeCounts& told, const TypeCounts& lines, std::int64_t requests) {
  if (told[0] <= lines[0]) return false;
  bool explained = total_of(told) == requests;
  for (std::size_t type = 0; type < told.size(); ++type) explained = explained && told[type] >= lines[type];
  return !explained;
}

}  // namespace offpeak
