#include "daemon/cli/batch_view.hpp"

#include <fmt/format.h>

#include "base/text.hpp"
#include "daemon/cli/human.hpp"

namespace offpeak::cli {

BatchView parse_batch(const JsonView& json) {
  BatchView batch;
  batch.id = json.integer("id");
  batch.provider_id = escape_for_display(json.text("provider_id"), 100);
  batch.state = escape_for_display(json.text("state"), 40);
  batch.reason = escape_for_display(json.text("reason"), 200);
  batch.requests = json.integer("requests");
  batch.bytes = json.integer("bytes");
  const auto counts = json.object("counts");
  batch.processing = counts.integer("processing");
  batch.succeeded = counts.integer("succeeded");
  batch.errored = counts.integer("errored");
  batch.canceled = counts.integer("canceled");
  batch.expired = counts.integer("expired");
  batch.created_at = parse_rfc3339(json.text("created_at"));
  batch.ended_at = parse_rfc3339(json.text("ended_at"));
  batch.collected_at = parse_rfc3339(json.text("collected_at"));
  return batch;
}

std::string describe(const Output& out, const BatchView& batch) {
  std::string text = out.bold(fmt::format("Batch b{}: {}", batch.id, batch.provider_id)) + '\n';
  const auto add = [&text](std::string_view title, std::string_view value) {
    text += fmt::format("  {:<9} {}\n", title, value);
  };
  add("State", batch.state + (batch.reason.empty() ? "" : ": " + batch.reason));
  add("Requests", fmt::format("{}, {}", human_count(batch.requests), human_bytes(batch.bytes)));
  add("Provider", fmt::format("{} processing, {} succeeded, {} errored, {} canceled, {} expired",
                              human_count(batch.processing), human_count(batch.succeeded), human_count(batch.errored),
                              human_count(batch.canceled), human_count(batch.expired)));
  add("Created", human_time(batch.created_at));
  if (batch.ended_at) add("Ended", human_time(batch.ended_at));
  if (batch.collected_at) add("Collected", human_time(batch.collected_at));
  return text;
}

}  // namespace offpeak::cli
