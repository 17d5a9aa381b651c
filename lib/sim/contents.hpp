// The ledger's table: what was created and billed, by request content (a digest of the params bytes). 28
// bytes a content and one slot of 4 to 8 bytes, so that ten million requests can be followed.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/digest.hpp"

namespace offpeak::sim {

struct Content {
  Digest128 digest;
  std::uint32_t created = 0;  // rows in accepted batches
  std::uint16_t billed = 0;   // succeeded rows of batches that have processed them
  std::uint16_t open = 0;     // rows in batches that have not ended
  std::uint16_t refused = 0;  // times a create was refused because of it
  bool overlapped = false;    // was in two places at once that both might run it
  bool created_after_billed = false;
};

class Contents {
 public:
  // Index of the content, which is added where it is new.
  std::uint32_t intern(const Digest128& digest);
  std::optional<std::uint32_t> find(const Digest128& digest) const;

  Content& operator[](std::uint32_t index) { return rows_[index]; }
  const Content& operator[](std::uint32_t index) const { return rows_[index]; }
  std::uint32_t size() const { return static_cast<std::uint32_t>(rows_.size()); }

 private:
  std::size_t slot_of(const Digest128& digest) const;
  void grow();

  std::vector<Content> rows_;
  std::vector<std::uint32_t> slots_;  // index + 1, or 0; a power of two, at most half full
};

}  // namespace offpeak::sim
