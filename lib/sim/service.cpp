#include "sim/service.hpp"

#include "sim/exchange.hpp"
#include "sim/mix.hpp"

namespace offpeak::sim {

Service::Service(Settings settings, std::vector<FaultRule> faults) : settings_(std::move(settings)) {
  for (auto& rule : faults) faults_.add(std::move(rule));
}

std::unique_ptr<Exchange> Service::begin(const Call& head, Instant now) {
  return std::make_unique<Exchange>(*this, head, now);
}

Answer Service::handle(const Call& call, Instant now) {
  const auto exchange = begin(call, now);
  const auto wanted = exchange->body_bytes_wanted().value_or(call.body.size());
  exchange->take(std::string_view(call.body).substr(0, wanted));
  return exchange->finish(now);
}

const Totals& Service::totals(Instant now) {
  store_.settle(now);
  return store_.totals;
}

Content Service::content(std::string_view params) const {
  const auto index = store_.tables.contents.find(digest128(params));
  return index ? store_.tables.contents[*index] : Content{};
}

std::shared_ptr<Batch> Service::add_foreign(std::uint32_t requests, Instant now, Maker maker) {
  auto batch = std::make_shared<Batch>();
  batch->workspace = settings_.workspace;
  batch->created_at = batch->listed_at = batch->retrieved_at = now;
  batch->processing_time = settings_.processing_time;
  batch->expire_after = settings_.expire_after;
  batch->results_kept = settings_.results_kept;
  store_.accept_foreign(batch, requests, maker, settings_.seed);
  return batch;
}

void Service::end_all(Instant now) {
  for (const auto& batch : store_.batches()) {
    if (batch->created_at > now || batch->has_ended(now)) continue;
    batch->never_ends = false;
    batch->processing_time = std::min(now - batch->created_at, batch->expire_after);
  }
  store_.settle(now);
}

std::string Service::next_request_id() {
  std::string id = "req_";
  append_id_digits(id, mix(settings_.seed, ++calls_, 0x4E));
  return id;
}

}  // namespace offpeak::sim
