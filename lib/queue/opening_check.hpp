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

// QueueError where the disk does not give away a byte of the database or of its log. Neither may be open.
void check_readable(const std::string& path);

[[noreturn]] void throw_damaged(const std::string& what);

}  // namespace offpeak
