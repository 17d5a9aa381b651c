#include "daemon/sim/connection.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "sim/answers.hpp"

namespace offpeak::sim {

Connection::Connection(std::unique_ptr<Wire> wire, Service& service, Clock& clock, Wakeup& stop)
    : wire_(std::move(wire)), service_(service), clock_(clock), stop_(stop), reader_(*wire_) {}

Task<> Connection::serve() {
  const bool opened = co_await wire_->open();
  auto next = opened ? Next::keep : Next::end;
  while (next == Next::keep) next = co_await serve_call();
  wire_->close(Ending::fin);
}

Task<Connection::Next> Connection::serve_call() {
  Call call;
  const bool came = co_await reader_.read_head(call);
  if (!came) co_return Next::end;
  const auto exchange = service_.begin(call, clock_.now());
  if (const auto delay = exchange->delay_before_body(); delay > Duration(0)) co_await sleep_for(clock_, delay);
  if (reader_.awaits_continue() && exchange->body_bytes_wanted().value_or(1) > 0) {
    const bool sent = co_await wire_->write("HTTP/1.1 100 Continue\r\n\r\n");
    if (!sent) co_return Next::end;
  }
  const bool taken = co_await take_body(*exchange);
  if (!taken) co_return Next::end;  // a body that did not arrive has done nothing
  auto answer = exchange->finish(clock_.now());
  co_return co_await play(answer);
}

// False where the connection ended before everything that is wanted had come.
Task<bool> Connection::take_body(Exchange& exchange) {
  const auto wanted = exchange.body_bytes_wanted();
  std::uint64_t left = wanted.value_or(std::numeric_limits<std::uint64_t>::max());
  while (left > 0) {
    const auto most = static_cast<std::size_t>(std::min<std::uint64_t>(left, std::numeric_limits<std::size_t>::max()));
    const auto block = co_await reader_.next_block(most);
    if (block.empty()) break;
    exchange.take(block);
    left -= block.size();
  }
  co_return left == 0 || reader_.body_complete();
}

Task<Connection::Next> Connection::play(Answer& answer) {
  if (answer.delay > Duration(0)) co_await sleep_for(clock_, answer.delay);
  switch (answer.delivery) {
    case Delivery::answer:
      break;
    case Delivery::close:
      co_return Next::end;
    case Delivery::reset:
      wire_->close(Ending::rst);
      co_return Next::end;
    case Delivery::hang:
      // A body that is still on its way is not read either: the client's upload comes to a halt.
      if (!reader_.body_complete()) co_await sleep_for(clock_, std::chrono::hours(24 * 365));
      co_await wait_for_peer();
      co_return Next::end;
  }
  const bool ends = answer.early || answer.ends_program || answer.framing == Framing::until_close ||
                    answer.cut_after_bytes || !reader_.keeps_alive();
  const auto next = ends ? Next::end : Next::keep;
  bool complete = co_await send_head(answer, next);
  if (complete) complete = co_await send_body(answer);
  if (answer.ends_program) stop_.notify();
  if (!complete) {
    if (answer.cut_by_reset) wire_->close(Ending::rst);
    co_return Next::end;
  }
  if (next == Next::end) {
    co_await wire_->finish_sending();
    // Closing while the rest of a body is on its way would destroy the answer at the other side.
    if (answer.early) co_await wait_for_peer();
  }
  co_return next;
}

// False where the connection broke, or has to be broken here.
Task<bool> Connection::send_head(const Answer& answer, Next next) {
  out_ = fmt::format("HTTP/1.1 {} {}\r\n", answer.status, reason_phrase(answer.status));
  for (const auto& [name, value] : answer.headers) out_ += fmt::format("{}: {}\r\n", name, value);
  switch (answer.framing) {
    case Framing::length:
      out_ += fmt::format("content-length: {}\r\n", answer.stream ? answer.stream_bytes : answer.body.size());
      break;
    case Framing::chunked:
      out_ += "transfer-encoding: chunked\r\n";
      break;
    case Framing::until_close:
      break;
  }
  if (next == Next::end) out_ += "connection: close\r\n";
  out_ += "\r\n";
  // A short body leaves in the same packet.
  if (!answer.stream && answer.framing == Framing::length && answer.trickle_bytes == 0 && !answer.cut_after_bytes) {
    out_ += answer.body;
  }
  if (answer.cut_in_head) {
    out_.resize(static_cast<std::size_t>(std::min<std::uint64_t>(*answer.cut_after_bytes, out_.size())));
    static_cast<void>(co_await wire_->write(out_));
    co_return false;
  }
  co_return co_await wire_->write(out_);
}

// False for the same reasons.
Task<bool> Connection::send_body(Answer& answer) {
  if (!answer.stream && answer.framing == Framing::length && answer.trickle_bytes == 0 && !answer.cut_after_bytes) {
    co_return true;
  }
  left_ = answer.cut_after_bytes.value_or(std::numeric_limits<std::uint64_t>::max());
  auto block = answer.stream ? answer.stream->next() : std::string_view(answer.body);
  while (!block.empty()) {
    const auto size = answer.trickle_bytes > 0
                          ? static_cast<std::size_t>(std::min<std::uint64_t>(answer.trickle_bytes, block.size()))
                          : block.size();
    const bool sent = co_await send_block(block.substr(0, size), answer);
    if (!sent) co_return false;
    if (answer.trickle_bytes > 0) co_await sleep_for(clock_, answer.trickle_pause);
    block.remove_prefix(size);
    if (block.empty() && answer.stream) block = answer.stream->next();
  }
  if (answer.cut_after_bytes && left_ == 0) co_return false;
  if (answer.framing != Framing::chunked) co_return true;
  co_return co_await wire_->write("0\r\n\r\n");
}

Task<bool> Connection::send_block(std::string_view block, const Answer& answer) {
  const auto kept = static_cast<std::size_t>(std::min<std::uint64_t>(block.size(), left_));
  out_.clear();
  if (answer.framing == Framing::chunked) fmt::format_to(std::back_inserter(out_), "{:x}\r\n", block.size());
  out_ += block.substr(0, kept);
  if (answer.framing == Framing::chunked && kept == block.size()) out_ += "\r\n";
  if (answer.cut_after_bytes) left_ -= kept;
  const bool sent = co_await wire_->write(out_);
  co_return sent&& kept == block.size();
}

// Throws away what the peer still sends, until it closes.
Task<> Connection::wait_for_peer() {
  std::string scratch(64 * 1024, '\0');
  std::size_t count = 1;
  while (count > 0) count = co_await wire_->read_some(scratch.data(), scratch.size());
}

}  // namespace offpeak::sim
