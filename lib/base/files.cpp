#include "base/files.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <filesystem>

namespace offpeak {

namespace {

std::string name_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }  // npos + 1 is 0

FileInfo to_info(std::string name, const struct stat& status) {
  FileInfo info;
  info.name = std::move(name);
  info.type = S_ISREG(status.st_mode)   ? FileType::regular
              : S_ISDIR(status.st_mode) ? FileType::folder
              : S_ISLNK(status.st_mode) ? FileType::symlink
                                        : FileType::other;
  info.bytes = static_cast<std::uint64_t>(status.st_size);
  info.inode = status.st_ino;
  info.links = status.st_nlink;
  info.modified_ns = status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec;
  info.changed_ns = status.st_ctim.tv_sec * 1'000'000'000 + status.st_ctim.tv_nsec;
  return info;
}

// So much of a new file is handed to the disk at a time, whole pages, while more of it is being made: the sync at its
// end finds little left to wait for.
constexpr std::uint64_t early_write_bytes = 1024 * 1024;

class SystemFile final : public File {
 public:
  // `begun_empty`: everything in the file will have been appended here.
  SystemFile(int fd, std::string path, bool begun_empty) : fd_(fd), path_(std::move(path)), begun_empty_(begun_empty) {}
  ~SystemFile() override { ::close(fd_); }
  SystemFile(const SystemFile&) = delete;
  SystemFile& operator=(const SystemFile&) = delete;

  Result<std::size_t> read_at(std::span<char> buffer, std::uint64_t offset) override {
    for (;;) {
      const auto n = ::pread(fd_, buffer.data(), buffer.size(), static_cast<off_t>(offset));
      if (n >= 0) return static_cast<std::size_t>(n);
      if (errno != EINTR) return os_error("read", path_, errno);
    }
  }

