// Which call fails, when and how: a small file that the daemon under test and the test both map, so that a fault is
// armed, watched and lifted while the daemon runs. OFFPEAK_FAULT_CONTROL names it; without it nothing ever fails. While
// nothing is armed, calls are counted. tests/e2e/fault_control.py has the same layout.
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace offpeak::faults {

// Native byte order.
struct FaultControl {
  std::int32_t armed;  // a kind of call, or -1
  std::int32_t error;  // the errno, or 0: a short count
  std::uint64_t from;  // of the calls of that kind since it was armed, counted from 1
  std::uint64_t to;    // the last one that fails
  std::uint64_t seen;  // calls of that kind since it was armed
  std::uint64_t fired;
  std::uint64_t counts[32];  // a kind each, since the file was made
  char last[256];            // what the last failed call was about
  std::int64_t clock_jump;   // seconds that the wall clock is off
};
static_assert(sizeof(FaultControl) == 560);

// Nothing is mapped: nothing fails.
inline FaultControl* map_fault_control() {
  const char* path = std::getenv("OFFPEAK_FAULT_CONTROL");
  if (path == nullptr) return nullptr;
  const long fd = ::syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
  if (fd < 0) return nullptr;
  void* mapped = ::mmap(nullptr, sizeof(FaultControl), PROT_READ | PROT_WRITE, MAP_SHARED, static_cast<int>(fd), 0);
  ::syscall(SYS_close, fd);
  return mapped == MAP_FAILED ? nullptr : static_cast<FaultControl*>(mapped);
}

// Counts the call; true where it must fail.
inline bool must_fail(FaultControl* control, std::int32_t kind, const char* about) {
  if (control == nullptr) return false;
  __atomic_add_fetch(&control->counts[kind], 1, __ATOMIC_RELAXED);
  if (__atomic_load_n(&control->armed, __ATOMIC_ACQUIRE) != kind) return false;
  const auto nth = __atomic_add_fetch(&control->seen, 1, __ATOMIC_RELAXED);
  if (nth < control->from || nth > control->to) return false;
  ::strncpy(control->last, about, sizeof(control->last) - 1);
  __atomic_add_fetch(&control->fired, 1, __ATOMIC_RELEASE);
  return true;
}

}  // namespace offpeak::faults
