#include <algorithm>

#include "ingest/ingester.hpp"
#include "ingest/open_intake.hpp"
#include "queue/late_bytes.hpp"

namespace offpeak {

namespace {

// So many are looked at after they were taken; of any more only the end of the job does (export/exporter).
constexpr std::size_t taken_max = 1000;
// Where nobody can say whether the writer is gone.
constexpr Duration looked_at_for = std::chrono::hours(1);

struct Looked {
  std::string changed;
  Writers writers = Writers::unknown;
};

}  // namespace

void Ingester::watch_taken(const Open& open) {
  if (open.intake.source != IntakeSource::folder || taken_.size() >= taken_max) return;
  Job job;  // without what may be large
  job.id = open.wanted.job.id;
  job.file = open.wanted.job.file;
  job.digest = open.wanted.job.digest;
  job.data_name = open.wanted.job.data_name;
  taken_.push_back({std::move(job), open.finding->taken, doors_.clock.steady_now() + looked_at_for});
}

// Until its writer has closed it: a job may be done before that.
Task<> Ingester::look_at_taken() {
  if (taken_.empty()) co_return;
  const auto looked = co_await doors_.file_worker.run(
      [&files = doors_.files, claimed = config_.paths.claimed(), taken = std::vector(taken_.begin(), taken_.end())] {
        std::vector<Looked> found;
        for (const auto& one : taken) {
          // The writers first: what they have written until they closed it is then seen.
          const auto writers = files.writers(join_path(claimed, std::to_string(one.job.id.value)));
          found.push_back({changed_since_taken(files, claimed, one.job, one.file), writers});
        }
        return found;
      });
  const auto now = doors_.clock.steady_now();
  for (const auto& [changed, writers] : looked) {
    const auto one = std::move(taken_.front());
    taken_.pop_front();
    if (!changed.empty()) {
      co_await doors_.database.write([id = one.job.id, &changed, at = doors_.clock.now()](Queue& queue) {
        queue.note_file_changed(id, changed, at);
      });
      doors_.log.warning("job.file_changed", {{"job", one.job.id}, {"file", one.job.file}, {"reason", changed}});
    } else if (writers == Writers::some || (writers == Writers::unknown && now < one.until)) {
      taken_.push_back(one);
    }
  }
}

}  // namespace offpeak