  Result<void> append(std::string_view bytes) override {
    while (!bytes.empty()) {
      const auto n = ::write(fd_, bytes.data(), bytes.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return os_error("write", path_, errno);
      bytes.remove_prefix(static_cast<std::size_t>(n));
      appended_ += static_cast<std::uint64_t>(n);
    }
    if (begun_empty_ && appended_ - handed_over_ >= early_write_bytes) hand_over();
    return {};
  }

  Result<void> sync() override {
    if (::fdatasync(fd_) != 0) return os_error("sync", path_, errno);
    return {};
  }

  Result<FileInfo> info() override {
    struct stat status{};
    if (::fstat(fd_, &status) != 0) return os_error("look at", path_, errno);
    return to_info(name_of(path_), status);
  }

 private:
  // Promises nothing, and need not succeed: sync() still waits for every byte and reports every error.
  void hand_over() {
    const auto end = appended_ - appended_ % early_write_bytes;
    ::sync_file_range(fd_, static_cast<off64_t>(handed_over_), static_cast<off64_t>(end - handed_over_),
                      SYNC_FILE_RANGE_WRITE);
    handed_over_ = end;
  }

  int fd_;
  std::string path_;
  bool begun_empty_;
  std::uint64_t appended_ = 0;
  std::uint64_t handed_over_ = 0;
};

// A mode that is right already is left alone, and a refused set-group-id bit is done without: under the unit's
// RestrictSUIDSGID= a folder may inherit that bit from its parent, but nobody may ask for it.
Result<void> apply_mode(const std::string& path, unsigned mode) {
  struct stat status{};
  if (::stat(path.c_str(), &status) == 0 && (status.st_mode & 07777) == mode) return {};
  if (::chmod(path.c_str(), mode) == 0) return {};
  if (errno == EPERM && (mode & S_ISGID) != 0 && ::chmod(path.c_str(), mode & ~unsigned{S_ISGID}) == 0) return {};
  return os_error("set the mode of", path, errno);
}

// Other hosts may write where a network file system lies, unseen by this kernel (statfs(2) and linux/magic.h have the
// numbers). Some refuse every lease there as if somebody wrote.
bool is_of_this_host(int fd) {
  constexpr std::uint32_t elsewhere[] = {
      0x6969,      // NFS
      0xFF534D42,  // CIFS
      0xFE534D42,  // SMB2
      0x517B,      // SMB
      0x65735546,  // FUSE, virtiofs
      0x01021997,  // 9P
      0x00C36400,  // Ceph
      0x5346414F,  // AFS
      0x6B414653,  // kAFS
      0x73757245,  // Coda
      0x01161970,  // GFS2
      0x7461636F,  // OCFS2
      0x0BD00BD0,  // Lustre
      0x47504653,  // GPFS
      0x19830326,  // BeeGFS
      0x786F4256,  // VirtualBox
      0xBACBACBC,  // VMware
  };
  struct statfs status{};
  if (::fstatfs(fd, &status) != 0) return false;
  return std::ranges::find(elsewhere, static_cast<std::uint32_t>(status.f_type)) == std::end(elsewhere);
}

Writers writers_by_lease(int fd) {
  // Who opens the file for writing meanwhile has us told by a signal: by default SIGIO, which ends a process. SIGURG
  // ends none.
  if (::fcntl(fd, F_SETSIG, SIGURG) != 0) return Writers::unknown;
  if (::fcntl(fd, F_SETLEASE, F_RDLCK) != 0) return errno == EAGAIN ? Writers::some : Writers::unknown;
  ::fcntl(fd, F_SETLEASE, F_UNLCK);
  return Writers::none;
}

int open_flags(OpenFor purpose) {
  switch (purpose) {
    case OpenFor::reading:
      return O_RDONLY | O_NONBLOCK;
    case OpenFor::writing_new:
      return O_RDWR | O_CREAT | O_EXCL;
    case OpenFor::rewriting:
      return O_RDWR | O_CREAT | O_TRUNC;
    case OpenFor::appending:
      return O_RDWR | O_CREAT | O_APPEND;
  }
  return O_RDONLY;
}

}  // namespace

Result<std::unique_ptr<File>> SystemFiles::open(const std::string& path, OpenFor purpose) {
  const int fd = ::open(path.c_str(), open_flags(purpose) | O_CLOEXEC | O_NOFOLLOW, 0640);
  if (fd < 0) return os_error("open", path, errno);
  const bool begun_empty = purpose == OpenFor::writing_new || purpose == OpenFor::rewriting;
  return std::unique_ptr<File>(new SystemFile(fd, path, begun_empty));
}

Result<FileInfo> SystemFiles::info(const std::string& path) {
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0) return os_error("look at", path, errno);
  return to_info(name_of(path), status);
}

Result<std::vector<FileInfo>> SystemFiles::list(const std::string& folder) {
  DIR* handle = ::opendir(folder.c_str());
  if (handle == nullptr) return os_error("list", folder, errno);
  const std::unique_ptr<DIR, int (*)(DIR*)> closer(handle, &::closedir);
  std::vector<FileInfo> found;
  errno = 0;
  while (const dirent* entry = ::readdir(handle)) {
    std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    struct stat status{};
    // A name that vanished between the two calls is simply not there any more.
    if (::fstatat(::dirfd(handle), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0) {
      found.push_back(to_info(std::move(name), status));
    }
    errno = 0;
  }
  if (errno != 0) return os_error("list", folder, errno);
  return found;
}

Result<void> SystemFiles::make_folders(const std::string& path, unsigned mode) {
  std::error_code ec;
  const bool existed = std::filesystem::is_directory(path, ec);
  std::filesystem::create_directories(path, ec);
  if (ec) return os_error("make the folder", path, ec.value());
  if (!existed) return apply_mode(path, mode);
  return {};
}

Result<void> SystemFiles::move_unsynced(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return os_error("move", fmt::format("{} to {}", from, to), errno);
  return {};
}

Result<void> SystemFiles::move(const std::string& from, const std::string& to) {
  if (auto moved = move_unsynced(from, to); !moved) return moved;
  if (auto synced = sync_folder(folder_of(to)); !synced) return synced.error();
  return sync_folder(folder_of(from));
}

Result<void> SystemFiles::move_new(const std::string& from, const std::string& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) != 0) {
    return os_error("move", fmt::format("{} to {}", from, to), errno);
  }
  if (auto synced = sync_folder(folder_of(to)); !synced) return synced.error();
  return sync_folder(folder_of(from));
}

