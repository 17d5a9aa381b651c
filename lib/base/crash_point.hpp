// Named moments at which tests kill the daemon, as kill -9 would: OFFPEAK_CRASH_AT=after_committing, or with ":3" at
// the third passing; with ":3:stop" it stands still there until SIGCONT. Where the variable is not set a crash point is
// one comparison.
#pragma once

#include <string_view>

namespace offpeak {

void crash_point(std::string_view marker);

}  // namespace offpeak
