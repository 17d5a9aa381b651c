// What a queue holds, as text: two queues with the same text would send, record and show the same.
#pragma once

#include <fmt/format.h>

#include <fstream>
#include <string>

#include "queue/queue.hpp"
#include "queue_world.hpp"

namespace offpeak::testing {

inline std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void write_file(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

inline std::string show(const RequestRange& range) {
  return fmt::format("{}:{}+{} ", range.job.value, range.first, range.count);
}

inline std::string show(const Batch& batch) {
  return fmt::format("{} {} {} {} {} {} {}{}{} d{} f{}\n", batch.id.value, batch.provider_id, batch.intent.value,
                     to_text(batch.state), batch.requests, batch.bytes, batch.proven, batch.twin, batch.cancel_wanted,
                     batch.downloads, batch.failures);
}

inline void show_packing(Queue& queue, std::string& text) {
  const auto view = queue.pack_view(world_now, 1000);
  for (const auto& job : view.jobs) {
    text += fmt::format("\npack {} {} ", job.job.value, job.priority);
    for (const auto& run : job.pending) {
      text += show(run.range) + fmt::format("a{} t{} r{} ", run.attempts, run.most_together, to_millis(run.refused_at));
    }
  }
  text += fmt::format("\n{} {} {} {} {} {}\n", view.queued_requests, view.open_batches, view.unsettled_counts.size(),
                      view.submitting_paused, view.unexplained_batches, view.spent_today);
}

inline void show_intent(Queue& queue, const std::optional<Intent>& intent, std::string& text) {
  if (!intent) return;
  text += fmt::format("intent {} {} {} {} {} ", intent->id.value, intent->nonce, to_text(intent->state),
                      intent->requests, intent->bytes);
  for (const auto& part : queue.assignments(intent->id))
    text += fmt::format("{}@", part.first_place) + show(part.range);
  for (const auto& id : queue.known_ids(intent->id)) text += id + ' ';
  text += '\n';
}

inline void show_job(Queue& queue, const Job& job, std::string& text) {
  text += to_json(job) + job.digest.hex() + job.data_name + job.defaults + '\n';
  for (const auto& entry : queue.lines(job.id, 0, static_cast<std::uint32_t>(job.requests))) {
    text += fmt::format("{}.{} ", entry.offset, entry.checksum);
  }
  for (const auto& row : queue.outcomes(job.id, 0, static_cast<std::uint32_t>(job.requests))) {
    text += fmt::format("{} {} {} {} {} {} {} {}\n", row.seq, to_text(row.type), row.batch.value, row.download,
                        row.offset, row.bytes, row.checksum, row.made_result);
    if (row.unreadable) text += fmt::format("{} {}\n", row.unreadable->why, row.unreadable->is_json);
  }
  const auto tallies = queue.tallies(job.id);
  for (const auto& [name, n] : tallies.stop_reasons) text += fmt::format("{} {}\n", name, n);
  for (const auto& [name, n] : tallies.usage) text += fmt::format("{} {}\n", name, n);
}

// What decides: what would be sent, is on its way, has come back, and what people see of it.
inline std::string everything(Queue& queue) {
  std::string text;
  show_packing(queue, text);
  show_intent(queue, queue.uploading_intent(), text);
  for (const auto& intent : queue.unknown_intents()) show_intent(queue, intent, text);
  for (const auto& one : queue.may_explain({}, world_now)) show_intent(queue, one.intent, text);
  for (const auto& job : queue.jobs({})) show_job(queue, job, text);
  for (const auto& batch : queue.batches({})) text += show(batch);
  for (const auto& batch : queue.open_batches()) text += show(batch);
  for (const auto& batch : queue.batches_to_cancel()) text += show(batch);
  for (const auto& job : queue.jobs_to_export()) text += to_json(job);
  for (const auto& found : queue.unexplained()) text += found.provider_id + found.state + '\n';
  for (const auto& intake : queue.intakes()) {
    text += fmt::format("{} {} {}\n", intake.id.value, intake.name, intake.overrides.again);
  }
  text += fmt::format("{} {}\n", queue.intake_paused(), to_millis(queue.newest_known_at().value_or(Instant())));
  const auto status = queue.status(world_now);
  text += fmt::format("{} {} {} {} {}\n", status.jobs_open, fmt::join(status.counts.by_state, " "), status.open_batches,
                      status.unknown_intents, status.intakes);
  return text;
}

}  // namespace offpeak::testing
