#include "ingest/intake_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "config/config.hpp"
#include "ingest/spool.hpp"

namespace offpeak {

namespace {

std::string_view type_name(FileType type) {
  switch (type) {
    case FileType::regular:
      return "a regular file";
    case FileType::folder:
      return "a folder";
    case FileType::symlink:
      return "a symbolic link";
    case FileType::other:
      return "a device, a pipe or a socket";
  }
  return "";
}

// Ends where the file ended when it was opened: a writer that appends as fast as we read is not chased for ever. That
// it did is seen by comparing.
class BoundedFile final : public File {
 public:
  BoundedFile(std::unique_ptr<File> file, std::uint64_t bytes) : file_(std::move(file)), bytes_(bytes) {}
  Result<std::size_t> read_at(std::span<char> buffer, std::uint64_t offset) override {
    const auto left = offset < bytes_ ? bytes_ - offset : 0;
    return file_->read_at(buffer.first(static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), left))), offset);
  }
  Result<void> append(std::string_view bytes) override { return file_->append(bytes); }
  Result<void> sync() override { return file_->sync(); }
  Result<FileInfo> info() override { return file_->info(); }

 private:
  std::unique_ptr<File> file_;
  std::uint64_t bytes_;
};

CheckSlice finished() {
  CheckSlice slice;
  slice.finished = true;
  return slice;
}

}  // namespace

IntakeCheck::IntakeCheck(Files& files, JsonChecker& json, std::string claimed, JobId id, std::string name,
                         const CheckSettings& settings)
    : files_(files), json_(json), claimed_(std::move(claimed)), id_(id), name_(std::move(name)), settings_(settings) {}

Result<CheckSlice> IntakeCheck::step(std::uint64_t budget) {
  if (refused_) return finished();
  if (!file_) {
    if (auto opened = open(); !opened) return opened.error();
    if (refused_) return finished();
    if (kind_.compression == Compression::none) {
      begin_data();
      return CheckSlice{};
    }
    decompression_.emplace(*file_, kind_.compression, settings_.file_bytes_max);
    if (auto begun = decompression_->begin(files_, data_path(claimed_, id_)); !begun) return begun.error();
    return CheckSlice{};
  }
  if (!check_) return unpack(budget);
  auto slice = check_->step(budget);
  if (slice && slice->finished) {
    if (auto compared = compare(); !compared) return compared.error();
  }
  return slice;
}

// Looks before it opens: opening a device may do something. The open file is looked at again, since names can
// change.
Result<void> IntakeCheck::open() {
  const auto path = claimed_path(claimed_, id_);
  const auto named = files_.info(path);
  if (!named) return named.error();
  if (!is_plain(*named)) return {};
  const auto kind = file_kind(name_);
  if (!kind) {
    refuse(kind.error().message, kind.error().hint);
    return {};
  }
  kind_ = *kind;
  auto opened = files_.open(path, OpenFor::reading);
  if (!opened && opened.error().os_error == EACCES) {
    refuse("the file may not be read", "chmod g+r it and drop it again");
    return {};
  }
  if (!opened) return opened.error();
  const auto info = (*opened)->info();
  if (!info) return info.error();
  before_ = *info;
  file_ = std::make_shared<BoundedFile>(std::move(*opened), info->bytes);
  if (is_plain(*info) && kind_.compression == Compression::none && info->bytes > settings_.file_bytes_max) {
    refuse(fmt::format("the file has {} bytes; at most {} are taken", info->bytes, settings_.file_bytes_max),
           "split it, or raise intake.max_file_bytes");
  }
  return {};
}

bool IntakeCheck::is_plain(const FileInfo& info) {
  if (info.type != FileType::regular) {
    refuse(fmt::format("not a regular file but {}", type_name(info.type)), "drop the file itself");
  } else if (info.links != 1) {
    refuse(fmt::format("the file has {} hard links; only a file with one name is taken", info.links),
           "copy it, or move it without leaving a link behind");
  }
  return !refused_;
}

Result<CheckSlice> IntakeCheck::unpack(std::uint64_t budget) {
  const auto done = unpack_some(budget);
  if (!done && done.error().kind != ErrorKind::invalid) {
    // Whatever is waited for now, the space is not kept from others meanwhile.
    decompression_.reset();
    if (auto removed = files_.remove(data_path(claimed_, id_)); !removed) return removed.error();
    return done.error();
  }
  if (!done) {
    // A file that is still being written to looks truncated.
    refuse(done.error().message, done.error().hint);
    if (auto compared = compare(); !compared) return compared.error();
    return finished();
  }
  if (!*done) return CheckSlice{};
  decompression_.reset();
  auto opened = files_.open(data_path(claimed_, id_), OpenFor::reading);
  if (!opened) return opened.error();
  data_ = std::move(*opened);
  check_.emplace(*data_, files_, json_, kind_.format, settings_, ids_path(claimed_, id_));
  return CheckSlice{};
}

Result<bool> IntakeCheck::unpack_some(std::uint64_t budget) {
  const auto space = files_.space(claimed_);
  if (!space) return space.error();
  const bool begun = decompression_->bytes_written() >= budget;
  const bool enough = space->free >= left_alone(settings_.reserve_bytes, space->total) + budget;
  auto done = enough ? decompression_->step(budget) : not_enough(*space, budget);
  no_room_ = begun && !done && done.error().kind == ErrorKind::disk_full;
  return done;
}

Result<bool> IntakeCheck::not_enough(const DiskSpace& space, std::uint64_t budget) const {
  const auto reserve = left_alone(settings_.reserve_bytes, space.total);
  const auto written = decompression_->bytes_written();
  return make_error(ErrorKind::disk_full,
                    fmt::format("the file needs more than {} bytes of free space to be unpacked ({} of them are left "
                                "alone: intake.reserve); {} are free",
                                written + budget + reserve, reserve, space.free + written),
                    "free some space, or split the file");
}

void IntakeCheck::begin_data() {
  data_ = file_;
  check_.emplace(*data_, files_, json_, kind_.format, settings_, ids_path(claimed_, id_));
}

Result<void> IntakeCheck::compare() {
  const auto after = file_->info();
  if (!after) return after.error();
  changed_ = *after != before_;
  return {};
}

void IntakeCheck::refuse(std::string message, std::string hint) {
  refused_.emplace();
  refused_->add(std::move(message), std::move(hint));
}

std::string IntakeCheck::data_name() const {
  return kind_.compression == Compression::none ? claimed_name(id_) : offpeak::data_name(id_);
}

}  // namespace offpeak
