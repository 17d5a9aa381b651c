#include "support/full_disk.hpp"

#include <sqlite3.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>

namespace offpeak::testing {

namespace {

// SQLite uses one of the two, as it was built.
constexpr std::array<const char*, 2> calls{"pwrite", "pwrite64"};

std::atomic<int> writes_left{0};
std::atomic<bool> refused{false};

ssize_t write_until_full(int fd, const void* bytes, std::size_t count, off_t offset) {
  if (writes_left-- > 0) return ::pwrite(fd, bytes, count, offset);
  refused = true;
  errno = ENOSPC;
  return -1;
}

void replace(sqlite3_syscall_ptr function) {
  auto* vfs = sqlite3_vfs_find(nullptr);
  for (const auto* call : calls) vfs->xSetSystemCall(vfs, call, function);
}

}  // namespace

FullDisk::FullDisk(int writes_that_fit) {
  writes_left = writes_that_fit;
  refused = false;
  replace(reinterpret_cast<sqlite3_syscall_ptr>(&write_until_full));
}

FullDisk::~FullDisk() { replace(nullptr); }

bool FullDisk::hit() const { return refused; }

}  // namespace offpeak::testing