Result<void> SystemFiles::remove(const std::string& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return os_error("remove", path, errno);
  return {};
}

Result<void> SystemFiles::remove_tree(const std::string& path) {
  std::error_code ec;
  std::filesystem::remove_all(path, ec);
  if (ec) return os_error("remove", path, ec.value());
  return {};
}

Result<void> SystemFiles::sync_folder(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return os_error("open the folder", path, errno);
  const int failed = ::fsync(fd) != 0 ? errno : 0;
  ::close(fd);
  if (failed != 0) return os_error("sync the folder", path, failed);
  return {};
}

Result<void> SystemFiles::set_mode(const std::string& path, unsigned mode, const std::string& group) {
  if (!group.empty()) {
    const auto id = group_id(group);
    if (id && ::lchown(path.c_str(), static_cast<uid_t>(-1), *id) != 0 && errno != EPERM) {
      return os_error("set the group of", path, errno);
    }
  }
  // After the group: changing it clears the set-group-id bit.
  return apply_mode(path, mode);
}

std::optional<unsigned> SystemFiles::group_id(const std::string& name) {
  const std::scoped_lock lock(groups_mutex_);
  const auto known = groups_.find(name);
  if (known != groups_.end()) return known->second;
  const struct group* entry = ::getgrnam(name.c_str());
  return groups_[name] = entry == nullptr ? std::nullopt : std::optional<unsigned>(entry->gr_gid);
}

Result<DiskSpace> SystemFiles::space(const std::string& path) {
  struct statvfs status{};
  if (::statvfs(path.c_str(), &status) != 0) return os_error("look at", path, errno);
  return DiskSpace{static_cast<std::uint64_t>(status.f_bavail) * status.f_frsize,
                   static_cast<std::uint64_t>(status.f_blocks) * status.f_frsize};
}

// A read lease is granted only where nobody has the file open for writing (fcntl(2), F_SETLEASE). It is given back at
// once.
Writers SystemFiles::writers(const std::string& path) {
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0) return Writers::unknown;
  if (!S_ISREG(status.st_mode)) return Writers::none;
  // Others are refused anyway, and an open that nobody needs is an event for whoever watches the folder.
  if (status.st_uid != ::geteuid() && ::geteuid() != 0) return Writers::unknown;
  const int fd = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return Writers::unknown;
  const auto found = is_of_this_host(fd) ? writers_by_lease(fd) : Writers::unknown;
  ::close(fd);
  return found;
}

bool SystemFiles::writable(const std::string& path) { return ::access(path.c_str(), W_OK) == 0; }

Result<void> read_exactly(File& file, std::span<char> buffer, std::uint64_t offset) {
  while (!buffer.empty()) {
    auto got = file.read_at(buffer, offset);
    if (!got) return got.error();
    if (*got == 0) return make_error(ErrorKind::io, fmt::format("the file ends at byte {}", offset));
    buffer = buffer.subspan(*got);
    offset += *got;
  }
  return {};
}

Result<std::string> read_small_file(Files& files, const std::string& path, std::size_t most_bytes) {
  auto file = files.open(path, OpenFor::reading);
  if (!file) return file.error();
  std::string text(most_bytes + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    auto got = (*file)->read_at(std::span(text).subspan(size), size);
    if (!got) return got.error();
    if (*got == 0) break;
    size += *got;
  }
  if (size > most_bytes) {
    return make_error(ErrorKind::invalid, fmt::format("{} is longer than {} bytes", path, most_bytes));
  }
  text.resize(size);
  return text;
}

std::string join_path(std::string_view folder, std::string_view name) {
  std::string path(folder);
  if (!path.empty() && path.back() != '/') path += '/';
  return path.append(name);
}

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace offpeak
