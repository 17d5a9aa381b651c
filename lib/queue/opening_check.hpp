// Refuses a database that has changed since it was written (QueueDamaged). For the files of this room only.
#pragma once

#include <string>
#include <vector>

#include "queue/sql.hpp"

namespace offpeak {

// Structure, indexes, constraints and row checksums: of everything where the file is small, else of the small tables.
void check_rows(Sql& sql);
// After the migrations: tables, indexes and triggers are just those that this version makes.
void check_schema(Sql& sql);

[[noreturn]] void throw_damaged(const std::string& what);

}  // namespace offpeak
