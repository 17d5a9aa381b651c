#include "ingest/check_file.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include "ingest/decompress.hpp"
#include "ingest/file_kind.hpp"

namespace offpeak {

namespace {

constexpr std::uint64_t step_bytes = 16 * 1024 * 1024;

// A file that is removed when this dies.
struct ScratchFile {
  Files& files;
  std::string path;
  ~ScratchFile() { [[maybe_unused]] const auto removed = files.remove(path); }
};

CheckReport refused(const Error& error) {
  ErrorReport report;
  report.add(error.message, error.hint);
  CheckReport result;
  result.error_count = 1;
  result.errors = report.errors();
  result.rejected = true;
  return result;
}

Result<void> unpack_whole(Files& files, File& from, Compression compression, const std::string& to,
                          std::uint64_t bytes_max) {
  Decompression decompression(from, compression, bytes_max);
  if (auto begun = decompression.begin(files, to); !begun) return begun;
  for (;;) {
    const auto done = decompression.step(step_bytes);
    if (!done) return done.error();
    if (*done) return {};
  }
}

Result<CheckReport> check_whole(FileCheck& check) {
  for (;;) {
    auto slice = check.step(step_bytes);
    if (!slice) return slice.error();
    if (slice->finished) break;
  }
  CheckReport result;
  result.requests = check.requests();
  result.skipped = check.skipped();
  result.bytes = check.bytes();
  result.error_count = check.report().count();
  result.errors = check.report().errors();
  result.rejected = check.rejected();
  result.options = check.options();
  return result;
}

}  // namespace

Result<CheckReport> check_file(Files& files, const std::string& path, const std::string& name,
                               const std::string& scratch_folder, const CheckSettings& settings,
                               RequestVisitor visitor) {
  const auto kind = file_kind(name);
  if (!kind) return refused(kind.error());
  auto file = files.open(path, OpenFor::reading);
  if (!file) return file.error();
  const auto info = (*file)->info();
  if (!info) return info.error();
  if (info->type != FileType::regular)
    return make_error(ErrorKind::invalid, fmt::format("{} is not a regular file", path));
  const auto stem = join_path(scratch_folder, fmt::format(".offpeak-check-{}-{}", ::getpid(), info->inode));
  const ScratchFile data{files, stem + ".data"};
  if (kind->compression != Compression::none) {
    if (auto unpacked = unpack_whole(files, **file, kind->compression, data.path, settings.file_bytes_max); !unpacked) {
      if (unpacked.error().kind == ErrorKind::invalid) return refused(unpacked.error());
      return unpacked.error();
    }
    file = files.open(data.path, OpenFor::reading);
    if (!file) return file.error();
  } else if (info->bytes > settings.file_bytes_max) {
    return refused(
        make_error(ErrorKind::invalid, fmt::format("the file has more than {} bytes", settings.file_bytes_max)));
  }
  JsonChecker json;
  FileCheck check(**file, files, json, kind->format, settings, stem + ".ids");
  check.visit(std::move(visitor));
  return check_whole(check);
}

}  // namespace offpeak
