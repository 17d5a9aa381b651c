#include "queue/late_bytes.hpp"

#include <fmt/format.h>

#include "base/digest.hpp"

namespace offpeak {

namespace {

constexpr std::size_t block_bytes = 1024 * 1024;

Result<Digest128> digest_of(Files& files, const std::string& path) {
  const auto file = files.open(path, OpenFor::reading);
  if (!file) return file.error();
  DigestStream digest;
  std::string block(block_bytes, '\0');
  for (std::uint64_t offset = 0;;) {
    const auto got = (*file)->read_at(block, offset);
    if (!got) return got.error();
    if (*got == 0) return digest.value();
    digest.update(std::string_view(block).substr(0, *got));
    offset += *got;
  }
}

}  // namespace

std::string changed_since_taken(Files& files, const std::string& claimed, const Job& job, const TakenFile& taken) {
  const auto name = fmt::format("{}", job.id.value);
  const auto path = join_path(claimed, name);
  const auto info = files.info(path);
  if (!info) return "";
  if (info->bytes > taken.bytes) {
    return fmt::format("{} bytes were written to the file after job {} had taken it: they are in no job",
                       info->bytes - taken.bytes, job.id.value);
  }
  // A copy that was put back has another time and the same bytes.
  if (info->bytes == taken.bytes && info->modified_ns == taken.modified_ns) return "";
  if (info->bytes == taken.bytes && job.data_name == name) {
    const auto digest = digest_of(files, path);
    if (!digest || *digest == job.digest) return "";
  }
  return fmt::format("the file was changed after job {} had taken it: what it held then is not what it holds now",
                     job.id.value);
}

}  // namespace offpeak
