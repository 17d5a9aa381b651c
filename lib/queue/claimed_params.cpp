#include "queue/claimed_params.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/digest.hpp"

namespace offpeak {

namespace {

constexpr std::size_t block_bytes = 256 * 1024;

}  // namespace

Result<std::string_view> ClaimedParams::read(const JobBytes& job, const LineEntry& line) {
  if (!file_ || job_ != job.job) {
    file_.reset();
    auto opened = files_.open(join_path(claimed_, job.data_name), OpenFor::reading);
    if (!opened) return in_context(fmt::format("job {}", job.job.value), opened.error());
    file_ = std::move(*opened);
    job_ = job.job;
    filled_ = 0;
  }
  const auto offset = line.offset + line.params_offset;
  if (offset < begin_ || offset + line.params_bytes > begin_ + filled_) {
    if (auto got = fill(offset, line.params_bytes); !got) return got.error();
  }
  const auto params = std::string_view(buffer_).substr(offset - begin_, line.params_bytes);
  if (checksum32(params) == line.checksum) return params;
  return make_error(ErrorKind::invalid,
                    fmt::format("job {}, byte {} of claimed/{}: these bytes are not what was accepted", job.job.value,
                                line.offset, job.data_name));
}

Result<void> ClaimedParams::fill(std::uint64_t offset, std::size_t bytes) {
  buffer_.resize(std::max(block_bytes, bytes));
  begin_ = offset;
  filled_ = 0;
  while (filled_ < bytes) {
    auto got = file_->read_at(std::span(buffer_).subspan(filled_), offset + filled_);
    if (!got) {
      filled_ = 0;
      return got.error();
    }
    if (*got == 0) {
      filled_ = 0;
      return make_error(ErrorKind::invalid, fmt::format("job {}: its claimed file is shorter than it was", job_.value));
    }
    filled_ += *got;
  }
  return {};
}

}  // namespace offpeak
