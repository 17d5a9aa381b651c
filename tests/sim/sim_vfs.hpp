// An SQLite VFS over SimDisk, the default one of this program: Queue(path) finds its database on the disk that is
// mounted where its path begins. Time and chance come from the disk, never from the machine.
// No shared memory: the database is WAL with locking_mode=EXCLUSIVE and needs none.
#pragma once

#include <string>

#include "sim/sim_disk.hpp"

struct sqlite3;

namespace offpeak::simtest {

// While it lives, paths that begin with `at` are on this disk.
class Mount {
 public:
  Mount(SimDisk& disk, std::string at, std::uint64_t seed);
  ~Mount();
  Mount(const Mount&) = delete;
  Mount& operator=(const Mount&) = delete;

  // The connection to this file that was opened last, for looking in between two events; nullptr where there was none.
  // The caller knows that it has not been closed.
  sqlite3* connection(const std::string& path) const;

 private:
  std::string at_;
};

}  // namespace offpeak::simtest
