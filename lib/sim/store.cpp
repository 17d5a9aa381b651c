#include "sim/store.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "model/params.hpp"
#include "sim/mix.hpp"
#include "sim/results.hpp"

namespace offpeak::sim {

namespace {

void raise(std::uint16_t& count) {
  if (count < std::numeric_limits<std::uint16_t>::max()) ++count;
}

// As that stranger names its requests.
std::string foreign_id(Maker maker, std::string_view nonce, std::uint32_t place, std::uint64_t seed) {
  if (maker != Maker::offpeak) return fmt::format("foreign-{}", place);
  return wire_id({nonce, place, mix(seed, place, 0xF1) & ((Fingerprint{1} << 40) - 1)});
}

}  // namespace

void Store::settle(Instant now) {
  for (const auto& batch : open_) {
    if (batch->has_ended(now)) book_ended(*batch);
  }
  std::erase_if(open_, [](const auto& batch) { return batch->settled; });
}

void Store::accept(std::shared_ptr<Batch> batch, std::uint64_t seed) {
  insert(batch, seed);
  ++totals.batches;
  if (batch->copy_of != 0) ++totals.copies;
  totals.requests_created += batch->requests().size();
  ++totals.open_batches;
  totals.open_requests += batch->requests().size();
  totals.most_open_batches = std::max(totals.most_open_batches, totals.open_batches);
  totals.most_open_requests = std::max(totals.most_open_requests, totals.open_requests);
  book_created(*batch);
}

void Store::accept_foreign(std::shared_ptr<Batch> batch, std::uint32_t requests, Maker maker, std::uint64_t seed) {
  batch->foreign = true;
  batch->maker = maker;
  const auto own_seed = mix(seed, batches_.size(), 0xF0);
  const auto nonce = fmt::format("{:016x}{:08x}", own_seed, mix(own_seed) >> 32);
  Request request;
  request.model = tables.models.intern("claude-haiku-4-5-20251001");
  request.params_bytes = request.max_tokens = request.answer_bytes = 100;
  for (std::uint32_t i = 0; i < requests; ++i) batch->add(foreign_id(maker, nonce, i, own_seed), request);
  ++totals.foreign_batches;
  insert(std::move(batch), seed);
}

std::shared_ptr<Batch> Store::find(std::string_view id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() || found->second->deleted ? nullptr : found->second;
}

void Store::insert(std::shared_ptr<Batch> batch, std::uint64_t seed) {
  batch->number = batches_.size() + 1;
  batch->seed = mix(seed, batch->number, 0xBA);
  batch->id = "msgbatch_";
  append_id_digits(batch->id, batch->seed);
  batch->shrink();
  const auto place =
      std::ranges::upper_bound(batches_, batch->created_at, {}, [](const auto& other) { return other->created_at; });
  by_id_.emplace(batch->id, batch);
  open_.push_back(batch);
  batches_.insert(place, std::move(batch));
}

void Store::book_created(Batch& batch) {
  for (const auto& request : batch.requests()) {
    auto& content = tables.contents[request.content];
    if (++content.created == 2) ++totals.contents_created_twice;
    raise(content.open);
    if (content.open > 1 && !content.overlapped) {
      content.overlapped = true;
      ++totals.contents_overlapped;
    }
    if (content.billed > 0 && !content.created_after_billed) {
      content.created_after_billed = true;
      ++totals.contents_created_after_billed;
    }
  }
}

void Store::book_ended(Batch& batch) {
  batch.final_counts = batch.counts(*batch.ended_at(), false);
  batch.settled = true;
  if (batch.foreign) return;
  --totals.open_batches;
  totals.open_requests -= batch.requests().size();
  totals.rows.succeeded += batch.final_counts.succeeded;
  totals.rows.errored += batch.final_counts.errored;
  totals.rows.canceled += batch.final_counts.canceled;
  totals.rows.expired += batch.final_counts.expired;
  for (std::uint32_t i = 0; i < batch.requests().size(); ++i) {
    const auto& request = batch.requests()[i];
    auto& content = tables.contents[request.content];
    if (content.open > 0) --content.open;
    if (batch.outcome(i) != OutcomeType::succeeded) continue;
    ++totals.requests_billed;
    raise(content.billed);
    if (content.billed == 2) ++totals.contents_billed_twice;
    const auto usage = usage_of(request, content.digest);
    totals.billed_input_tokens +=
        static_cast<std::uint64_t>(usage.input_tokens + usage.cache_creation_5m_input_tokens +
                                   usage.cache_creation_1h_input_tokens + usage.cache_read_input_tokens);
    totals.billed_output_tokens += static_cast<std::uint64_t>(usage.output_tokens);
  }
}

}  // namespace offpeak::sim
