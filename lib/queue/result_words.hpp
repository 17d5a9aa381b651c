// What result_lines.cpp and result_pieces.cpp share; lib/queue only.
#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/result.hpp"

namespace offpeak {

inline constexpr std::size_t block_bytes = 256 * 1024;

inline constexpr std::string_view before_id = R"({"custom_id":)";
inline constexpr std::string_view before_result = R"(,"result":)";
inline constexpr std::string_view behind_result = "}\n";
inline constexpr std::string_view no_id = "null";

inline Error changed_file(std::string_view file, std::uint64_t offset, std::string_view what) {
  return make_error(ErrorKind::invalid, fmt::format("{}: {} at byte {}", file, what, offset),
                    "restore the file from a backup, then release the job");
}

}  // namespace offpeak
