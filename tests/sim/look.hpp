// A look into the database from outside, between two events: where is every request? The queue's own verbs are what is
// tested, so this reads the tables themselves.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

struct sqlite3;

namespace offpeak::simtest {

// Every broken invariant: a request that is in no place or in two, counters that do not balance, something that waits
// without saying why.
std::vector<std::string> look_into(sqlite3* db);

// Jobs that nobody holds, all of whose requests have outcomes, and that are neither done nor canceled.
std::vector<std::int64_t> complete_jobs(sqlite3* db);

// Rows that this connection has written since it was opened.
std::int64_t rows_written(sqlite3* db);

// Does the state say anything of this batch? Not as a mere candidate, nor as one that is not some intent's.
bool names_batch(sqlite3* db, const std::string& provider_id);

// How many unknown intents say neither why they wait nor when they are looked at next.
int silent_intents(sqlite3* db);

}  // namespace offpeak::simtest
