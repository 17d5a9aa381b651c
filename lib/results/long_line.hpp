// Lines of a results file as they lie there: parsed and hashed, held or, where they are too long for that, block by
// block. On the file worker.
#pragma once

#include <cstdint>

#include "base/files.hpp"
#include "base/json.hpp"
#include "results/line_reader.hpp"
#include "results/result_line.hpp"

namespace offpeak {

// A longer line is not held in memory. With 300,000 output tokens one can be megabytes; no limit is documented.
inline constexpr std::size_t held_line_bytes_max = 1024 * 1024;

// `line` as LineReader gave it of this file.
Result<void> read_result_line(File& file, const FileLine& line, JsonChecker& checker, ResultLine& parsed);
// hash64 of the line's bytes from `first` on.
Result<std::uint64_t> hash_of_line(File& file, const FileLine& line, std::uint64_t first, std::uint64_t bytes);

}  // namespace offpeak
