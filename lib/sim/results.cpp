#include "sim/results.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "sim/mix.hpp"
#include "sim/outcome.hpp"

namespace offpeak::sim {

namespace {

constexpr std::size_t block_bytes = 128 * 1024;
constexpr std::size_t filler_bytes = 64 * 1024;

// Words as they stand in a JSON string: escapes and UTF-8 among them, so that readers have something to
// decode.
const std::string& filler() {
  static const std::string text = [] {
    constexpr std::array<std::string_view, 16> words{"batch",     "requests",    "that can wait", "run at night,",
                                                     "when",      "nobody",      "is looking.",   "\\\"Quoted\\\"",
                                                     "caf\u00e9", "na\\u00efve", "\\n",           "slowly",
                                                     "42,000",    "\u2713",      "answers",       "arrive"};
    std::string made;
    for (std::uint64_t i = 0; made.size() < filler_bytes; ++i) {
      made += ' ';
      made += words[mix(i, 0xF1) % words.size()];
    }
    return made;
  }();
  return text;
}

void append_number(std::string& out, std::int64_t number) { fmt::format_to(std::back_inserter(out), "{}", number); }

}  // namespace

Usage usage_of(const Request& request, const Digest128& digest) {
  Usage usage;
  const std::int64_t prompt = std::max<std::int64_t>(1, request.params_bytes / 4);
  usage.input_tokens = prompt;
  if (request.cached) {
    const auto shared = prompt / 2;
    usage.input_tokens = prompt - shared;
    const bool written = low_word(digest) % 4 == 0;
    auto& column = !written            ? usage.cache_read_input_tokens
                   : request.cached_1h ? usage.cache_creation_1h_input_tokens
                                       : usage.cache_creation_5m_input_tokens;
    column = shared;
  }
  const auto most = std::max<std::int64_t>(1, request.max_tokens);
  const auto written = std::max<std::int64_t>(1, request.answer_bytes / 4);
  usage.output_tokens =
      stop_reason_name(request.stop_reason) == "max_tokens" ? most : std::min<std::int64_t>(most, written);
  return usage;
}

ResultsStream::ResultsStream(std::shared_ptr<const Batch> batch, const Tables& tables, LineFaults faults)
    : batch_(std::move(batch)), tables_(tables), faults_(faults), order_(batch_->shuffled()) {
  std::erase_if(order_, [&](std::uint32_t index) { return batch_->requests()[index].missing; });
  const auto left_out = faults_.none ? order_.size() : std::min<std::size_t>(faults_.missing, order_.size());
  order_.erase(order_.begin(), order_.begin() + static_cast<std::ptrdiff_t>(left_out));
  if (faults_.none) odd_lines_done_ = true;
}

std::string_view ResultsStream::next() {
  block_.clear();
  if (at_ == 0 && faults_.bom) block_ += "\xEF\xBB\xBF";
  while (block_.size() < block_bytes) {
    if (!odd_lines_done_ && at_ >= order_.size() / 2) {
      append_odd_lines();
      odd_lines_done_ = true;
      continue;
    }
    if (at_ >= order_.size()) break;
    const auto begin = block_.size();
    append_row(order_[at_]);
    if (at_ < faults_.duplicate) block_ += std::string(block_, begin);
    if (at_ < faults_.conflicting) append_conflicting(order_[at_]);
    ++at_;
    if (at_ == order_.size() && faults_.no_last_newline && block_.ends_with('\n')) block_.pop_back();
  }
  return block_;
}

void ResultsStream::rewind() {
  at_ = 0;
  odd_lines_done_ = faults_.none;
}

void ResultsStream::append_row(std::uint32_t index) {
  const auto& request = batch_->requests()[index];
  block_ += R"({"custom_id":")";
  block_ += batch_->custom_id(index);
  switch (batch_->outcome(index)) {
    case OutcomeType::succeeded:
      append_succeeded(request, index);
      break;
    case OutcomeType::errored:
      append_errored(request, index);
      break;
    case OutcomeType::canceled:
      block_ += R"(","result":{"type":"canceled"}})";
      break;
    case OutcomeType::expired:
      block_ += R"(","result":{"type":"expired"}})";
      break;
  }
  end_line();
}

