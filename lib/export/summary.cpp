#include "export/summary.hpp"

#include <fmt/format.h>

#include "base/json.hpp"
#include "base/text.hpp"
#include "model/limits.hpp"

namespace offpeak {

namespace {

constexpr std::string_view unfinished_suffix = ".tmp";

std::string to_object(const std::map<std::string, std::int64_t>& sums) {
  std::string text = "{";
  for (const auto& [name, n] : sums) {
    text += fmt::format("{}{}:{}", text.size() == 1 ? "" : ",", json_quote(name), n);
  }
  return text + "}";
}

std::string outcome_counts(const RequestCounts& counts) {
  return fmt::format(R"({{"succeeded":{},"errored":{},"expired":{},"canceled":{}}})", counts[RequestState::succeeded],
                     counts[RequestState::errored], counts[RequestState::expired], counts[RequestState::canceled]);
}

std::string batch_object(const Batch& batch) {
  return fmt::format(
      R"({{"id":{},"provider_id":{},"state":"{}","requests":{},"bytes":{},"created_at":{},"ended_at":{},"succeeded":{},"errored":{},"expired":{},"canceled":{}}})",
      batch.id.value, json_quote(batch.provider_id), to_text(batch.state), batch.requests, batch.bytes,
      json_time(batch.created_at), json_time(batch.ended_at), batch.succeeded, batch.errored, batch.expired,
      batch.canceled);
}

}  // namespace

std::string summary_json(const Job& job, const JobTallies& tallies, const std::vector<Batch>& batches) {
  std::string list;
  for (const auto& batch : batches) list += (list.empty() ? "" : ",") + batch_object(batch);
  return fmt::format(
      R"({{"job":{},"counts":{},"stop_reasons":{},"usage":{},"cost_usd":{},"unpriced_models":{},"errors":{},"batches":[{}]}})"
      "\n",
      to_json(job), outcome_counts(job.counts), to_object(tallies.stop_reasons), to_object(tallies.usage),
      json_usd(job.cost), to_object(tallies.unpriced_models), to_object(tallies.oddities), list);
}

Job as_finished(Job job, Instant now) {
  job.state = job.state == JobState::canceling ? JobState::canceled : JobState::done;
  if (!job.file_changed) job.reason.reset();
  job.next_action_at.reset();
  job.done_at = now;
  return job;
}

std::string unfinished_folder_name(const Job& job) {
  return fmt::format(".{}{}", results_folder_name(job), unfinished_suffix);
}

bool is_unfinished_folder_name(std::string_view name) {
  return name.starts_with('.') && name.ends_with(unfinished_suffix);
}

std::optional<SummaryFacts> read_summary(std::string_view text) {
  JsonChecker checker;
  if (checker.check(text)) return std::nullopt;
  const auto id = json_path(text, {"job", "id"});
  const auto done_at = json_path(text, {"job", "done_at"});
  if (!id || !done_at) return std::nullopt;
  const auto number = json_integer(*id);
  const auto at = parse_rfc3339(json_decode_string(*done_at));
  if (!number || !at) return std::nullopt;
  return SummaryFacts{JobId{*number}, *at};
}

}  // namespace offpeak
