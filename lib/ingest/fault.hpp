// Fault: one thing that is wrong in a text, at a place in it. Messages may quote a key or a custom_id, never
// content.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/text.hpp"

namespace offpeak {

struct Fault {
  std::size_t offset = 0;  // of a byte in the text that was checked
  std::string message;     // what is wrong, and the limit
  std::string hint;        // what to do, or empty
  bool operator==(const Fault&) const = default;
};

// A key or an id of the user's in a message: escaped, cut, in double quotes.
inline std::string quoted(std::string_view word) { return '"' + escape_for_display(word, 64) + '"'; }

// Where `slice` lies in `text`, which it was taken from.
inline std::size_t offset_in(std::string_view text, std::string_view slice) {
  return static_cast<std::size_t>(slice.data() - text.data());
}

}  // namespace offpeak
