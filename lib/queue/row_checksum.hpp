// The two SQL functions behind the checksums of rows (schema/0002_checksums.sql). For the files of this room only.
//
//   row_checksum('table(key,...)', column, ...)           what belongs into `checksum`
//   row_intact('table(key,...)', checksum, column, ...)   1, or the statement fails with the table and the row's key
#pragma once

#include <sqlite3.h>

namespace offpeak {

// On every connection that opens an offpeak database, before its first statement.
void add_row_functions(sqlite3* db);

}  // namespace offpeak
