// Numbers, sizes, times and money as people read them. Pure but for the local time zone.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.hpp"

namespace offpeak::cli {

std::string human_count(std::int64_t count);                       // 1,234,567
std::string human_bytes(std::int64_t bytes);                       // 256 B, 1.5 kB, 256 MB (powers of ten)
std::string human_duration(Duration duration);                     // 12s, 5m 03s, 2h 10m, 3d 4h
std::string human_usd(double usd);                                 // $0, $0.0042, $12.30
std::string human_percent(std::int64_t part, std::int64_t whole);  // 63%; 100% only where all is done
std::string human_time(std::optional<Instant> at);  // 2026-11-21 22:10:03 in local time; - where there is none

}  // namespace offpeak::cli
