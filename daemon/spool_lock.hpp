// SpoolLock: one daemon a spool. Two with a state of their own on the same spool would number their jobs alike and move
// each other's claimed files away; the lock of the database does not see that. Held until the process ends, however it
// ends. Made by the app before anything in the spool is touched.
#pragma once

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <string>

namespace offpeak {

class SpoolLock {
 public:
  // Locks the folder itself, so that there is no lock file to lose.
  explicit SpoolLock(const std::string& claimed) : fd_(::open(claimed.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    if (fd_ >= 0 && ::flock(fd_, LOCK_EX | LOCK_NB) != 0) in_use_ = errno == EWOULDBLOCK;
  }
  ~SpoolLock() {
    if (fd_ >= 0) ::close(fd_);
  }
  SpoolLock(const SpoolLock&) = delete;
  SpoolLock& operator=(const SpoolLock&) = delete;

  // Another process holds it. A file system that knows no locks holds nobody up.
  bool in_use() const { return in_use_; }

 private:
  int fd_;
  bool in_use_ = false;
};

}  // namespace offpeak
