#include "sim/sim_files.hpp"

#include <cerrno>

namespace offpeak::simtest {

namespace {

Result<void> done(std::string_view doing, std::string_view what, int failed) {
  if (failed != 0) return os_error(doing, what, failed);
  return {};
}

class OpenSimFile final : public File {
 public:
  OpenSimFile(SimDisk& disk, Inode inode, std::string path) : disk_(disk), inode_(inode), path_(std::move(path)) {}
  ~OpenSimFile() override { disk_.close(inode_); }
  OpenSimFile(const OpenSimFile&) = delete;
  OpenSimFile& operator=(const OpenSimFile&) = delete;

  Result<std::size_t> read_at(std::span<char> buffer, std::uint64_t offset) override {
    std::size_t got = 0;
    if (const int failed = disk_.read(inode_, buffer, offset, got); failed != 0) return os_error("read", path_, failed);
    return got;
  }
  Result<void> append(std::string_view bytes) override {
    return done("write", path_, bytes.empty() ? 0 : disk_.append(inode_, bytes));
  }
  Result<void> sync() override { return done("sync", path_, disk_.sync(inode_)); }
  Result<FileInfo> info() override {
    FileInfo info;
    if (const int failed = disk_.info(inode_, info); failed != 0) return os_error("look at", path_, failed);
    info.name = path_.substr(path_.rfind('/') + 1);
    return info;
  }

 private:
  SimDisk& disk_;
  Inode inode_;
  std::string path_;
};

}  // namespace

Result<std::unique_ptr<File>> SimFiles::open(const std::string& path, OpenFor purpose) {
  Inode inode = 0;
  if (const int failed = disk_.open(path, purpose, inode); failed != 0) return os_error("open", path, failed);
  return std::unique_ptr<File>(new OpenSimFile(disk_, inode, path));
}

Result<FileInfo> SimFiles::info(const std::string& path) {
  FileInfo info;
  if (const int failed = disk_.info(path, info); failed != 0) return os_error("look at", path, failed);
  return info;
}

Result<std::vector<FileInfo>> SimFiles::list(const std::string& folder) {
  std::vector<FileInfo> found;
  if (const int failed = disk_.list(folder, found); failed != 0) return os_error("list", folder, failed);
  return found;
}

Result<void> SimFiles::make_folders(const std::string& path, unsigned) {
  return done("make the folder", path, disk_.make_folders(path));
}

Result<void> SimFiles::move_as(const std::string& from, const std::string& to, bool replace) {
  if (const int failed = disk_.rename(from, to, replace); failed != 0) {
    return os_error("move", from + " to " + to, failed);
  }
  return {};
}

Result<void> SimFiles::sync_both(const std::string& from, const std::string& to) {
  if (auto synced = sync_folder(folder_of(to)); !synced) return synced;
  return sync_folder(folder_of(from));
}

Result<void> SimFiles::move(const std::string& from, const std::string& to) {
  if (auto moved = move_as(from, to, true); !moved) return moved;
  return sync_both(from, to);
}

Result<void> SimFiles::move_new(const std::string& from, const std::string& to) {
  if (auto moved = move_as(from, to, false); !moved) return moved;
  return sync_both(from, to);
}

Result<void> SimFiles::move_unsynced(const std::string& from, const std::string& to) { return move_as(from, to, true); }

Result<void> SimFiles::remove(const std::string& path) {
  const int failed = disk_.unlink(path);
  return done("remove", path, failed == ENOENT ? 0 : failed);
}

Result<void> SimFiles::remove_tree(const std::string& path) { return done("remove", path, disk_.remove_tree(path)); }

Result<void> SimFiles::sync_folder(const std::string& path) {
  return done("sync the folder", path, disk_.sync_folder(path));
}

Result<void> SimFiles::set_mode(const std::string&, unsigned, const std::string&) { return {}; }

Result<DiskSpace> SimFiles::space(const std::string&) { return DiskSpace{disk_.free_bytes(), disk_.total_bytes()}; }

// What drops files in the simulation closes them.
Writers SimFiles::writers(const std::string&) { return Writers::none; }

bool SimFiles::writable(const std::string&) { return true; }

}  // namespace offpeak::simtest
