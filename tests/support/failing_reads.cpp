#include "support/failing_reads.hpp"

#include <sqlite3.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>

namespace offpeak::testing {

namespace {

// SQLite uses one of them, as it was built.
constexpr std::array<const char*, 2> calls{"pread", "pread64"};

std::atomic<int> reads_left{0};
std::atomic<bool> only_once{false};
std::atomic<bool> failed{false};

ssize_t read_or_fail(int fd, void* bytes, std::size_t count, off_t offset) {
  const int left = --reads_left;
  if (left > 0 || (left < 0 && only_once)) return ::pread(fd, bytes, count, offset);
  failed = true;
  errno = EIO;
  return -1;
}

void replace(sqlite3_syscall_ptr function) {
  auto* vfs = sqlite3_vfs_find(nullptr);
  for (const auto* call : calls) vfs->xSetSystemCall(vfs, call, function);
}

}  // namespace

FailingReads::FailingReads(int number, Times times) {
  reads_left = number;
  only_once = times == Times::once;
  failed = false;
  replace(reinterpret_cast<sqlite3_syscall_ptr>(&read_or_fail));
}

FailingReads::~FailingReads() { replace(nullptr); }

bool FailingReads::hit() const { return failed; }

}  // namespace offpeak::testing
