// FullDisk: while one lives, SQLite meets a disk without space whenever it wants to write. Through SQLite's own way of
// replacing a system call, so that everything above it is the real thing.
#pragma once

namespace offpeak::testing {

class FullDisk {
 public:
  // The first `writes_that_fit` writes still succeed.
  explicit FullDisk(int writes_that_fit = 0);
  ~FullDisk();
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;

  // Was anything refused?
  bool hit() const;
};

}  // namespace offpeak::testing
