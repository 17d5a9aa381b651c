// Every disk operation of one small run, SQLite's and Files' alike, in turn: it fails once, it and all after it fail
// until the disk is repaired, or it is the last one before a crash or a power cut.
#pragma once

#include <cstdint>

#include "sim/world.hpp"

namespace offpeak::simtest {

// Every `stride`-th operation.
RunCounts run_io_points(std::uint64_t stride);

}  // namespace offpeak::simtest
