#include "sim/batch.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "sim/mix.hpp"

namespace offpeak::sim {

void Batch::add(std::string_view custom_id, Request request) {
  request.id_at = static_cast<std::uint32_t>(ids_.size());
  request.id_bytes = static_cast<std::uint8_t>(custom_id.size());
  ids_ += custom_id;
  requests_.push_back(request);
}

void Batch::shrink() {
  requests_.shrink_to_fit();
  ids_.shrink_to_fit();
}

std::string_view Batch::custom_id(std::uint32_t index) const {
  const auto& request = requests_[index];
  return std::string_view(ids_).substr(request.id_at, request.id_bytes);
}

std::optional<std::string_view> Batch::duplicate_id() const {
  std::vector<std::uint32_t> order(requests_.size());
  std::iota(order.begin(), order.end(), 0U);
  std::ranges::sort(order, [&](std::uint32_t a, std::uint32_t b) {
    const auto compared = custom_id(a).compare(custom_id(b));
    return compared != 0 ? compared < 0 : a < b;
  });
  auto first = no_content;
  for (std::size_t i = 1; i < order.size(); ++i) {
    if (custom_id(order[i - 1]) == custom_id(order[i])) first = std::min(first, order[i]);
  }
  if (first == no_content) return std::nullopt;
  return custom_id(first);
}

std::optional<Instant> Batch::ended_at() const {
  std::optional<Instant> end;
  if (!never_ends) end = created_at + std::min(processing_time, expire_after);
  if (cancel_at && (!end || *cancel_at < *end)) {
    const auto canceled = *cancel_at + cancel_time;
    end = end ? std::min(*end, canceled) : canceled;
  }
  return end;
}

bool Batch::has_ended(Instant at) const {
  const auto end = ended_at();
  return end && *end <= at;
}

Status Batch::status(Instant at) const {
  if (has_ended(at)) return Status::ended;
  return cancel_at && *cancel_at <= at ? Status::canceling : Status::in_progress;
}

OutcomeType Batch::outcome(std::uint32_t index) const {
  const auto after = processed_after(index);
  if (cancel_at && (never_ends || created_at + after > *cancel_at)) return OutcomeType::canceled;
  if (after > expire_after) return OutcomeType::expired;
  return requests_[index].type;
}

Counts Batch::counts(Instant at, bool progress) const {
  if (settled && has_ended(at)) return final_counts;
  if (progress || has_ended(at)) return count_processed(at);
  return Counts{.processing = static_cast<std::int64_t>(requests_.size())};
}

Counts Batch::count_processed(Instant at) const {
  Counts counts;
  const bool all = has_ended(at);
  for (std::uint32_t i = 0; i < requests_.size(); ++i) {
    if (!all && (never_ends || created_at + processed_after(i) > at)) {
      ++counts.processing;
      continue;
    }
    switch (outcome(i)) {
      case OutcomeType::succeeded:
        ++counts.succeeded;
        break;
      case OutcomeType::errored:
        ++counts.errored;
        break;
      case OutcomeType::canceled:
        ++counts.canceled;
        break;
      case OutcomeType::expired:
        ++counts.expired;
        break;
    }
  }
  return counts;
}

std::vector<std::uint32_t> Batch::shuffled() const {
  std::vector<std::uint32_t> order(requests_.size());
  std::iota(order.begin(), order.end(), 0U);
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[mix(seed, i, 0x5F) % i]);
  return order;
}

// When the model takes it, measured from the batch's creation: spread evenly over the processing time.
Duration Batch::processed_after(std::uint32_t index) const {
  return Duration(static_cast<std::int64_t>(static_cast<double>(processing_time.count()) * unit(mix(seed, index))));
}

std::string to_api_time(Instant instant, std::uint64_t micros) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(instant);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}{:03}+00:00",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(seconds)), (instant - seconds).count(),
                     micros % 1000);
}

std::string batch_json(const Batch& batch, Instant at, bool progress, const Counts& more, std::string_view base_url) {
  const auto counts = at < batch.tallied_at ? Counts{} : batch.counts(at, progress);
  const auto status = batch.status(at);
  const auto time = [&](std::optional<Instant> instant, std::uint64_t micros) {
    return instant ? '"' + to_api_time(*instant, micros) + '"' : std::string("null");
  };
  const auto ended = status == Status::ended ? batch.ended_at() : std::nullopt;
  const auto archived = batch.archived(at) ? std::optional(batch.created_at + batch.results_kept) : std::nullopt;
  const auto canceled = batch.cancel_at && *batch.cancel_at <= at ? batch.cancel_at : std::nullopt;
  const auto results = status == Status::ended && !archived
                           ? fmt::format("\"{}/v1/messages/batches/{}/results\"", base_url, batch.id)
                           : std::string("null");
  return fmt::format(
      R"({{"id":"{}","type":"message_batch","processing_status":"{}","request_counts":{{"processing":{},"succeeded":{},)"
      R"("errored":{},"canceled":{},"expired":{}}},"ended_at":{},"created_at":{},"expires_at":{},"archived_at":{},)"
      R"("cancel_initiated_at":{},"results_url":{}}})",
      batch.id,
      status == Status::ended       ? "ended"
      : status == Status::canceling ? "canceling"
                                    : "in_progress",
      counts.processing + more.processing, counts.succeeded + more.succeeded, counts.errored + more.errored,
      counts.canceled + more.canceled, counts.expired + more.expired, time(ended, batch.number + 1),
      time(batch.created_at, batch.number), time(batch.created_at + batch.expire_after, batch.number),
      time(archived, batch.number), time(canceled, batch.number + 2), results);
}

}  // namespace offpeak::sim
