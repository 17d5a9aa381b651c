#include "ingest/decompress.hpp"

#include <fmt/format.h>

namespace offpeak {

namespace {

constexpr std::size_t block_bytes = 256 * 1024;

}  // namespace

Decompression::Decompression(File& from, Compression compression, std::uint64_t bytes_max)
    : from_(from),
      unpacker_(make_unpacker(compression)),
      bytes_max_(bytes_max),
      input_(block_bytes, '\0'),
      output_(block_bytes, '\0') {}

Result<void> Decompression::begin(Files& files, const std::string& to) {
  auto file = files.open(to, OpenFor::rewriting);
  if (!file) return file.error();
  to_ = std::move(*file);
  return {};
}

Result<bool> Decompression::step(std::uint64_t budget) {
  for (std::uint64_t out = 0; out < budget;) {
    auto wrote = unpacker_->unpack(pending_, output_);
    if (!wrote)
      return in_context(fmt::format("byte {} of the compressed file", read_ - pending_.size()), wrote.error());
    if (*wrote == 0) {
      auto more = refill();
      if (!more) return more.error();
      if (*more) continue;
      if (!unpacker_->complete()) {
        return make_error(ErrorKind::invalid, "the compressed file is truncated",
                          "copy it again, or compress it again");
      }
      return true;
    }
    written_ += *wrote;
    out += *wrote;
    if (written_ > bytes_max_) {
      return make_error(ErrorKind::invalid,
                        fmt::format("the file has more than {} bytes after decompression", bytes_max_),
                        "split it, or raise intake.max_file_bytes");
    }
    if (auto appended = to_->append(std::string_view(output_).substr(0, *wrote)); !appended) return appended.error();
  }
  return false;
}

Result<bool> Decompression::refill() {
  auto got = from_.read_at(input_, read_);
  if (!got) return got.error();
  read_ += *got;
  pending_ = std::string_view(input_).substr(0, *got);
  return *got > 0;
}

}  // namespace offpeak
