#include <fmt/format.h>

#include <algorithm>

#include "base/crash_point.hpp"
#include "base/text.hpp"
#include "ingest/ingester.hpp"
#include "ingest/open_intake.hpp"
#include "ingest/spool.hpp"

namespace offpeak {

namespace {

constexpr Duration writer_patience = std::chrono::minutes(1);  // then it is said that a file is still written to
constexpr std::uint32_t rejected_looked_at = 1000;

// Before its original leaves claimed/: what was unpacked and has no original is of an accepted job.
Result<void> remove_unpacked(Files& files, const std::string& claimed, JobId id) {
  const auto path = data_path(claimed, id);
  if (!files.info(path)) return {};
  if (auto removed = files.remove(path); !removed) return removed;
  return files.sync_folder(claimed);
}

// Removes what only the check needed, and a socket's file itself: its client has it still. Durably: the next file gets
// its id.
Result<void> remove_leftovers(Files& files, const std::string& claimed, JobId id, IntakeSource source) {
  if (auto removed = remove_unpacked(files, claimed, id); !removed) return removed;
  if (source != IntakeSource::socket) return {};
  if (auto removed = files.remove(claimed_path(claimed, id)); !removed) return removed;
  return files.sync_folder(claimed);
}

}  // namespace

// The document, then the file, the row last: a crash in between finds the file gone, and the document tells why.
Task<> Ingester::reject(Open& open) {
  if (co_await is_written(open)) {
    wait_for_writer(open);
    co_return;
  }
  const auto& intake = open.intake;
  const auto& report = open.refusal ? *open.refusal : open.finding->report;
  const auto document = report.document(intake.name);
  const bool folder = intake.source == IntakeSource::folder;
  if (folder && !open.moved && !co_await move_to_rejected_folder(open, document)) co_return;
  const auto removed = co_await doors_.file_worker.run(
      [&files = doors_.files, claimed = config_.paths.claimed(), id = intake.id, source = intake.source] {
        return remove_leftovers(files, claimed, id, source);
      });
  if (!removed) {
    put_off(open, removed.error());
    co_return;
  }
  if (open.stored_any) co_await discard_index(intake.id);
  std::optional<RejectedFile> record;
  if (folder) record = record_of(document, intake.name, *open.moved, doors_.clock.now());
  co_await doors_.database.write([id = intake.id, &document, record](Queue& queue) {
    if (record) {
      queue.reject_file(id, record);
    } else {
      queue.reject_intake(id, document);
    }
  });
  open.ended = true;
  if (!folder) doors_.log.info("job.rejected", {{"intake", intake.id}, {"errors", report.count()}});
  if (calls_.rejected) calls_.rejected(intake.id);
}

Task<bool> Ingester::move_to_rejected_folder(Open& open, const std::string& document) {
  const auto& intake = open.intake;
  const auto paths = config_.paths;
  co_await doors_.database.write([id = intake.id, &document](Queue& queue) { queue.note_rejection(id, document); });
  const auto moved = co_await doors_.file_worker.run(
      [&files = doors_.files, paths, id = intake.id, name = intake.name, &document]() -> Result<std::string> {
        if (auto removed = remove_unpacked(files, paths.claimed(), id); !removed) return removed.error();
        return move_to_rejected(files, claimed_path(paths.claimed(), id), paths.rejected(), name, id, document);
      });
  if (!moved) {
    put_off(open, moved.error());
    co_return false;
  }
  open.moved = *moved;
  crash_point("file_rejected");
  doors_.log.warning("job.rejected", {{"file", intake.name},
                                      {"errors", record_of(document, "", "", Instant()).error_count},
                                      {"see", join_path(paths.rejected(), *moved + ".error.json")}});
  co_return true;
}

// A file that was renamed into incoming/ while its writer kept it open may only be bad because it is not complete.
Task<bool> Ingester::is_written(const Open& open) {
  if (open.moved || open.intake.source != IntakeSource::folder) co_return false;
  const auto path = claimed_path(config_.paths.claimed(), open.intake.id);
  const auto found = co_await doors_.file_worker.run([&files = doors_.files, path] { return files.writers(path); });
  co_return found == Writers::some;
}

void Ingester::wait_for_writer(Open& open) {
  open.refusal.reset();
  open.changes = 0;
  open.start_over = true;
  open.not_before = doors_.clock.steady_now() + wait_before_try(++open.tries, config_.intake);
  const auto what = fmt::format("{} is not good so far, and a program still has it open", shown_name(open.intake.name));
  if (troubles_.note(trouble_of(open.intake.id), what, doors_.clock.now(), wall_time(open.not_before),
                     writer_patience)) {
    doors_.log.info("intake.open", {{"intake", open.intake.id},
                                    {"file", open.intake.name},
                                    {"waits_for", "the program that writes it to close it"}});
  }
}

void Ingester::reject_for_room(Open& open, const Error& error) {
  open.refusal.emplace();
  open.refusal->add(error.message, error.hint);
  open.finding.emplace();
  open.finding->rejected = true;
}

// Somebody took the file out of claimed/.
Task<> Ingester::drop(Open& open) {
  doors_.log.warning("intake.vanished", {{"intake", open.intake.id}, {"file", open.intake.name}});
  co_await drop_missing(open.intake);
  open.ended = true;
}

// The file never came into claimed/ (it is still in incoming/), or it went to rejected/ just before a crash.
Task<> Ingester::drop_missing(Intake intake) {
  const auto data = data_path(config_.paths.claimed(), intake.id);
  const auto removed = co_await doors_.file_worker.run([&files = doors_.files, data] { return files.remove(data); });
  if (!removed) {
    complain_once(data, "intake.not_cleaned", {{"intake", intake.id}, {"error", removed.error().message}});
    co_return;
  }
  co_await discard_index(intake.id);
  if (intake.source == IntakeSource::socket) {
    ErrorReport report;
    report.add("the file is gone", "send it again");
    const auto document = report.document(intake.name);
    co_await doors_.database.write([id = intake.id, document](Queue& queue) { queue.reject_intake(id, document); });
    if (calls_.rejected) calls_.rejected(intake.id);
    co_return;
  }
  std::optional<RejectedFile> record;
  if (!intake.document.empty()) {
    const auto stored = co_await doors_.file_worker.run([&files = doors_.files, paths = config_.paths, &intake] {
      return find_rejected(files, paths.rejected(), intake.name, intake.id, intake.document);
    });
    record = record_of(intake.document, intake.name, stored, doors_.clock.now());
  }
  // A state that was put back may not know that the id has become a job's since.
  const bool is_used = ids_on_disk_.contains(intake.id);
  co_await doors_.database.write([id = intake.id, is_used, record](Queue& queue) {
    if (is_used) {
      queue.retire_intake(id);
    } else {
      queue.reject_file(id, record);
    }
  });
}

// Whoever took a file out of rejected/ knows of it.
Task<> Ingester::look_at_rejected() {
  const auto unseen =
      co_await doors_.database.read([](const Queue& queue) { return queue.unseen_rejected(rejected_looked_at); });
  if (unseen.empty()) co_return;
  const auto gone =
      co_await doors_.file_worker.run([&files = doors_.files, folder = config_.paths.rejected(), &unseen] {
        std::vector<RejectedId> missing;
        for (const auto& one : unseen) {
          if (one.stored.empty()) continue;
          const auto info = files.info(join_path(folder, one.stored));
          if (!info && info.error().kind == ErrorKind::not_found) missing.push_back(one.id);
        }
        return missing;
      });
  if (gone.empty()) co_return;
  co_await doors_.database.write([&gone](Queue& queue) {
    for (const auto id : gone) queue.see_rejected(id);
  });
}

}  // namespace offpeak
