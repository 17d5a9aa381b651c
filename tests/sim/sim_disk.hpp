// Purpose   a disk in memory that forgets: what was written but not synced may be gone after a power cut
// Gets      file operations from SimFiles (the Files door) and from sim_vfs (SQLite)
// Gives     what a file system on a disk with a volatile cache gives; faults at any operation, by its number
// Promises  deterministic: the same operations and the same seed leave the same bytes. A sync makes a file's bytes
//           durable, sync_folder its names; names become durable in the order in which they were changed (as ext4's
//           journal does it). A sync that fails loses what it should have written, as Linux does
// When it fails  as it was told to: an errno once, or until repaired; dead, after which nothing has any effect
//
// Paths are absolute. One thread.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/files.hpp"
#include "base/random.hpp"

namespace offpeak::simtest {

inline constexpr std::uint64_t sector_bytes = 512;

using Inode = std::uint64_t;

// The content of a regular file: what readers see, and what would be left without power.
class SimFile {
 public:
  std::string bytes;
  std::string durable;
  std::int64_t modified_ns = 0;
  std::int64_t changed_ns = 0;
  std::uint32_t links = 0;
  std::uint32_t opened = 0;

  void write(std::uint64_t offset, std::string_view data);
  void truncate(std::uint64_t size);
  void sync();
  // What a sync that failed leaves: the bytes can be read, but nobody will write them any more.
  void forget_unsynced() { dirty_.clear(), size_dirty_ = false; }
  bool clean() const { return dirty_.empty() && !size_dirty_; }
  // Any of the sectors that were not synced may have reached the disk, or none, or the first ones.
  void power_cut(Random& random);

 private:
  std::map<std::uint64_t, std::uint64_t> dirty_;  // [begin, end) by begin, apart from each other
  bool size_dirty_ = false;
};

struct SimFolder {
  std::map<std::string, Inode> names;
  std::map<std::string, Inode> durable;
};

// Which operation fails, and how.
struct DiskFault {
  std::uint64_t at = 0;       // the number of the operation, counted from 1; 0: none
  int error = 0;              // an errno; 0: the disk dies at that operation
  bool until_repair = false;  // that operation and every one after it
};

class SimDisk {
 public:
  explicit SimDisk(Clock& clock);
  SimDisk(const SimDisk&) = delete;
  SimDisk& operator=(const SimDisk&) = delete;

  // ---- faults
  void plan(DiskFault fault) { fault_ = fault; }
  void repair() { fault_ = {}; }
  // Nothing has an effect any more, until revive().
  void die() { dead_ = true; }
  bool dead() const { return dead_; }
  void revive();
  // What was not durable is gone, or a part of it; then the disk is alive again.
  void power_cut(Random& random);
  std::uint64_t operations() const { return operations_; }
  std::uint64_t faults() const { return faults_; }
  void set_capacity(std::uint64_t bytes) { capacity_ = bytes; }
  std::uint64_t used_bytes() const;
  // Operations that the test itself does neither count nor fail while one of these lives.
  class Aside {
   public:
    explicit Aside(SimDisk& disk) : disk_(disk) { ++disk_.aside_; }
    ~Aside() { --disk_.aside_; }
    Aside(const Aside&) = delete;
    Aside& operator=(const Aside&) = delete;

   private:
    SimDisk& disk_;
  };

  // A deep copy of a folder, and its return in place of what is there: everything durable.
  using Tree = std::map<std::string, std::optional<std::string>>;  // path below it; no bytes: a folder
  Tree copy_tree(const std::string& folder) const;
  void replace_tree(const std::string& folder, const Tree& tree);

  // ---- operations; 0 or an errno
  int open(const std::string& path, OpenFor purpose, Inode& inode);
  void close(Inode inode);
  int read(Inode inode, std::span<char> buffer, std::uint64_t offset, std::size_t& got);
  int write(Inode inode, std::uint64_t offset, std::string_view data);
  int append(Inode inode, std::string_view data);
  int truncate(Inode inode, std::uint64_t size);
  int sync(Inode inode);
  int size(Inode inode, std::uint64_t& bytes);
  int info(const std::string& path, FileInfo& info);
  int info(Inode inode, FileInfo& info);
  int list(const std::string& folder, std::vector<FileInfo>& found);
  int make_folders(const std::string& path);
  int rename(const std::string& from, const std::string& to, bool replace);
  int unlink(const std::string& path);
  int remove_tree(const std::string& path);
  int sync_folder(const std::string& path);
  std::uint64_t free_bytes() const;
  std::uint64_t total_bytes() const { return capacity_; }

 private:
  struct Change {  // of one name in one folder; inode 0: the name goes
    Inode folder = 0;
    std::string name;
    Inode inode = 0;
  };
  using Entry = std::vector<Change>;  // changes that become durable together

  // Counts the operation; what it has to fail with.
  int enter();
  bool has_room(std::uint64_t more) const;
  SimFolder* folder(Inode inode);
  SimFile* file(Inode inode);
  std::optional<Inode> find(const std::string& path) const;
  // The folder in which the last name of the path stands.
  int parent(const std::string& path, Inode& folder, std::string& name) const;
  void change(Entry entry);
  void make_durable(std::size_t entries);
  void drop_unreachable();
  void count_links();
  Inode add_file();
  void touch(SimFile& file);
  FileInfo describe(const std::string& name, Inode inode) const;

  Clock& clock_;
  std::map<Inode, SimFile> files_;
  std::map<Inode, SimFolder> folders_;
  std::deque<Entry> journal_;  // not durable yet, in order
  Inode next_inode_ = 2;       // 1 is the root
  std::int64_t ticks_ = 0;     // distinguishes changes within a millisecond
  std::uint64_t operations_ = 0;
  std::uint64_t faults_ = 0;
  std::uint64_t capacity_ = UINT64_MAX;
  DiskFault fault_;
  bool dead_ = false;
  int aside_ = 0;
};

}  // namespace offpeak::simtest
