// The operations of SimDisk: each counts, may be told to fail, and has no effect on a dead disk.
#include <algorithm>
#include <cerrno>
#include <span>

#include "sim/sim_disk.hpp"

namespace offpeak::simtest {

int SimDisk::open(const std::string& path, OpenFor purpose, Inode& inode) {
  if (const int failed = enter(); failed != 0) return failed;
  Inode in = 0;
  std::string name;
  if (const int failed = parent(path, in, name); failed != 0) return failed;
  auto& names = folders_.at(in).names;
  const auto found = names.find(name);
  if (found == names.end()) {
    if (purpose == OpenFor::reading) return ENOENT;
    if (!has_room(1)) return ENOSPC;
    inode = add_file();
    change({{in, name, inode}});
  } else {
    if (purpose == OpenFor::writing_new) return EEXIST;
    inode = found->second;
    auto* existing = file(inode);
    if (existing == nullptr) return purpose == OpenFor::reading ? ELOOP : EISDIR;
    if (purpose == OpenFor::rewriting && !existing->bytes.empty()) {
      existing->truncate(0);
      touch(*existing);
    }
  }
  ++files_.at(inode).opened;
  return 0;
}

void SimDisk::close(Inode inode) {
  auto* closed = file(inode);
  if (closed == nullptr) return;
  if (closed->opened > 0) --closed->opened;
}

int SimDisk::read(Inode inode, std::span<char> buffer, std::uint64_t offset, std::size_t& got) {
  if (const int failed = enter(); failed != 0) return failed;
  const auto* from = file(inode);
  if (from == nullptr) return EIO;
  got = 0;
  if (offset >= from->bytes.size()) return 0;
  got = from->bytes.copy(buffer.data(), buffer.size(), offset);
  return 0;
}

int SimDisk::write(Inode inode, std::uint64_t offset, std::string_view data) {
  if (const int failed = enter(); failed != 0) return failed;
  auto* to = file(inode);
  if (to == nullptr) return EIO;
  const auto end = offset + data.size();
  if (end > to->bytes.size() && !has_room(end - to->bytes.size())) return ENOSPC;
  to->write(offset, data);
  touch(*to);
  return 0;
}

// A disk that fills up takes what fits, as write(2) does.
int SimDisk::append(Inode inode, std::string_view data) {
  if (const int failed = enter(); failed != 0) return failed;
  auto* to = file(inode);
  if (to == nullptr) return EIO;
  const bool fits = has_room(data.size());
  const auto room = fits ? data.size() : std::min<std::uint64_t>(data.size(), free_bytes());
  to->write(to->bytes.size(), data.substr(0, room));
  touch(*to);
  return fits ? 0 : ENOSPC;
}

int SimDisk::truncate(Inode inode, std::uint64_t size) {
  if (const int failed = enter(); failed != 0) return failed;
  auto* to = file(inode);
  if (to == nullptr) return EIO;
  to->truncate(size);
  touch(*to);
  return 0;
}

int SimDisk::sync(Inode inode) {
  auto* synced = file(inode);
  const bool was_dead = dead_;
  if (const int failed = enter(); failed != 0) {
    if (synced != nullptr && !was_dead && !dead_) synced->forget_unsynced();
    return failed;
  }
  if (synced == nullptr) return EIO;
  synced->sync();
  return 0;
}

int SimDisk::size(Inode inode, std::uint64_t& bytes) {
  if (dead_ && aside_ == 0) return EIO;
  const auto* of = file(inode);
  if (of == nullptr) return EIO;
  bytes = of->bytes.size();
  return 0;
}

int SimDisk::info(const std::string& path, FileInfo& info) {
  if (const int failed = enter(); failed != 0) return failed;
  const auto found = find(path);
  if (!found) return ENOENT;
  info = describe(path.substr(path.rfind('/') + 1), *found);
  return 0;
}

int SimDisk::info(Inode inode, FileInfo& info) {
  if (const int failed = enter(); failed != 0) return failed;
  if (file(inode) == nullptr) return EIO;
  info = describe("", inode);
  return 0;
}

int SimDisk::list(const std::string& path, std::vector<FileInfo>& found) {
  if (const int failed = enter(); failed != 0) return failed;
  const auto at = find(path);
  if (!at) return ENOENT;
  const auto* listed = folder(*at);
  if (listed == nullptr) return ENOTDIR;
  for (const auto& [name, inode] : listed->names) found.push_back(describe(name, inode));
  return 0;
}

int SimDisk::make_folders(const std::string& path) {
  if (const int failed = enter(); failed != 0) return failed;
  std::size_t end = 0;
  do {
    end = std::min(path.find('/', end + 1), path.size());
    const auto made = path.substr(0, end);
    if (const auto there = find(made)) {
      if (!folders_.contains(*there)) return ENOTDIR;
      continue;
    }
    if (!has_room(1)) return ENOSPC;
    Inode in = 0;
    std::string name;
    if (const int failed = parent(made, in, name); failed != 0) return failed;
    const auto inode = next_inode_++;
    folders_[inode];
    change({{in, name, inode}});
  } while (end < path.size());
  return 0;
}

int SimDisk::rename(const std::string& from, const std::string& to, bool replace) {
  if (const int failed = enter(); failed != 0) return failed;
  Inode from_folder = 0;
  Inode to_folder = 0;
  std::string from_name;
  std::string to_name;
  if (const int failed = parent(from, from_folder, from_name); failed != 0) return failed;
  if (const int failed = parent(to, to_folder, to_name); failed != 0) return failed;
  const auto& names = folders_.at(from_folder).names;
  const auto moved = names.find(from_name);
  if (moved == names.end()) return ENOENT;
  const auto inode = moved->second;
  auto& target = folders_.at(to_folder).names;
  if (const auto taken = target.find(to_name); taken != target.end()) {
    if (!replace) return EEXIST;
    const auto* old = folder(taken->second);
    if (old != nullptr && !old->names.empty()) return ENOTEMPTY;
    if ((old != nullptr) != (folder(inode) != nullptr)) return old != nullptr ? EISDIR : ENOTDIR;
  }
  change({{from_folder, from_name, 0}, {to_folder, to_name, inode}});
  if (auto* file_moved = file(inode))
    file_moved->changed_ns = to_millis(clock_.now()) * 1'000'000 + (++ticks_ % 1'000'000);
  return 0;
}

int SimDisk::unlink(const std::string& path) {
  if (const int failed = enter(); failed != 0) return failed;
  Inode in = 0;
  std::string name;
  if (const int failed = parent(path, in, name); failed != 0) return failed;
  const auto& names = folders_.at(in).names;
  const auto found = names.find(name);
  if (found == names.end()) return ENOENT;
  if (folders_.contains(found->second)) return EISDIR;
  change({{in, name, 0}});
  return 0;
}

int SimDisk::remove_tree(const std::string& path) {
  if (const int failed = enter(); failed != 0) return failed;
  const auto top = find(path);
  if (!top) return 0;
  if (const auto* below = folder(*top)) {
    std::vector<std::string> names;
    for (const auto& [name, inode] : below->names) names.push_back(name);
    for (const auto& name : names) {
      if (const int failed = remove_tree(path + "/" + name); failed != 0) return failed;
    }
  }
  Inode in = 0;
  std::string name;
  if (const int failed = parent(path, in, name); failed != 0) return failed;
  change({{in, name, 0}});
  return 0;
}

int SimDisk::sync_folder(const std::string& path) {
  if (const int failed = enter(); failed != 0) return failed;
  const auto at = find(path);
  if (!at) return ENOENT;
  if (folder(*at) == nullptr) return ENOTDIR;
  const auto touches = [&](const Entry& entry) {
    return std::any_of(entry.begin(), entry.end(), [&](const Change& one) { return one.folder == *at; });
  };
  const auto last = std::find_if(journal_.rbegin(), journal_.rend(), touches);
  make_durable(static_cast<std::size_t>(journal_.rend() - last));
  return 0;
}

}  // namespace offpeak::simtest
