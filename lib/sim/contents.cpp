#include "sim/contents.hpp"

#include "sim/mix.hpp"

namespace offpeak::sim {

std::uint32_t Contents::intern(const Digest128& digest) {
  if (slots_.size() < 2 * (rows_.size() + 1)) grow();
  auto& slot = slots_[slot_of(digest)];
  if (slot == 0) {
    rows_.push_back(Content{.digest = digest});
    slot = size();
  }
  return slot - 1;
}

std::optional<std::uint32_t> Contents::find(const Digest128& digest) const {
  if (slots_.empty()) return std::nullopt;
  const auto slot = slots_[slot_of(digest)];
  if (slot == 0) return std::nullopt;
  return slot - 1;
}

// The digest's own slot, or the free one where it belongs.
std::size_t Contents::slot_of(const Digest128& digest) const {
  const auto mask = slots_.size() - 1;
  auto at = low_word(digest) & mask;
  while (slots_[at] != 0 && rows_[slots_[at] - 1].digest != digest) at = (at + 1) & mask;
  return at;
}

void Contents::grow() {
  slots_.assign(slots_.empty() ? 1024 : slots_.size() * 2, 0);
  for (std::uint32_t i = 0; i < size(); ++i) slots_[slot_of(rows_[i].digest)] = i + 1;
}

}  // namespace offpeak::sim
