// Files: the door to the file system. Used on the file worker (and by tests anywhere); every call may block.
// Names are bytes. Durability is explicit: what must survive a power cut is synced, and so is its folder.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace offpeak {

enum class FileType : std::uint8_t { regular, folder, symlink, other };

struct FileInfo {
  std::string name;  // without its folder
  FileType type = FileType::other;
  std::uint64_t bytes = 0;
  std::uint64_t inode = 0;
  std::uint64_t links = 0;
  std::int64_t modified_ns = 0;  // mtime
  std::int64_t changed_ns = 0;   // ctime
  auto operator<=>(const FileInfo&) const = default;
};

// Who has a file open for writing.
enum class Writers : std::uint8_t { none, some, unknown };

struct DiskSpace {
  std::uint64_t free = 0;   // for us
  std::uint64_t total = 0;  // of the file system
};

enum class OpenFor : std::uint8_t {
  reading,      // an existing file; links are not followed, a FIFO does not block
  writing_new,  // created, must not exist
  rewriting,    // created or emptied
  appending,    // created where missing
};

// An open file; closed when it dies.
class File {
 public:
  virtual ~File() = default;
  // Up to buffer.size() bytes from `offset`; 0 at the end.
  virtual Result<std::size_t> read_at(std::span<char> buffer, std::uint64_t offset) = 0;
  virtual Result<void> append(std::string_view bytes) = 0;
  // fdatasync.
  virtual Result<void> sync() = 0;
  virtual Result<FileInfo> info() = 0;
};

class Files {
 public:
  virtual ~Files() = default;
  virtual Result<std::unique_ptr<File>> open(const std::string& path, OpenFor purpose) = 0;
  // Of the name itself: a symbolic link is not followed.
  virtual Result<FileInfo> info(const std::string& path) = 0;
  // Every name of a folder but . and .., in no order.
  virtual Result<std::vector<FileInfo>> list(const std::string& folder) = 0;
  virtual Result<void> make_folders(const std::string& path, unsigned mode) = 0;
  // Renames within one file system and syncs both folders.
  virtual Result<void> move(const std::string& from, const std::string& to) = 0;
  // The same, refusing (EEXIST) where `to` exists.
  virtual Result<void> move_new(const std::string& from, const std::string& to) = 0;
  // As move(), but durable only once the caller has synced both folders: many of them share these syncs.
  virtual Result<void> move_unsynced(const std::string& from, const std::string& to) = 0;
  // Missing already is success.
  virtual Result<void> remove(const std::string& path) = 0;
  virtual Result<void> remove_tree(const std::string& path) = 0;
  virtual Result<void> sync_folder(const std::string& path) = 0;
  // Where the group exists and we may; a refusal is ignored by callers that only wish it.
  virtual Result<void> set_mode(const std::string& path, unsigned mode, const std::string& group) = 0;
  virtual Result<DiskSpace> space(const std::string& path) = 0;
  // Whether any process of this host has the regular file open for writing. The kernel answers the owner of the file
  // and whoever has CAP_LEASE; to others, and on a network file system, where hosts that it does not know may write, it
  // is unknown, as it is of a file that is not there. Asking opens the file for a moment: a process that opens it for
  // writing meanwhile waits, or is refused with EAGAIN where it asked not to wait.
  virtual Writers writers(const std::string& path) = 0;
  // May we write to it? A folder where we may not cannot be moved to another one either.
  virtual bool writable(const std::string& path) = 0;
};

class SystemFiles final : public Files {
 public:
  Result<std::unique_ptr<File>> open(const std::string& path, OpenFor purpose) override;
  Result<FileInfo> info(const std::string& path) override;
  Result<std::vector<FileInfo>> list(const std::string& folder) override;
  Result<void> make_folders(const std::string& path, unsigned mode) override;
  Result<void> move(const std::string& from, const std::string& to) override;
  Result<void> move_new(const std::string& from, const std::string& to) override;
  Result<void> move_unsynced(const std::string& from, const std::string& to) override;
  Result<void> remove(const std::string& path) override;
  Result<void> remove_tree(const std::string& path) override;
  Result<void> sync_folder(const std::string& path) override;
  Result<void> set_mode(const std::string& path, unsigned mode, const std::string& group) override;
  Result<DiskSpace> space(const std::string& path) override;
  Writers writers(const std::string& path) override;
  bool writable(const std::string& path) override;

 private:
  std::optional<unsigned> group_id(const std::string& name);

  // Asked for once: where systemd answers for groups, every question costs a hundred operations on files.
  std::mutex groups_mutex_;
  std::map<std::string, std::optional<unsigned>> groups_;
};

// Reads exactly `bytes` bytes from `offset`; ErrorKind::io where the file is shorter.
Result<void> read_exactly(File& file, std::span<char> buffer, std::uint64_t offset);

// A small file whole; ErrorKind::invalid where it is longer than `most_bytes`.
Result<std::string> read_small_file(Files& files, const std::string& path, std::size_t most_bytes);

std::string join_path(std::string_view folder, std::string_view name);
std::string folder_of(const std::string& path);

}  // namespace offpeak
