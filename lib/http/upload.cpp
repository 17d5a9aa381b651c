#include "http/upload.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <exception>
#include <optional>

#include "base/task_group.hpp"
#include "base/text.hpp"
#include "base/wakeup.hpp"
#include "http/address.hpp"
#include "http/request_head.hpp"

namespace offpeak::http {

namespace {

namespace asio = boost::asio;

// Small blocks are gathered into writes of this size.
constexpr std::size_t gather_bytes = 64 * 1024;

Error source_error(std::string message) { return make_error(ErrorKind::internal, std::move(message)); }

bool is_cancellation(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const boost::system::system_error& error) {
    return error.code() == asio::error::operation_aborted;
  } catch (...) {
    return false;
  }
}

}  // namespace

// The sides of an upload: read_answer() and read_ahead() run beside send(), and all see each other's state between
// awaits.
class Uploader {
 public:
  Uploader(ClientState& client, BodyReader& reader)
      : exchange_(client),
        reader_(reader),
        answer_changed_(clock_, client.executor),
        block_came_(clock_, client.executor),
        block_taken_(clock_, client.executor) {}

  Task<Result<void>> open(const Request& request);
  Task<> read_answer();
  // Asks for the next block while the last one is sent.
  Task<> read_ahead();
  Task<> send();
  void close() { exchange_.connection->close(); }
  // Once both sides have ended.
  Upload result(bool canceled);

 private:
  Task<Result<std::string_view>> take_block();
  Task<bool> send_all_but_last_byte();
  Task<bool> send_block(std::string_view block);
  Task<bool> flush();
  Task<bool> source_is_at_its_end();
  Task<bool> nothing_waits_unsent();
  Task<bool> consented();
  Task<> send_last_byte();
  void withhold();
  Task<> wait_for_answer();
  bool fail(std::string message);
  bool source_failed(const Error& error);
  bool answered_early() const { return exchange_.parser.header_done() || answer_ended_; }

  Exchange exchange_;
  BodyReader& reader_;
  SystemClock clock_;
  Wakeup answer_changed_, block_came_, block_taken_;
  std::optional<Result<std::string_view>> next_;  // read ahead, not yet taken
  std::exception_ptr source_threw_;
  std::string gathered_;           // header and blocks that wait for a write
  std::uint64_t unsent_body_ = 0;  // not yet given by the reader
  char last_byte_ = '\n';
  SteadyTime last_byte_until_{};
  bool answer_ended_ = false;  // complete, or it will never be
  std::string answer_failure_;
  Upload upload_;
};

Task<Result<void>> Uploader::open(const Request& request) {
  const auto& origin = exchange_.client.origin;
  unsent_body_ = reader_.size();
  auto head = request_head(origin, request, unsent_body_);
  if (head) {
    gathered_ = std::move(*head);
    auto opened = co_await exchange_.connection->open();
    if (opened) co_return opened;
    fail(sentence(opened.error()));
    co_return opened;
  }
  fail(sentence(head.error()));
  co_return head.error();
}

bool Uploader::fail(std::string message) {
  if (upload_.failure.empty()) upload_.failure = std::move(message);
  return false;
}

bool Uploader::source_failed(const Error& error) {
  upload_.source_failed = true;
  return fail(sentence(error));
}

Task<> Uploader::read_answer() {
  auto& parser = exchange_.parser;
  auto outcome = co_await exchange_.read_header();
  answer_changed_.notify();
  while (outcome && !parser.done() && parser.response().body.size() <= answer_body_bytes_max) {
    outcome = co_await exchange_.read_body();
  }
  auto& body = parser.response().body;
  if (!outcome) {
    answer_failure_ = sentence(outcome.error());
  } else if (body.size() > answer_body_bytes_max) {
    answer_failure_ = origin_url(exchange_.client.origin) + ": the answer is longer than 1 MiB";
    body.resize(answer_body_bytes_max);
  }
  answer_ended_ = true;
  // Nothing that is still to be sent could change this answer: a write that waits for the peer ends here.
  if (outcome && parser.done()) exchange_.connection->drop_on_close(false);
  close();
  answer_changed_.notify();
}

Task<> Uploader::read_ahead() {
  try {
    for (bool more = true; more;) {
      while (next_) co_await block_taken_.wait();
      auto block = co_await reader_.next_block();
      more = block && !block->empty();
      next_.emplace(std::move(block));
      block_came_.notify();
    }
  } catch (...) {
    source_threw_ = std::current_exception();
    block_came_.notify();
  }
}

Task<Result<std::string_view>> Uploader::take_block() {
  while (!next_ && !source_threw_) co_await block_came_.wait();
  if (!next_) std::rethrow_exception(source_threw_);
  auto block = std::move(*next_);
  next_.reset();
  block_taken_.notify();
  co_return block;
}

Task<> Uploader::send() {
  // From here on what does not arrive while we watch must never arrive.
  exchange_.connection->drop_on_close(true);
  if (co_await send_all_but_last_byte() && co_await nothing_waits_unsent()) {
    // Let an answer that is already here be seen first.
    co_await asio::post(exchange_.client.executor, asio::use_awaitable);
    if (!answered_early() && co_await consented()) co_await send_last_byte();
  }
  // Our own body failed: no answer is due. Otherwise one may be on its way, the reason for a broken write,
  // say.
  if (!upload_.source_failed) co_await wait_for_answer();
}

