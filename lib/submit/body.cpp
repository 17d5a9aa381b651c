#include "submit/body.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/digest.hpp"
#include "model/params.hpp"

namespace offpeak {

namespace {

constexpr std::size_t block_bytes = 512 * 1024;

}  // namespace

// Reads slices of one claimed file in rising order through one buffer.
class IntentBody::ClaimedReader {
 public:
  ClaimedReader(JobId job, std::unique_ptr<File> file) : job_(job), file_(std::move(file)) {}
  JobId job() const { return job_; }

  Result<std::string_view> slice(std::uint64_t offset, std::uint32_t bytes) {
    if (offset < begin_ || offset + bytes > begin_ + filled_) {
      buffer_.resize(std::max<std::size_t>(block_bytes, bytes));
      filled_ = 0;
      begin_ = offset;
      while (filled_ < bytes) {
        auto got = file_->read_at(std::span(buffer_).subspan(filled_), offset + filled_);
        if (!got) return got.error();
        if (*got == 0) return make_error(ErrorKind::io, "the claimed file is shorter than it was");
        filled_ += *got;
      }
    }
    return std::string_view(buffer_).substr(offset - begin_, bytes);
  }

 private:
  JobId job_;
  std::unique_ptr<File> file_;
  std::string buffer_;
  std::uint64_t begin_ = 0;
  std::size_t filled_ = 0;
};

IntentBody::IntentBody(Intent intent, std::vector<Assignment> assignments, Database& database, Files& files,
                       Worker& file_worker, std::string claimed)
    : intent_(std::move(intent)),
      assignments_(std::move(assignments)),
      database_(database),
      files_(files),
      file_worker_(file_worker),
      claimed_(std::move(claimed)) {
  block() = body_open;
}

IntentBody::~IntentBody() = default;

Task<Result<std::string_view>> IntentBody::next_block() {
  if (closed_) co_return std::string_view();
  if (sent_bytes_ != 0) {
    filling_ = 1 - filling_;
    block().clear();
  }
  while (block().size() < block_bytes && assignment_ < assignments_.size()) {
    if (line_ == window_.lines.size()) co_await fetch_window();
    auto filled = co_await file_worker_.run([this] { return fill_block(); });
    if (!filled) co_return filled.error();
  }
  co_return finish_block();
}

Task<> IntentBody::fetch_window() {
  const auto range = assignments_[assignment_].range;
  const auto first = range.first + fetched_;
  // Up to the end of its segment, so that each is decoded once.
  const auto count = std::min(range.count - fetched_, segment_entries - first % segment_entries);
  window_ = co_await database_.run([range, first, count](Queue& queue) {
    Window window;
    window.job = queue.job_bytes(range.job);
    window.seed = fingerprint_seed(window.job.defaults);
    window.lines = queue.lines(range.job, first, count);
    return window;
  });
  line_ = 0;
  fetched_ += count;
}

Result<void> IntentBody::fill_block() {
  if (auto opened = open_reader(); !opened) return opened.error();
  while (line_ < window_.lines.size() && block().size() < block_bytes) {
    if (auto appended = append_request(window_.lines[line_]); !appended) return appended.error();
    ++line_;
  }
  if (line_ == window_.lines.size() && fetched_ == assignments_[assignment_].range.count) {
    ++assignment_;
    fetched_ = 0;
  }
  return {};
}

Result<void> IntentBody::open_reader() {
  if (reader_ && reader_->job() == window_.job.job) return {};
  auto file = files_.open(join_path(claimed_, window_.job.data_name), OpenFor::reading);
  if (!file) {
    if (file.error().kind == ErrorKind::not_found) damaged_job_ = window_.job.job;
    return in_context(fmt::format("job {}", window_.job.job.value), file.error());
  }
  reader_ = std::make_unique<ClaimedReader>(window_.job.job, std::move(*file));
  return {};
}

Result<void> IntentBody::append_request(const LineEntry& line) {
  auto params = reader_->slice(line.offset + line.params_offset, line.params_bytes);
  const auto where = [&] {
    return fmt::format("job {}, byte {} of claimed/{}", window_.job.job.value, line.offset, window_.job.data_name);
  };
  if (!params) {
    damaged_job_ = window_.job.job;
    return in_context(where(), params.error());
  }
  // One pass over the bytes, where the job has no defaults: the checksum is a part of the hash.
  const auto hash = hash64(*params);
  if (static_cast<std::uint32_t>(hash) != line.checksum) {
    damaged_job_ = window_.job.job;
    return make_error(ErrorKind::internal, where() + ": these bytes are not what was accepted",
                      "the claimed file was changed or is damaged: cancel the job and drop its file again");
  }
  if (place_ != 0) block() += ',';
  const auto print = window_.seed == 0 ? fingerprint_of_hash(hash) : fingerprint(*params, window_.seed);
  block() += request_prefix(intent_.nonce, place_++, print);
  if (line.sent_params_bytes == line.params_bytes) {
    block() += *params;
  } else {
    block() += merge_defaults(*params, window_.job.defaults);
  }
  block() += '}';
  return {};
}

Result<std::string_view> IntentBody::finish_block() {
  if (assignment_ == assignments_.size()) {
    block() += body_close;
    closed_ = true;
  }
  sent_bytes_ += block().size();
  if (sent_bytes_ > intent_.bytes || (closed_ && sent_bytes_ != intent_.bytes)) {
    return make_error(ErrorKind::internal, fmt::format("intent {}: its body has {} bytes, {} were counted",
                                                       intent_.id.value, sent_bytes_, intent_.bytes));
  }
  return std::string_view(block());
}

}  // namespace offpeak