void ResultsStream::append_succeeded(const Request& request, std::uint32_t index) {
  const auto digest = digest_of(index);
  const auto usage = usage_of(request, digest);
  block_ += R"(","result":{"type":"succeeded","message":{"id":"msg_)";
  append_id_digits(block_, mix(batch_->seed, index, 0x3D));
  block_ += R"(","type":"message","role":"assistant","model":")";
  block_ += tables_.models[request.model];
  block_ += R"(","content":[{"type":"text","text":")";
  append_text(digest, request);
  block_ += R"("}],"stop_reason":")";
  block_ += stop_reason_name(request.stop_reason);
  block_ += R"(","stop_sequence":null,"stop_details":null,"usage":{"input_tokens":)";
  append_number(block_, usage.input_tokens);
  block_ += R"(,"cache_creation_input_tokens":)";
  append_number(block_, usage.cache_creation_5m_input_tokens + usage.cache_creation_1h_input_tokens);
  block_ += R"(,"cache_read_input_tokens":)";
  append_number(block_, usage.cache_read_input_tokens);
  block_ += R"(,"cache_creation":{"ephemeral_5m_input_tokens":)";
  append_number(block_, usage.cache_creation_5m_input_tokens);
  block_ += R"(,"ephemeral_1h_input_tokens":)";
  append_number(block_, usage.cache_creation_1h_input_tokens);
  block_ += R"(},"output_tokens":)";
  append_number(block_, usage.output_tokens);
  block_ +=
      R"(,"output_tokens_details":{"thinking_tokens":0},"service_tier":"batch","inference_geo":"not_available"}}}})";
}

// "<digest> attempt <n>" and words up to the number of bytes that was asked for.
void ResultsStream::append_text(const Digest128& digest, const Request& request) {
  const auto begin = block_.size();
  block_ += digest.hex();
  block_ += " attempt ";
  append_number(block_, request.attempt);
  const auto& words = filler();
  auto at = words.find(' ', low_word(digest) % (filler_bytes / 2));
  while (block_.size() - begin < request.answer_bytes) {
    const auto wanted = request.answer_bytes - (block_.size() - begin);
    const auto end = at + wanted < words.size() ? words.rfind(' ', at + wanted) : words.size();
    if (end <= at) break;
    block_.append(words, at, end - at);
    at = 0;
  }
}

void ResultsStream::append_errored(const Request& request, std::uint32_t index) {
  block_ += R"(","result":{"type":"errored","error":{"type":"error","error":)";
  block_ += tables_.errors[request.error];
  block_ += R"(,"request_id":)";
  if (request.error_by_worker) {
    block_ += "\"workerreq_";
    append_id_digits(block_, mix(batch_->seed, index, 0x77));
    block_ += "\"}}}";
  } else {
    block_ += "null}}}";
  }
}

void ResultsStream::append_conflicting(std::uint32_t index) {
  block_ += R"({"custom_id":")";
  block_ += batch_->custom_id(index);
  block_ += R"(","result":{"type":"errored","error":{"type":"error","error":{"details":null,"type":"api_error",)"
            R"("message":"Internal server error"},"request_id":null}}})";
  end_line();
}

void ResultsStream::append_odd_lines() {
  const auto lines = [&](std::uint64_t count, const auto& append) {
    for (std::uint64_t i = 0; i < count; ++i) {
      append(i);
      end_line();
    }
  };
  lines(faults_.foreign, [&](std::uint64_t i) {
    block_ += fmt::format(R"({{"custom_id":"not-in-this-batch-{}","result":{{"type":"expired"}}}})", i);
  });
  lines(faults_.garbage, [&](std::uint64_t) { block_ += R"({"custom_id":"cut-in-the-mid)"; });
  lines(faults_.blank, [](std::uint64_t) {});
  lines(faults_.invalid_utf8,
        [&](std::uint64_t) { block_ += "{\"custom_id\":\"\xC3\x28\xFF\",\"result\":{\"type\":\"expired\"}}"; });
  lines(faults_.nul, [&](std::uint64_t) {
    block_ += "{\"custom_id\":\"a";
    block_ += '\0';
    block_ += "b\",\"result\":{\"type\":\"expired\"}}";
  });
  lines(faults_.deep > 0 ? 1 : 0, [&](std::uint64_t) {
    block_ +=
        R"({"custom_id":"deep","result":)" + std::string(faults_.deep, '[') + std::string(faults_.deep, ']') + "}";
  });
  lines(faults_.long_bytes > 0 ? 1 : 0, [&](std::uint64_t) {
    block_ +=
        R"({"custom_id":"long","result":{"type":"expired","pad":")" + std::string(faults_.long_bytes, 'x') + "\"}}";
  });
}

void ResultsStream::end_line() { block_ += faults_.crlf ? "\r\n" : "\n"; }

Digest128 ResultsStream::digest_of(std::uint32_t index) const {
  const auto content = batch_->requests()[index].content;
  return content == no_content ? digest128(batch_->custom_id(index)) : tables_.contents[content].digest;
}

}  // namespace offpeak::sim