Task<bool> Uploader::send_all_but_last_byte() {
  const bool has_body = unsent_body_ > 0;
  // Without a body it is the header's last byte that makes the request complete.
  if (!has_body) gathered_.pop_back();
  while (unsent_body_ > 0) {
    if (answered_early()) co_return false;
    const auto block = co_await take_block();
    if (!block) co_return source_failed(block.error());
    if (block->empty()) co_return source_failed(source_error("the body is shorter than was announced"));
    if (block->size() > unsent_body_) {
      co_return source_failed(source_error("the body is longer than was announced"));
    }
    unsent_body_ -= block->size();
    auto bytes = *block;
    if (unsent_body_ == 0) {
      last_byte_ = bytes.back();
      bytes.remove_suffix(1);
    }
    if (!co_await send_block(bytes)) co_return false;
  }
  if (!co_await flush()) co_return false;
  co_return !has_body || co_await source_is_at_its_end();
}

Task<bool> Uploader::source_is_at_its_end() {
  const auto block = co_await take_block();
  if (!block) co_return source_failed(block.error());
  if (!block->empty()) co_return source_failed(source_error("the body is longer than was announced"));
  co_return true;
}

Task<bool> Uploader::send_block(std::string_view block) {
  if (gathered_.size() + block.size() < gather_bytes) {
    gathered_.append(block);
    co_return true;
  }
  if (!co_await flush()) co_return false;
  if (block.size() < gather_bytes) {
    gathered_.append(block);
    co_return true;
  }
  auto sent = co_await exchange_.connection->write(block);
  co_return sent || fail(origin_url(exchange_.client.origin) + ": " + sent.error().message);
}

Task<bool> Uploader::flush() {
  auto sent = co_await exchange_.connection->write(gathered_);
  gathered_.clear();
  co_return sent || fail(origin_url(exchange_.client.origin) + ": " + sent.error().message);
}

// The last byte must not queue up behind what a slow connection has still to send. Waits as long as some of it goes.
Task<bool> Uploader::nothing_waits_unsent() {
  constexpr Duration longest_pause(20);
  auto& connection = *exchange_.connection;
  auto before = connection.unsent_bytes();
  auto moved_at = clock_.steady_now();
  for (Duration pause(1); !answered_early(); pause = std::min(2 * pause, longest_pause)) {
    const auto unsent = connection.unsent_bytes();
    if (!unsent) co_return false;
    if (*unsent == 0) co_return true;
    if (unsent != before) moved_at = clock_.steady_now();
    before = unsent;
    if (clock_.steady_now() - moved_at > exchange_.client.origin.progress_timeout) {
      co_return fail(origin_url(exchange_.client.origin) + ": sending: timed out after " +
                     to_text(exchange_.client.origin.progress_timeout));
    }
    co_await answer_changed_.wait_for(pause);
  }
  co_return false;
}

Task<bool> Uploader::consented() {
  last_byte_until_ = clock_.steady_now() + exchange_.client.origin.last_byte_limit;
  const auto consent = co_await reader_.before_last_byte();
  if (!consent) co_return source_failed(consent.error());
  // From here on the caller's record says that the byte may have left, so this one does too, whatever happens
  // next.
  upload_.last_byte_left = true;
  co_return true;
}

// Model: T5.
Task<> Uploader::send_last_byte() {
  if (answered_early()) co_return;
  auto sent = co_await exchange_.connection->write_until(std::string_view(&last_byte_, 1), last_byte_until_);
  if (!sent) fail(origin_url(exchange_.client.origin) + ": the last byte: " + sent.error().message);
  if (sent && !*sent) withhold();
}

// The kernel never had it: a proven no, whatever the caller's record says.
void Uploader::withhold() {
  upload_.last_byte_left = false;
  source_failed(make_error(ErrorKind::unavailable,
                           "the last byte was withheld: more than " + to_text(exchange_.client.origin.last_byte_limit) +
                               " had passed since its commit was asked for (a slow disk, or a suspended machine)"));
}

Task<> Uploader::wait_for_answer() {
  const auto& origin = exchange_.client.origin;
  if (!exchange_.parser.header_done() && !answer_ended_) {
    const bool sent = upload_.failure.empty();
    exchange_.connection->limit_reading(sent ? origin.answer_timeout : origin.progress_timeout);
  }
  while (!answer_ended_) co_await answer_changed_.wait();
}

Upload Uploader::result(bool canceled) {
  auto& parser = exchange_.parser;
  upload_.response_complete = parser.header_done() && parser.done() && answer_failure_.empty();
  if (parser.header_done()) upload_.response = std::move(parser.response());
  if (upload_.response_complete && !upload_.source_failed) {
    upload_.failure.clear();
  } else if (canceled) {
    upload_.failure = "canceled";
  } else if (upload_.response || upload_.failure.empty()) {
    // What went wrong with the answer says more than the write that it interrupted.
    if (!upload_.source_failed) upload_.failure = answer_failure_;
  }
  return std::move(upload_);
}

Task<> run_upload(ClientState& client, Request request, BodyReader& reader, Upload& into) {
  Uploader uploader(client, reader);
  TaskGroup beside(client.executor), ahead(client.executor);
  std::exception_ptr thrown;
  try {
    if (co_await uploader.open(request)) {
      beside.spawn("answer", uploader.read_answer());
      ahead.spawn("blocks", uploader.read_ahead());
      co_await uploader.send();
    }
  } catch (...) {
    thrown = std::current_exception();
  }
  // Canceled or not: the other sides are waited for, because they refer to this frame.
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  uploader.close();
  ahead.cancel();
  co_await ahead.join();
  co_await beside.join();
  if (thrown && !is_cancellation(thrown)) std::rethrow_exception(thrown);
  into = uploader.result(thrown != nullptr);
}

}  // namespace offpeak::http
