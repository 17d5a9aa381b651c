// A look into the database from outside, between two events: where is every request? The queue's own verbs are what is
// tested, so this reads the tables themselves.
#pragma once

#include <string>
#include <vector>

struct sqlite3;

namespace offpeak::simtest {

// Every broken invariant: a request that is in no place or in two, counters that do not balance, something that waits
// without saying why.
std::vector<std::string> look_into(sqlite3* db);

// How many unknown intents say neither why they wait nor when they are looked at next.
int silent_intents(sqlite3* db);

}  // namespace offpeak::simtest
