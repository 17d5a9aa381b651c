// Strong ids: a JobId is never passed where a BatchId is meant.
#pragma once

#include <compare>
#include <cstdint>

namespace offpeak {

template <class Tag>
struct Id {
  std::int64_t value = 0;
  constexpr explicit operator bool() const { return value != 0; }
  auto operator<=>(const Id&) const = default;
};

}  // namespace offpeak
