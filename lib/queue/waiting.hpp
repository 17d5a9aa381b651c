// The part of the status that says what waits. For the files of this room only.
#pragma once

#include "queue/sql.hpp"

namespace offpeak {

void read_waits(Sql& sql, Status& status, Instant now);

// Requests whose model has no price, by day: spent does not count them.
void add_unpriced(Sql& sql, std::int64_t requests, Instant now);

}  // namespace offpeak
