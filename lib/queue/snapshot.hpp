// A copy of the database while it is in use. Begun and copied on the database worker (Queue::begin_snapshot,
// Queue::copy_snapshot); checked wherever there is time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace offpeak {

class Sql;

class Snapshot {
 public:
  // Who makes the copy durable: whoever keeps it, or SQLite, file and folder, before copy_slice() returns true.
  enum class Sync : std::uint8_t { by_the_keeper, with_the_copy };

  Snapshot(Sql& source, const std::string& path, Sync sync = Sync::by_the_keeper);
  ~Snapshot();
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;

  // True once all is copied.
  bool copy_slice();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

// Looks at every row of a finished copy (QueueDamaged), and makes it one file that needs no log beside it. Blocks while
// it is read; on any thread.
void check_snapshot(const std::string& path);

}  // namespace offpeak
