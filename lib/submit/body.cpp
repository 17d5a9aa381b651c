#include "submit/body.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/digest.hpp"
#include "model/params.hpp"

namespace offpeak {

namespace {

constexpr std::size_t block_bytes = 512 * 1024;

std::string place_of(const JobBytes& job, const LineEntry& line) {
  return fmt::format("job {}, byte {} of claimed/{}", job.job.value, line.offset, job.data_name);
}

}  // namespace

// Reads slices of one claimed file in rising order through one buffer. A slice is at most a block.
class IntentBody::ClaimedReader {
 public:
  ClaimedReader(JobId job, std::unique_ptr<File> file) : job_(job), file_(std::move(file)) {}
  JobId job() const { return job_; }

  Result<std::string_view> slice(std::uint64_t offset, std::uint32_t bytes) {
    if (offset < begin_ || offset + bytes > begin_ + filled_) {
      buffer_.resize(block_bytes);
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

// A params value that is longer than a block.
struct IntentBody::LongParams {
  std::uint64_t sent = 0;  // of its bytes
  std::string missing;     // defaults that go before its last brace
  Hash64Stream hash;
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
  window_ = co_await database_.read([range, first, count](const Queue& queue) {
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
    if (!long_) ++line_;
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
  if (long_) return append_long(line);
  if (line.params_bytes > block_bytes) return begin_long(line);
  auto params = reader_->slice(line.offset + line.params_offset, line.params_bytes);
  if (!params) return damaged(line, params.error());
  return append_params(line, *params);
}

Result<void> IntentBody::append_params(const LineEntry& line, std::string_view params) {
  // One pass over the bytes, where the job has no defaults: the checksum is a part of the hash.
  const auto hash = hash64(params);
  if (static_cast<std::uint32_t>(hash) != line.checksum) return changed(line);
  if (place_ != 0) block() += ',';
  const auto print = window_.seed == 0 ? fingerprint_of_hash(hash) : fingerprint(params, window_.seed);
  block() += request_prefix(intent_.nonce, place_++, print);
  if (line.sent_params_bytes == line.params_bytes) {
    block() += params;
  } else {
    block() += merge_defaults(params, window_.job.defaults);
  }
  block() += '}';
  return {};
}

// The first time: what its bytes are, and which defaults they lack.
Result<void> IntentBody::begin_long(const LineEntry& line) {
  Hash64Stream hash;
  Hash64Stream seeded(window_.seed);
  MissingDefaults missing(line.sent_params_bytes == line.params_bytes ? "" : window_.job.defaults);
  for (std::uint64_t at = 0; at < line.params_bytes; at += block_bytes) {
    const auto size = static_cast<std::uint32_t>(std::min<std::uint64_t>(block_bytes, line.params_bytes - at));
    auto piece = reader_->slice(line.offset + line.params_offset + at, size);
    if (!piece) return damaged(line, piece.error());
    hash.update(*piece);
    seeded.update(*piece);
    missing.feed(*piece);
  }
  if (static_cast<std::uint32_t>(hash.value()) != line.checksum) return changed(line);
  if (place_ != 0) block() += ',';
  block() += request_prefix(intent_.nonce, place_++, fingerprint_of_hash(seeded.value()));
  long_ = std::make_unique<LongParams>();
  long_->missing = missing.members();
  return {};
}

// Its last brace waits until all before it was compared.
Result<void> IntentBody::append_long(const LineEntry& line) {
  const auto left = line.params_bytes - long_->sent;
  const auto size = static_cast<std::uint32_t>(std::min<std::uint64_t>(block_bytes, left));
  auto piece = reader_->slice(line.offset + line.params_offset + long_->sent, size);
  if (!piece) return damaged(line, piece.error());
  long_->hash.update(*piece);
  long_->sent += size;
  if (size < left) {
    block() += *piece;
    return {};
  }
  if (static_cast<std::uint32_t>(long_->hash.value()) != line.checksum) return changed(line);
  block() += piece->substr(0, size - 1);
  block() += long_->missing;
  block() += "}}";
  long_.reset();
  return {};
}

Error IntentBody::damaged(const LineEntry& line, const Error& error) {
  damaged_job_ = window_.job.job;
  return in_context(place_of(window_.job, line), error);
}

Error IntentBody::changed(const LineEntry& line) {
  damaged_job_ = window_.job.job;
  return make_error(ErrorKind::internal, place_of(window_.job, line) + ": these bytes are not what was accepted",
                    "the claimed file was changed or is damaged: cancel the job and drop its file again");
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
