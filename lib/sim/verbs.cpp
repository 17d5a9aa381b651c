// What the operations of the API do when no fault is in their way: Exchange::create, retrieve, results,
// cancel, remove.
#include <fmt/format.h>

#include <algorithm>

#include "sim/answers.hpp"
#include "sim/exchange.hpp"
#include "sim/results.hpp"

namespace offpeak::sim {

Answer Exchange::create(Instant now) {
  if (const auto encoding = find_header(head_.headers, "content-encoding");
      !encoding.empty() && encoding != "identity") {
    return api_error(400, "invalid_request_error", "The request body's encoding is not supported.", request_id_,
                     "request_body_encoding_unsupported");
  }
  const auto fault = draft_->finish();
  if (draft_->too_large()) return error(413, "Request exceeds the maximum size");
  if (fault) return error(400, *fault);
  auto& store = service_.store();
  const auto batch = draft_->batch();
  const auto limit = service_.settings().queue_limit;
  if (limit > 0 && store.totals.open_requests + batch->requests().size() > limit) {
    return error(429, fmt::format("The batch would exceed your limit of {} requests in processing.", limit));
  }
  for (const auto& action : plan_.actions) {
    if (const auto* row = std::get_if<RowError>(&action)) draft_->apply(*row);
  }
  commit(*batch, now);
  store.accept(batch, service_.settings().seed);
  const auto copy = repeat(*batch);
  if (const auto* foreign = plan_.find<Foreign>(); foreign != nullptr && foreign->same_size) {
    service_.add_foreign(static_cast<std::uint32_t>(batch->requests().size()), now, foreign->maker);
  }
  const auto* repeated = plan_.find<Repeat>();
  const auto& told = repeated != nullptr && repeated->answer_second ? *copy : *batch;
  return batch_answer(told, std::max(now, told.created_at));
}

// The batch that the second sending of the same body makes, or nothing.
std::shared_ptr<Batch> Exchange::repeat(const Batch& first) {
  const auto* wanted = plan_.find<Repeat>();
  if (wanted == nullptr) return nullptr;
  auto copy = std::make_shared<Batch>(first);
  copy->copy_of = first.number;
  for (auto* time : {&copy->created_at, &copy->listed_at, &copy->retrieved_at}) *time += wanted->after;
  service_.store().accept(copy, service_.settings().seed);
  return copy;
}

// What the settings and the faults say about a new batch.
void Exchange::commit(Batch& batch, Instant now) const {
  const auto& settings = service_.settings();
  const auto* late = plan_.find<Late>();
  const auto* lag = plan_.find<Lag>();
  batch.workspace = settings.workspace;
  batch.created_at = now + (late != nullptr ? late->duration : Duration(0));
  batch.listed_at = batch.created_at + (lag != nullptr ? lag->duration : settings.list_lag);
  batch.retrieved_at = lag != nullptr && !lag->retrieve ? batch.created_at : batch.listed_at;
  batch.processing_time = settings.processing_time;
  batch.expire_after = settings.expire_after;
  batch.results_kept = settings.results_kept;
  batch.never_ends = plan_.find<NeverEnd>() != nullptr;
  if (const auto* untallied = plan_.find<Untallied>()) batch.tallied_at = batch.created_at + untallied->duration;
}

Answer Exchange::retrieve(Instant at) const {
  const auto batch = visible_batch(at);
  return batch ? batch_answer(*batch, at) : no_such_batch();
}

Answer Exchange::results(Instant now) {
  const auto batch = visible_batch(now);
  if (!batch) return no_such_batch();
  if (!batch->has_ended(now) || batch->archived(now)) {
    auto answer = error(404, fmt::format("Message Batch {} has no available results.", route_.id));
    answer.headers.emplace_back("x-should-retry", "false");
    return answer;
  }
  ++batch->results_reads;
  const auto* lines = plan_.find<LineFaults>();
  auto stream =
      std::make_unique<ResultsStream>(batch, service_.store().tables, lines != nullptr ? *lines : LineFaults{});
  Answer answer;
  const auto* cut = plan_.find<Cut>();
  const auto* frame = plan_.find<Frame>();
  answer.framing = frame != nullptr ? frame->as : Framing::chunked;
  // Only what depends on the size costs a run through all lines.
  if ((cut != nullptr && !cut->bytes) || answer.framing == Framing::length) {
    for (auto block = stream->next(); !block.empty(); block = stream->next()) answer.stream_bytes += block.size();
    stream->rewind();
  }
  answer.stream = std::move(stream);
  answer.headers.emplace_back("content-type", "application/x-jsonl");
  answer.headers.emplace_back("content-disposition",
                              fmt::format("attachment; filename=\"{}_results.jsonl\"", batch->id));
  return answer;
}

Answer Exchange::cancel(Instant now) const {
  const auto batch = visible_batch(now);
  if (!batch) return no_such_batch();
  if (batch->has_ended(now)) {
    return error(400, fmt::format("Message Batch {} has already ended and cannot be canceled.", route_.id));
  }
  if (!batch->cancel_at) {
    batch->cancel_at = now;
    batch->cancel_time = service_.settings().cancel_time;
    if (batch->foreign) ++service_.store().totals.foreign_canceled;
  }
  return batch_answer(*batch, now);
}

Answer Exchange::remove(Instant now) const {
  const auto batch = visible_batch(now);
  if (!batch) return no_such_batch();
  if (!batch->has_ended(now)) {
    return error(400, "In progress batches cannot be deleted. Consider canceling the batch instead.");
  }
  batch->deleted = true;
  return json_answer(fmt::format(R"({{"id":"{}","type":"message_batch_deleted"}})", batch->id));
}

Answer Exchange::no_such_batch() const { return error(404, fmt::format("Message Batch {} not found.", route_.id)); }

std::shared_ptr<Batch> Exchange::visible_batch(Instant at) const {
  auto batch = service_.store().find(route_.id);
  const bool visible = batch && batch->workspace == service_.settings().workspace &&
                       std::max(batch->created_at, batch->retrieved_at) <= at;
  return visible ? batch : nullptr;
}

Answer Exchange::batch_answer(const Batch& batch, Instant at) const {
  auto answer = json_answer(render(batch, at));
  const auto seconds = service_.settings().poll_retry_after;
  if (route_.verb == Verb::retrieve && seconds > 0 && !batch.has_ended(at)) {
    answer.headers.emplace_back("retry-after", std::to_string(seconds));
  }
  return answer;
}

std::string Exchange::render(const Batch& batch, Instant at) const {
  const auto* counts = plan_.find<WrongCounts>();
  return batch_json(batch, at, service_.settings().progress, counts != nullptr ? counts->more : Counts{}, base_url());
}

std::string Exchange::base_url() const {
  const auto& base = service_.settings().results_url_base;
  if (!base.empty()) return base;
  const auto host = find_header(head_.headers, "host");
  return host.empty() ? "https://api.anthropic.com" : fmt::format("{}://{}", service_.settings().scheme, host);
}

// The instant whose truth is told.
Instant Exchange::view(Instant now) const {
  const auto* stale = plan_.find<Stale>();
  return stale != nullptr ? now - stale->by : now;
}

}  // namespace offpeak::sim
