// What refusals that named nobody say about the headers of their creates. For the files of this room only.
#pragma once

#include <set>
#include <string>

#include "queue/sql.hpp"

namespace offpeak {

HeaderRefusals read_header_refusals(Sql& sql, const HeaderGroup& headers);
// Its accepted_at stays as it is stored.
void store_header_refusals(Sql& sql, const HeaderGroup& headers, const HeaderRefusals& refusals);
// A create with these headers was accepted: what was said about them is over, and what was set aside may go.
void headers_accepted(Sql& sql, const HeaderGroup& headers, Instant now);
// Every job with these headers that still has something to send.
void hold_jobs_of(Sql& sql, const HeaderGroup& headers, const std::string& reason, Instant now);

// The last create that had an answer was refused, naming nobody.
bool was_refused_last(Sql& sql);
// Those that were refused so often since one of them was accepted.
std::set<HeaderGroup> refused_header_groups(Sql& sql, std::uint32_t creates_least);

}  // namespace offpeak
