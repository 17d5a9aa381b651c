// SyncSpy: what the process told the disk to keep, in order, and what it renamed meanwhile. While one lives, every fsync
// and fdatasync of the program is noted with the name of its file, also those of SQLite, and then done. A test reads
// from it that something was durable before the next step was taken; nothing here waits for a real power cut.
#pragma once

#include <mutex>
#include <string>
#include <vector>

namespace offpeak::testing {

class SyncSpy {
 public:
  SyncSpy();
  ~SyncSpy();
  SyncSpy(const SyncSpy&) = delete;
  SyncSpy& operator=(const SyncSpy&) = delete;

  // "sync PATH" and "rename FROM TO", oldest first; and what the test itself noted.
  std::vector<std::string> steps() const;
  void note(const std::string& step);
  void clear();
  // Is there a step that begins so?
  bool has(const std::string& begin) const;
  // The place of the first step that begins so, or of the last one; -1: none.
  int first(const std::string& begin) const;
  int last(const std::string& begin) const;
  // All of it, for a failure's message.
  std::string text() const;

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> steps_;
};

}  // namespace offpeak::testing
