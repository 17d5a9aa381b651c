// What the daemon, the workspace and the account wait for.
#include "waits/waits.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/json.hpp"
#include "base/text.hpp"
#include "waits/words.hpp"

namespace offpeak {

namespace {

constexpr std::size_t name_bytes_max = 60;

void add_configuration(std::vector<Wait>& waits, const Look& look) {
  if (!look.stages.refused_config) return;
  const auto& refused = *look.stages.refused_config;
  Wait wait{WaitKind::configuration,
            fmt::format("the configuration was not taken at the last reload, the old settings are in use: {}; correct "
                        "it and reload",
                        refused.what),
            refused.since};
  wait.health = Health::needs_human;
  wait.command = "offpeakd --check-config";
  waits.push_back(std::move(wait));
}

void add_disk(std::vector<Wait>& waits, const Look& look) {
  for (const auto& [stage, since] : look.stages.disk_full) {
    Wait wait{WaitKind::disk,
              fmt::format("the disk is full: {} waits for space and goes on by itself once some is free", stage),
              since};
    wait.health = has_lasted(since, look.now, patience) ? Health::needs_human : Health::degraded;
    wait.command = fmt::format("df -h {}", look.config.paths.state);
    waits.push_back(std::move(wait));
  }
}

void add_intake_pause(std::vector<Wait>& waits, const Look& look) {
  if (!look.status.intake_paused) return;
  Wait wait{WaitKind::operator_pause,
            "intake is paused by the operator: files wait in incoming/; `offpeak resume "
            "intake` goes on",
            look.status.intake_paused_since};
  wait.health = Health::degraded;
  waits.push_back(std::move(wait));
}

void add_unexplained(std::vector<Wait>& waits, const Look& look) {
  for (const auto& batch : look.status.unexplained) {
    const auto reason = batch.reason ? ": " + *batch.reason : "";
    Wait wait{WaitKind::unexplained_batch};
    wait.since = batch.created_at;
    wait.next_action_at = batch.next_action_at;
    wait.health = Health::degraded;
    if (batch.copy_of) {
      wait.what =
          fmt::format("{} may be a second copy of a batch of ours, made behind our back, or another program's: its "
                      "results will tell; `offpeak reconcile {} cancel` stops it{}",
                      batch.provider_id, batch.provider_id, reason);
      if (look.config.provider.exclusive) {
        wait.health = Health::needs_human;
        wait.command = fmt::format("offpeak reconcile {}", batch.provider_id);
      }
    } else if (batch.state == "claiming") {
      wait.what = fmt::format("the results of {} are being claimed; submitting waits{}", batch.provider_id, reason);
    } else {
      wait.what =
          fmt::format("{} exists at the provider and is not known here; submitting waits{}", batch.provider_id, reason);
      wait.health = Health::needs_human;
      wait.command = fmt::format("offpeak reconcile {} claim", batch.provider_id);
    }
    waits.push_back(std::move(wait));
  }
}

// Told, and nobody has decided: an alarm only where nobody else should be there.
void add_strangers(std::vector<Wait>& waits, const Look& look) {
  if (!look.config.provider.exclusive) return;
  for (const auto& batch : look.status.strangers) {
    Wait wait{
        WaitKind::strange_batch,
        fmt::format("batch {} with {} in this workspace is not offpeak's{}{}; where other programs may make batches "
                    "here, set [provider] exclusive = false; where it may be ours: offpeak reconcile {} claim",
                    batch.provider_id, requests_text(batch.requests), batch.reason ? ": " : "",
                    batch.reason.value_or(""), batch.provider_id),
        batch.created_at};
    wait.health = Health::needs_human;
    wait.command = fmt::format("offpeak reconcile {} dismiss", batch.provider_id);
    waits.push_back(std::move(wait));
  }
  const auto shown = static_cast<std::int64_t>(look.status.strangers.size());
  if (look.status.strangers_seen <= shown) return;
  Wait more{WaitKind::strange_batch,
            fmt::format("{} more batches in this workspace are not offpeak's", look.status.strangers_seen - shown)};
  more.health = Health::needs_human;
  more.command = "offpeak reconcile";
  waits.push_back(std::move(more));
}

void add_batches(std::vector<Wait>& waits, const Look& look) {
  for (const auto& batch : look.status.troubled) {
    auto wait = batch_wait(batch, look);
    if (batch.twin) {
      wait.kind = WaitKind::twin;
      wait.what = fmt::format(
          "batch {} came after its {} had been given up and may run what was sent again: compare the bill; what it "
          "paid for is used",
          batch.provider_id, requests_text(batch.requests));
      wait.health = Health::needs_human;
      wait.command = fmt::format("offpeak show b{}", batch.id.value);
    }
    waits.push_back(std::move(wait));
  }
}

void add_writing(std::vector<Wait>& waits, const Look& look) {
  for (const auto& [job, trouble] : look.stages.exports) {
    Wait wait{WaitKind::writing_fails,
              fmt::format("the results of job {} cannot be written: {}", job.value, trouble.what), trouble.since};
    wait.next_action_at = trouble.next_action_at;
    wait.health = Health::degraded;
    waits.push_back(std::move(wait));
  }
}

void add_intake(std::vector<Wait>& waits, const Look& look) {
  for (const auto& trouble : look.stages.intake) {
    Wait wait{WaitKind::intake, trouble.what, trouble.since};
    wait.next_action_at = trouble.next_action_at;
    wait.health = Health::degraded;
    waits.push_back(std::move(wait));
  }
}

// "2 files were rejected, the newest: a.jsonl: line 3, column 14: not valid JSON"
std::string rejected_text(const Status& status) {
  const auto& newest = *status.rejected_newest;
  const auto name = escape_for_display(newest.file, name_bytes_max);
  JsonElements errors(newest.errors);
  std::string_view first;
  std::string why;
  if (errors.next(first)) {
    const auto number = [&](std::string_view key) {
      const auto value = json_member(first, key);
      return value ? json_integer(*value) : std::nullopt;
    };
    if (const auto line = number("line")) why += fmt::format("line {}, ", *line);
    if (const auto column = number("column")) why += fmt::format("column {}, ", *column);
    if (!why.empty()) why.replace(why.size() - 2, 1, ":");
    if (const auto message = json_member(first, "message")) why += json_decode_string(*message);
  }
  if (newest.job) return fmt::format("{}: {}", name, why);
  if (status.rejected_unseen == 1) return fmt::format("{} was rejected: {}", name, why);
  return fmt::format("{} files were rejected, the newest: {}: {}", status.rejected_unseen, name, why);
}

void add_rejected(std::vector<Wait>& waits, const Look& look) {
  if (!look.status.rejected_newest) return;
  Wait wait{WaitKind::rejected_file, rejected_text(look.status), look.status.rejected_newest->at};
  wait.health = Health::needs_human;
  // It prints what is wrong with each, and then they are looked at.
  wait.command = look.status.rejected_unseen > 1
                     ? "offpeak rejected --seen all"
                     : fmt::format("offpeak rejected --seen {}", look.status.rejected_newest->id.value);
  waits.push_back(std::move(wait));
}

void add_held(std::vector<Wait>& waits, const Look& look) {
  for (const auto& job : look.status.held) {
    Wait wait{WaitKind::hold,
              fmt::format("job {} ({}) is held{}{}", job.id.value, escape_for_display(job.name, name_bytes_max),
                          job.reason ? ": " : "", job.reason.value_or(""))};
    wait.health = Health::needs_human;
    wait.command = fmt::format("offpeak release {}", job.id.value);
    waits.push_back(std::move(wait));
  }
  const auto count = look.status.held_by_operator;
  if (count == 0) return;
  waits.push_back(
      {WaitKind::operator_hold, fmt::format("{} {} held because the operator wished so: `offpeak jobs --state held`",
                                            count, count == 1 ? "job is" : "jobs are")});
}

}  // namespace

std::vector<Wait> waits_of(const Look& look) {
  std::vector<Wait> waits;
  add_configuration(waits, look);
  add_disk(waits, look);
  for (auto& wait : closed_ways(look)) {
    // Each unexplained batch is listed by itself.
    if (wait.kind != WaitKind::unexplained_batch) waits.push_back(std::move(wait));
  }
  add_intake_pause(waits, look);
  add_unexplained(waits, look);
  add_strangers(waits, look);
  for (const auto& intent : look.status.unsettled) waits.push_back(unknown_create_wait(intent, look));
  add_batches(waits, look);
  add_writing(waits, look);
  add_intake(waits, look);
  add_rejected(waits, look);
  add_held(waits, look);
  std::ranges::stable_sort(waits, [](const Wait& a, const Wait& b) { return a.health > b.health; });
  return waits;
}

Health health_of(const std::vector<Wait>& waits) { return waits.empty() ? Health::ok : waits.front().health; }

std::vector<std::string> facts_of(const Status& status) {
  std::vector<std::string> facts;
  if (const auto n = status.duplicate_batches; n > 0) {
    facts.push_back(
        fmt::format("{} batch{} ran requests that another one ran too: {} may have been paid twice; the "
                    "log names {}",
                    n, n == 1 ? "" : "es", n == 1 ? "it" : "they", n == 1 ? "it" : "them"));
  }
  for (const auto& [kind, noted] : status.noted) {
    facts.push_back(fmt::format("{}{}", noted.what,
                                noted.count == 1 ? "" : fmt::format(" (the last of {} of this kind)", noted.count)));
  }
  return facts;
}

}  // namespace offpeak
