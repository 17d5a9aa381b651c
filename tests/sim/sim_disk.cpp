#include "sim/sim_disk.hpp"

#include <algorithm>
#include <cerrno>

namespace offpeak::simtest {

namespace {

constexpr Inode root = 1;

std::vector<std::string> parts_of(const std::string& path) {
  std::vector<std::string> parts;
  std::size_t begin = 0;
  while (begin < path.size()) {
    const auto end = std::min(path.find('/', begin), path.size());
    if (end > begin) parts.push_back(path.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

}  // namespace

void SimFile::write(std::uint64_t offset, std::string_view data) {
  if (data.empty()) return;
  const auto end = offset + data.size();
  if (end > bytes.size()) {
    bytes.resize(end, '\0');
    size_dirty_ = true;
  }
  data.copy(bytes.data() + offset, data.size());
  // Joined with the ranges that it touches.
  auto begin = offset;
  auto last = end;
  auto at = dirty_.upper_bound(offset);
  if (at != dirty_.begin() && std::prev(at)->second >= offset) --at;
  while (at != dirty_.end() && at->first <= last) {
    begin = std::min(begin, at->first);
    last = std::max(last, at->second);
    at = dirty_.erase(at);
  }
  dirty_.emplace(begin, last);
}

void SimFile::truncate(std::uint64_t size) {
  if (size == bytes.size()) return;
  bytes.resize(size, '\0');
  size_dirty_ = true;
  for (auto at = dirty_.begin(); at != dirty_.end();) {
    at->second = std::min(at->second, size);
    at = at->first >= at->second ? dirty_.erase(at) : std::next(at);
  }
}

void SimFile::sync() {
  // The length is the file system's own: it becomes durable even where bytes before its end were lost.
  durable.resize(bytes.size(), '\0');
  for (const auto& [begin, end] : dirty_) bytes.copy(durable.data() + begin, end - begin, begin);
  forget_unsynced();
}

void SimFile::power_cut(Random& random) {
  enum class Keep : std::uint8_t { nothing, everything, some, first };
  const auto keep = static_cast<Keep>(random.below(4));
  if (keep == Keep::everything) sync();
  if (keep == Keep::some || keep == Keep::first) {
    std::uint64_t sectors = 0;
    for (const auto& [begin, end] : dirty_) sectors += end / sector_bytes - begin / sector_bytes + 1;
    const auto first = random.below(sectors + 1);
    std::uint64_t number = 0;
    const auto before = durable.size();
    for (const auto& [begin, end] : dirty_) {
      for (auto at = begin; at < end;) {
        const auto until = std::min(end, (at / sector_bytes + 1) * sector_bytes);
        const bool kept = keep == Keep::first ? number < first : random.below(2) == 0;
        ++number;
        if (kept) {
          if (until > durable.size()) durable.resize(until, '\0');
          bytes.copy(durable.data() + at, until - at, at);
        }
        at = until;
      }
    }
    // The new length may have become durable without all of its bytes, and a shorter one without them.
    if (size_dirty_ && random.below(2) == 0) durable.resize(bytes.size(), '\0');
    if (size_dirty_ && bytes.size() < before && random.below(2) == 0) durable.resize(bytes.size());
  }
  forget_unsynced();
  bytes = durable;
}

SimDisk::SimDisk(Clock& clock) : clock_(clock) { folders_[root]; }

int SimDisk::enter() {
  if (aside_ > 0) return 0;
  if (dead_) return EIO;
  ++operations_;
  if (fault_.at == 0 || operations_ < fault_.at) return 0;
  if (operations_ > fault_.at && !fault_.until_repair) return 0;
  ++faults_;
  if (fault_.error == 0) {
    dead_ = true;
    return EIO;
  }
  return fault_.error;
}

void SimDisk::revive() {
  dead_ = false;
  fault_ = {};
}

void SimDisk::power_cut(Random& random) {
  make_durable(random.below(journal_.size() + 1));
  journal_.clear();
  for (auto& [inode, folder] : folders_) folder.names = folder.durable;
  for (auto& [inode, file] : files_) {
    if (!file.clean() || file.bytes != file.durable) file.power_cut(random);
    file.opened = 0;
  }
  drop_unreachable();
  count_links();
  revive();
}

void SimDisk::count_links() {
  for (auto& [inode, file] : files_) file.links = 0;
  for (const auto& [inode, folder] : folders_) {
    for (const auto& [name, named] : folder.names) {
      if (auto* found = file(named)) ++found->links;
    }
  }
}

std::uint64_t SimDisk::used_bytes() const {
  std::uint64_t used = 0;
  for (const auto& [inode, file] : files_) used += file.links > 0 || file.opened > 0 ? file.bytes.size() : 0;
  return used;
}

std::uint64_t SimDisk::free_bytes() const {
  const auto used = used_bytes();
  return used < capacity_ ? capacity_ - used : 0;
}

bool SimDisk::has_room(std::uint64_t more) const {
  return aside_ > 0 || capacity_ == UINT64_MAX || used_bytes() + more <= capacity_;
}

SimFolder* SimDisk::folder(Inode inode) {
  const auto found = folders_.find(inode);
  return found == folders_.end() ? nullptr : &found->second;
}

SimFile* SimDisk::file(Inode inode) {
  const auto found = files_.find(inode);
  return found == files_.end() ? nullptr : &found->second;
}

std::optional<Inode> SimDisk::find(const std::string& path) const {
  Inode at = root;
  for (const auto& part : parts_of(path)) {
    const auto here = folders_.find(at);
    if (here == folders_.end()) return std::nullopt;
    const auto next = here->second.names.find(part);
    if (next == here->second.names.end()) return std::nullopt;
    at = next->second;
  }
  return at;
}

int SimDisk::parent(const std::string& path, Inode& folder, std::string& name) const {
  auto parts = parts_of(path);
  if (parts.empty()) return EISDIR;
  name = parts.back();
  const auto found = find(folder_of(path));
  if (!found) return ENOENT;
  if (!folders_.contains(*found)) return ENOTDIR;
  folder = *found;
  return 0;
}

void SimDisk::change(Entry entry) {
  for (const auto& one : entry) {
    auto& names = folders_.at(one.folder).names;
    const auto old = names.find(one.name);
    if (auto* named = old != names.end() ? file(old->second) : nullptr) --named->links;
    if (one.inode == 0) {
      names.erase(one.name);
    } else {
      names[one.name] = one.inode;
      if (auto* named = file(one.inode)) ++named->links;
    }
  }
  journal_.push_back(std::move(entry));
}

void SimDisk::make_durable(std::size_t entries) {
  for (; entries > 0; --entries) {
    for (const auto& one : journal_.front()) {
      const auto found = folders_.find(one.folder);
      if (found == folders_.end()) continue;
      if (one.inode == 0) {
        found->second.durable.erase(one.name);
      } else {
        found->second.durable[one.name] = one.inode;
      }
    }
    journal_.pop_front();
  }
  if (journal_.empty()) drop_unreachable();
}

// What neither a name, nor a durable name, nor an open file leads to.
void SimDisk::drop_unreachable() {
  std::set<Inode> reached{root};
  std::vector<Inode> todo{root};
  const auto reach = [&](Inode inode) {
    if (reached.insert(inode).second) todo.push_back(inode);
  };
  while (!todo.empty()) {
    const auto at = folders_.find(todo.back());
    todo.pop_back();
    if (at == folders_.end()) continue;
    for (const auto& [name, inode] : at->second.names) reach(inode);
    for (const auto& [name, inode] : at->second.durable) reach(inode);
  }
  std::erase_if(folders_, [&](const auto& entry) { return !reached.contains(entry.first); });
  std::erase_if(files_, [&](const auto& entry) { return !reached.contains(entry.first) && entry.second.opened == 0; });
}

Inode SimDisk::add_file() {
  const auto inode = next_inode_++;
  touch(files_[inode]);
  return inode;
}

void SimDisk::touch(SimFile& file) {
  file.modified_ns = to_millis(clock_.now()) * 1'000'000 + (++ticks_ % 1'000'000);
  file.changed_ns = file.modified_ns;
}

FileInfo SimDisk::describe(const std::string& name, Inode inode) const {
  FileInfo info;
  info.name = name;
  info.inode = inode;
  if (const auto found = files_.find(inode); found != files_.end()) {
    info.type = FileType::regular;
    info.bytes = found->second.bytes.size();
    info.links = found->second.links;
    info.modified_ns = found->second.modified_ns;
    info.changed_ns = found->second.changed_ns;
  } else {
    info.type = FileType::folder;
    info.links = 2;
  }
  return info;
}

SimDisk::Tree SimDisk::copy_tree(const std::string& folder) const {
  Tree tree;
  const auto top = find(folder);
  if (!top) return tree;
  std::vector<std::pair<std::string, Inode>> todo{{"", *top}};
  while (!todo.empty()) {
    const auto [path, inode] = todo.back();
    todo.pop_back();
    if (const auto found = files_.find(inode); found != files_.end()) {
      tree[path] = found->second.bytes;
      continue;
    }
    if (!path.empty()) tree[path] = std::nullopt;
    for (const auto& [name, child] : folders_.at(inode).names) todo.emplace_back(path + "/" + name, child);
  }
  return tree;
}

void SimDisk::replace_tree(const std::string& folder, const Tree& tree) {
  const Aside aside(*this);
  remove_tree(folder);
  make_folders(folder);
  for (const auto& [path, bytes] : tree) {
    if (!bytes) {
      make_folders(folder + path);
      continue;
    }
    Inode inode = 0;
    if (open(folder + path, OpenFor::rewriting, inode) != 0) continue;
    append(inode, *bytes);
    sync(inode);
    close(inode);
  }
  make_durable(journal_.size());
}

}  // namespace offpeak::simtest
