#include "support/sync_spy.hpp"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <climits>

namespace offpeak::testing {

namespace {

std::atomic<SyncSpy*> spying{nullptr};

void note_sync(int fd) {
  auto* spy = spying.load();
  if (spy == nullptr) return;
  const auto link = "/proc/self/fd/" + std::to_string(fd);
  std::string path(PATH_MAX, '\0');
  const auto size = ::readlink(link.c_str(), path.data(), path.size());
  path.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
  spy->note("sync " + path);
}

void note_rename(const char* from, const char* to) {
  if (auto* spy = spying.load()) spy->note(std::string("rename ") + from + " " + to);
}

}  // namespace

SyncSpy::SyncSpy() { spying = this; }
SyncSpy::~SyncSpy() { spying = nullptr; }

void SyncSpy::note(const std::string& step) {
  const std::lock_guard lock(mutex_);
  steps_.push_back(step);
}

std::vector<std::string> SyncSpy::steps() const {
  const std::lock_guard lock(mutex_);
  return steps_;
}

void SyncSpy::clear() {
  const std::lock_guard lock(mutex_);
  steps_.clear();
}

bool SyncSpy::has(const std::string& begin) const { return first(begin) >= 0; }

int SyncSpy::first(const std::string& begin) const {
  const auto all = steps();
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i].starts_with(begin)) return static_cast<int>(i);
  }
  return -1;
}

int SyncSpy::last(const std::string& begin) const {
  const auto all = steps();
  for (std::size_t i = all.size(); i > 0; --i) {
    if (all[i - 1].starts_with(begin)) return static_cast<int>(i - 1);
  }
  return -1;
}

std::string SyncSpy::text() const {
  std::string all;
  for (const auto& step : steps()) all += step + "\n";
  return all;
}

}  // namespace offpeak::testing

// The program's own definitions come before the C library's, for SQLite too.
extern "C" {

int fsync(int fd) {
  offpeak::testing::note_sync(fd);
  return static_cast<int>(::syscall(SYS_fsync, fd));
}

int fdatasync(int fd) {
  offpeak::testing::note_sync(fd);
  return static_cast<int>(::syscall(SYS_fdatasync, fd));
}

int rename(const char* from, const char* to) noexcept {
  offpeak::testing::note_rename(from, to);
  return static_cast<int>(::syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0));
}

int renameat2(int from_folder, const char* from, int to_folder, const char* to, unsigned flags) noexcept {
  offpeak::testing::note_rename(from, to);
  return static_cast<int>(::syscall(SYS_renameat2, from_folder, from, to_folder, to, flags));
}

}  // extern "C"
