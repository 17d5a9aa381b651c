// Small pure helpers for text that people write and read.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.hpp"

namespace offpeak {

// The length of the UTF-8 sequence that starts `bytes` (not empty), or 0 where it is none.
std::size_t utf8_length(std::string_view bytes);

// Control characters, ESC, C1 and bytes that are not UTF-8 become \xNN; cut to `most_bytes` with "...".
std::string escape_for_display(std::string_view bytes, std::size_t most_bytes);

// Everything but [A-Za-z0-9._-] becomes _; at most `most_bytes` are kept; never empty, ".", "..".
std::string safe_file_name(std::string_view name, std::size_t most_bytes);

// The known word that is nearest to `wrong` by edit distance, where one is near enough to be meant.
std::optional<std::string_view> nearest_word(std::string_view wrong, std::span<const std::string_view> known);

// "2s", "250ms", "1.5h": ms, s, m, h, d. A number without a unit is refused, but for 0.
std::optional<Duration> parse_duration(std::string_view text);
std::string to_text(Duration duration);

// "256MB": B, KB, MB, GB (powers of ten), KiB, MiB, GiB.
std::optional<std::uint64_t> parse_bytes(std::string_view text);

}  // namespace offpeak
