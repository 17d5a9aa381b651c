// The real file system, but for one operation: it fails, or the process "dies" before or after it.
#pragma once

#include <cerrno>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include "base/files.hpp"

namespace offpeak {

// Thrown in place of the end of the process.
class Crash : public std::runtime_error {
 public:
  Crash() : std::runtime_error("crash") {}
};

class FaultyFiles final : public Files {
 public:
  // Asked before each operation that changes something or opens a file: an errno makes it fail.
  std::function<int(const std::string& operation, const std::string& path)> fail;
  std::function<Writers(const std::string& path)> who;  // has it open for writing; empty: the file system's word
  std::function<bool(const std::string& path)> may_write;
  std::optional<DiskSpace> disk;  // in the place of the real one
  int crash_at = 0;               // the number of the operation, from 1; 0: never
  bool crash_after = false;
  int operations = 0;

  Result<std::unique_ptr<File>> open(const std::string& path, OpenFor purpose) override {
    return wrap<Result<std::unique_ptr<File>>>("open", path, [&]() -> Result<std::unique_ptr<File>> {
      auto file = real_.open(path, purpose);
      if (!file) return file.error();
      return std::unique_ptr<File>(new FaultyFile(*this, std::move(*file), path));
    });
  }
  Result<FileInfo> info(const std::string& path) override { return real_.info(path); }
  Result<std::vector<FileInfo>> list(const std::string& folder) override {
    return wrap<Result<std::vector<FileInfo>>>("list", folder, [&] { return real_.list(folder); });
  }
  Result<void> make_folders(const std::string& path, unsigned mode) override { return real_.make_folders(path, mode); }
  Result<void> move(const std::string& from, const std::string& to) override {
    return wrap<Result<void>>("move", from, [&] { return real_.move(from, to); });
  }
  Result<void> move_new(const std::string& from, const std::string& to) override {
    return wrap<Result<void>>("move", from, [&] { return real_.move_new(from, to); });
  }
  Result<void> move_unsynced(const std::string& from, const std::string& to) override {
    return wrap<Result<void>>("move", from, [&] { return real_.move_unsynced(from, to); });
  }
  Result<void> remove(const std::string& path) override {
    return wrap<Result<void>>("remove", path, [&] { return real_.remove(path); });
  }
  Result<void> remove_tree(const std::string& path) override { return real_.remove_tree(path); }
  Result<void> sync_folder(const std::string& path) override {
    return wrap<Result<void>>("sync_folder", path, [&] { return real_.sync_folder(path); });
  }
  Result<void> set_mode(const std::string& path, unsigned mode, const std::string& group) override {
    return real_.set_mode(path, mode, group);
  }
  Result<DiskSpace> space(const std::string& path) override { return disk ? *disk : real_.space(path); }
  Writers writers(const std::string& path) override { return who ? who(path) : real_.writers(path); }
  bool writable(const std::string& path) override { return may_write ? may_write(path) : real_.writable(path); }

 private:
  class FaultyFile final : public File {
   public:
    FaultyFile(FaultyFiles& files, std::unique_ptr<File> file, std::string path)
        : files_(files), file_(std::move(file)), path_(std::move(path)) {}
    Result<std::size_t> read_at(std::span<char> buffer, std::uint64_t offset) override {
      return files_.wrap<Result<std::size_t>>("read", path_, [&] { return file_->read_at(buffer, offset); });
    }
    Result<void> append(std::string_view bytes) override {
      return files_.wrap<Result<void>>("append", path_, [&] { return file_->append(bytes); });
    }
    Result<void> sync() override {
      return files_.wrap<Result<void>>("sync", path_, [&] { return file_->sync(); });
    }
    Result<FileInfo> info() override { return file_->info(); }

   private:
    FaultyFiles& files_;
    std::unique_ptr<File> file_;
    std::string path_;
  };

  template <class R, class Operation>
  R wrap(const char* name, const std::string& path, Operation operation) {
    ++operations;
    if (operations == crash_at && !crash_after) throw Crash();
    if (const int error = fail ? fail(name, path) : 0; error != 0) return os_error(name, path, error);
    auto result = operation();
    if (operations == crash_at && crash_after) throw Crash();
    return result;
  }

  SystemFiles real_;
};

}  // namespace offpeak
