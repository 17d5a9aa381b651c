#include "sim/sim_vfs.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <stdexcept>

namespace offpeak::simtest {

namespace {

struct Mounted {
  SimDisk* disk = nullptr;
  SeededRandom random{0};
};

// SQLite knows its VFS by name in the whole process; what it leads to is therefore kept here.
struct Registry {
  std::map<std::string, Mounted, std::less<>> mounts;
  int last_error = 0;
  std::map<std::string, sqlite3*, std::less<>> connections;  // by file, the one opened last
};

Registry& registry() {
  static Registry all;
  return all;
}

Mounted* mounted_at(std::string_view path) {
  for (auto& [at, mounted] : registry().mounts) {
    if (path.starts_with(at)) return &mounted;
  }
  return nullptr;
}

struct VfsFile {
  sqlite3_file base;  // first: SQLite sees nothing else
  SimDisk* disk;
  Inode inode;
  const char* path;
  bool sync_folder;  // a journal that may be new: its name is made durable with the first sync, as SQLite's VFS does
  bool delete_on_close;
};

VfsFile& of(sqlite3_file* file) { return *reinterpret_cast<VfsFile*>(file); }

int fail(int error, int code) {
  registry().last_error = error;
  return error == ENOSPC || error == EDQUOT ? SQLITE_FULL : code;
}

int close_file(sqlite3_file* file) {
  auto& open = of(file);
  open.disk->close(open.inode);
  if (open.delete_on_close) open.disk->unlink(open.path);
  return SQLITE_OK;
}

int read_file(sqlite3_file* file, void* out, int amount, sqlite3_int64 offset) {
  std::size_t got = 0;
  const auto wanted = static_cast<std::size_t>(amount);
  auto* bytes = static_cast<char*>(out);
  auto& open = of(file);
  if (const int failed = open.disk->read(open.inode, {bytes, wanted}, static_cast<std::uint64_t>(offset), got)) {
    return fail(failed, SQLITE_IOERR_READ);
  }
  if (got == wanted) return SQLITE_OK;
  std::memset(bytes + got, 0, wanted - got);
  return SQLITE_IOERR_SHORT_READ;
}

int write_file(sqlite3_file* file, const void* data, int amount, sqlite3_int64 offset) {
  auto& open = of(file);
  const std::string_view bytes(static_cast<const char*>(data), static_cast<std::size_t>(amount));
  const int failed = open.disk->write(open.inode, static_cast<std::uint64_t>(offset), bytes);
  return failed == 0 ? SQLITE_OK : fail(failed, SQLITE_IOERR_WRITE);
}

int truncate_file(sqlite3_file* file, sqlite3_int64 size) {
  auto& open = of(file);
  const int failed = open.disk->truncate(open.inode, static_cast<std::uint64_t>(size));
  return failed == 0 ? SQLITE_OK : fail(failed, SQLITE_IOERR_TRUNCATE);
}

int sync_file(sqlite3_file* file, int) {
  auto& open = of(file);
  if (const int failed = open.disk->sync(open.inode)) return fail(failed, SQLITE_IOERR_FSYNC);
  if (open.sync_folder) {
    if (const int failed = open.disk->sync_folder(folder_of(open.path))) return fail(failed, SQLITE_IOERR_DIR_FSYNC);
    open.sync_folder = false;
  }
  return SQLITE_OK;
}

int size_of_file(sqlite3_file* file, sqlite3_int64* size) {
  auto& open = of(file);
  std::uint64_t bytes = 0;
  if (const int failed = open.disk->size(open.inode, bytes)) return fail(failed, SQLITE_IOERR_FSTAT);
  *size = static_cast<sqlite3_int64>(bytes);
  return SQLITE_OK;
}

int lock_file(sqlite3_file*, int) { return SQLITE_OK; }

int is_reserved(sqlite3_file*, int* out) {
  *out = 0;
  return SQLITE_OK;
}

int control_file(sqlite3_file*, int operation, void* argument) {
  if (operation == SQLITE_FCNTL_LAST_ERRNO) {
    *static_cast<int*>(argument) = registry().last_error;
    return SQLITE_OK;
  }
  return SQLITE_NOTFOUND;
}

int sector_size(sqlite3_file*) { return static_cast<int>(sector_bytes); }

int characteristics(sqlite3_file*) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; }

const sqlite3_io_methods& methods() {
  static const sqlite3_io_methods table = [] {
    sqlite3_io_methods m{};
    m.iVersion = 1;
    m.xClose = close_file;
    m.xRead = read_file;
    m.xWrite = write_file;
    m.xTruncate = truncate_file;
    m.xSync = sync_file;
    m.xFileSize = size_of_file;
    m.xLock = lock_file;
    m.xUnlock = lock_file;
    m.xCheckReservedLock = is_reserved;
    m.xFileControl = control_file;
    m.xSectorSize = sector_size;
    m.xDeviceCharacteristics = characteristics;
    return m;
  }();
  return table;
}

int open_vfs(sqlite3_vfs*, const char* path, sqlite3_file* file, int flags, int* flags_out) {
  std::memset(file, 0, sizeof(VfsFile));
  auto* mounted = path != nullptr ? mounted_at(path) : nullptr;
  if (mounted == nullptr) return SQLITE_CANTOPEN;
  const bool create = (flags & SQLITE_OPEN_CREATE) != 0;
  Inode inode = 0;
  if (const int failed = mounted->disk->open(path, create ? OpenFor::appending : OpenFor::reading, inode)) {
    return fail(failed, SQLITE_CANTOPEN);
  }
  auto& open = of(file);
  open.base.pMethods = &methods();
  open.disk = mounted->disk;
  open.inode = inode;
  open.path = path;
  open.sync_folder = create && (flags & (SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_WAL)) != 0;
  open.delete_on_close = (flags & SQLITE_OPEN_DELETEONCLOSE) != 0;
  if (flags_out != nullptr) *flags_out = flags;
  return SQLITE_OK;
}

int delete_vfs(sqlite3_vfs*, const char* path, int sync_folder) {
  auto* mounted = mounted_at(path);
  if (mounted == nullptr) return SQLITE_IOERR_DELETE;
  const int failed = mounted->disk->unlink(path);
  if (failed == ENOENT) return SQLITE_IOERR_DELETE_NOENT;
  if (failed != 0) return fail(failed, SQLITE_IOERR_DELETE);
  if (sync_folder == 0) return SQLITE_OK;
  const int unsynced = mounted->disk->sync_folder(folder_of(path));
  return unsynced == 0 ? SQLITE_OK : fail(unsynced, SQLITE_IOERR_DIR_FSYNC);
}

int access_vfs(sqlite3_vfs*, const char* path, int, int* out) {
  auto* mounted = mounted_at(path);
  FileInfo info;
  *out = 0;
  if (mounted == nullptr) return SQLITE_OK;
  const int failed = mounted->disk->info(path, info);
  if (failed != 0 && failed != ENOENT) return fail(failed, SQLITE_IOERR_ACCESS);
  // An empty journal counts as none, as SQLite's own VFS has it.
  *out = failed == 0 && info.bytes > 0 ? 1 : 0;
  return SQLITE_OK;
}

int full_path(sqlite3_vfs*, const char* path, int room, char* out) {
  sqlite3_snprintf(room, out, "%s", path);
  return SQLITE_OK;
}

int randomness(sqlite3_vfs*, int amount, char* out) {
  std::uint64_t word = 0;
  auto& mounts = registry().mounts;
  for (int i = 0; i < amount; ++i) {
    if (i % 8 == 0) word = mounts.empty() ? 0 : mounts.begin()->second.random.next();
    out[i] = static_cast<char>(word >> (8 * (i % 8)));
  }
  return amount;
}

int sleep_vfs(sqlite3_vfs*, int micros) { return micros; }

int current_time(sqlite3_vfs*, sqlite3_int64* out) {
  *out = 0;
  return SQLITE_OK;
}

int current_time_days(sqlite3_vfs*, double* out) {
  *out = 0;
  return SQLITE_OK;
}

int last_error(sqlite3_vfs*, int, char*) { return registry().last_error; }

int note_connection(sqlite3* db, const char**, const sqlite3_api_routines*) {
  const char* file = sqlite3_db_filename(db, "main");
  if (file != nullptr && *file != '\0') registry().connections[file] = db;
  return SQLITE_OK;
}

void install() {
  static sqlite3_vfs vfs = [] {
    sqlite3_vfs v{};
    v.iVersion = 2;
    v.szOsFile = sizeof(VfsFile);
    v.mxPathname = 512;
    v.zName = "offpeak-sim";
    v.xOpen = open_vfs;
    v.xDelete = delete_vfs;
    v.xAccess = access_vfs;
    v.xFullPathname = full_path;
    v.xRandomness = randomness;
    v.xSleep = sleep_vfs;
    v.xCurrentTime = current_time_days;
    v.xGetLastError = last_error;
    v.xCurrentTimeInt64 = current_time;
    return v;
  }();
  static const int installed = [] {
    const int code = sqlite3_vfs_register(&vfs, 1);
    return code == SQLITE_OK ? sqlite3_auto_extension(reinterpret_cast<void (*)()>(note_connection)) : code;
  }();
  if (installed != SQLITE_OK) throw std::runtime_error("SQLite refuses the simulated VFS");
}

}  // namespace

Mount::Mount(SimDisk& disk, std::string at, std::uint64_t seed) : at_(std::move(at)) {
  install();
  registry().mounts[at_] = Mounted{&disk, SeededRandom(seed)};
  registry().connections.clear();
}

Mount::~Mount() { registry().mounts.erase(at_); }

sqlite3* Mount::connection(const std::string& path) const {
  const auto found = registry().connections.find(path);
  return found == registry().connections.end() ? nullptr : found->second;
}

}  // namespace offpeak::simtest
