// The invariants of World, and its judgement at the end.
#include <algorithm>
#include <cstdlib>

#include "base/json.hpp"
#include "sim/look.hpp"
#include "sim/world_daemon.hpp"

namespace offpeak::simtest {

namespace {

constexpr Duration settler_wakes = std::chrono::minutes(30);
constexpr std::string_view recovered_prefix = "recovered-";

}  // namespace

void World::check_cheap() {
  note_new_batches();
  for (auto& complaint : bill_.check(true_clock_.now())) {
    if (complaint.starts_with("billed twice")) ++counts_.billed_twice;
    complain(std::move(complaint));
  }
}

// A batch that shows later than the provider promises may be paid for beside what was sent again.
void World::note_new_batches() {
  const auto& batches = service_.store().batches();
  if (batches.size() == batches_seen_) return;
  for (const auto& batch : batches) {
    if (batch->number <= batches_seen_) continue;
    trace_.add("provider batch {} requests={} foreign={} listed in {} s", batch->id, batch->requests().size(),
               batch->foreign, (batch->listed_at - true_clock_.now()).count() / 1000);
    if (batch->listed_at - true_clock_.now() > most_lag) bill_.forgive(*batch);
  }
  batches_seen_ = batches.size();
}

void World::check_deep() {
  if (!daemon_ || disk_.dead()) return;
  const SimDisk::Aside aside(disk_);
  look_for_fates();
  auto* database = mount_.connection(config_.paths.database());
  if (database == nullptr) return complain("the daemon runs without its database");
  for (auto& complaint : look_into(database)) complain(std::move(complaint));
  ++counts_.looks;
  if (clock_.steady_now() - life_began_ < settler_wakes || service_.faults().rules().size() > 0) return;
  if (silent_intents(database) > 0) complain("an unknown intent does not say when it is looked at again");
}

// What the log says; a job's name is its file's, up to the first dot.
void World::note_job(std::int64_t job, std::string_view name, bool accepted) {
  for (auto& drop : drops_) {
    if (std::string_view(drop.name).substr(0, drop.name.find('.')) != name) continue;
    drop.job = job;
    drop.finished = drop.finished || !accepted;
  }
}

// A job file that a restored state did not know comes in again under a name of the daemon's own.
void World::note_recovered(const Job& job) {
  if (!job.file.starts_with(recovered_prefix)) return;
  if (std::any_of(drops_.begin(), drops_.end(), [&](const Drop& d) { return d.name == job.file; })) return;
  const auto old = std::strtoll(job.file.c_str() + recovered_prefix.size(), nullptr, 10);
  auto gone = std::find_if(drops_.begin(), drops_.end(), [&](const Drop& d) { return d.job == old; });
  if (gone == drops_.end()) {
    // It was still being taken in when the state was put back.
    const auto content = read_file(join_path(config_.paths.claimed(), job.data_name));
    gone = std::find_if(drops_.begin(), drops_.end(), [&](const Drop& d) { return !d.job && d.content == content; });
  }
  if (gone == drops_.end()) {
    complain(fmt::format("{} is a job that nobody dropped", job.file));
    return;
  }
  gone->forgotten = true;
  auto again = make_copy(*gone, 1000 + static_cast<int>(drops_.size()));
  again.name = job.file;
  again.rerun = gone->rerun;
  again.uncertain = gone->uncertain;
  again.duplicate_of = gone->duplicate_of.value_or(gone->number);
  drops_.push_back(std::move(again));
}

// Which job a drop has become, and which are finished: what the log could not say any more before a crash.
void World::look_for_fates() {
  if (!daemon_ || disk_.dead()) return;
  const SimDisk::Aside aside(disk_);
  ListOptions options;
  options.limit = 1000;
  for (const auto& job : daemon_->queue.jobs(options)) {
    note_recovered(job);
    const auto drop = std::find_if(drops_.begin(), drops_.end(), [&](const Drop& d) { return d.name == job.file; });
    if (drop == drops_.end()) continue;
    drop->job = job.id.value;
    drop->finished = drop->finished || job.done_at.has_value();
  }
}

std::vector<std::string> World::names_in(const std::string& folder) {
  const SimDisk::Aside aside(disk_);
  std::vector<FileInfo> found;
  disk_.list(folder, found);
  std::vector<std::string> names;
  for (const auto& info : found) names.push_back(info.name);
  return names;
}

std::string World::read_file(const std::string& path) {
  const SimDisk::Aside aside(disk_);
  Inode inode = 0;
  if (disk_.open(path, OpenFor::reading, inode) != 0) return "";
  std::uint64_t size = 0;
  disk_.size(inode, size);
  std::string text(size, '\0');
  std::size_t got = 0;
  disk_.read(inode, text, 0, got);
  disk_.close(inode);
  text.resize(got);
  return text;
}

bool World::all_done() {
  if (!daemon_ || disk_.dead()) return false;
  look_for_fates();
  const SimDisk::Aside aside(disk_);
  const auto status = daemon_->queue.status(clock_.now());
  if (status.jobs_open > std::ssize(jobs_without_file_) || status.intakes > 0 || status.open_batches > 0) return false;
  const auto waiting = names_in(config_.paths.incoming());
  return std::none_of(waiting.begin(), waiting.end(), [](const auto& name) { return !name.starts_with("."); });
}

void World::judge() {
  if (!daemon_) {
    complain("the daemon does not run at the end");
    return;
  }
  if (!all_done()) {
    const SimDisk::Aside aside(disk_);
    const auto status = daemon_->queue.status(clock_.now());
    complain(fmt::format("not done in time: {} jobs, {} intakes, {} batches, {} unknown intents", status.jobs_open,
                         status.intakes, status.open_batches, status.unknown_intents));
    return;
  }
  for (auto& drop : drops_) {
    const bool ended = judge_drop(drop);
    if (ended || drop.uncertain || drop.forgotten) continue;
    ++counts_.lost;
    complain(fmt::format("lost: {} is neither in results/ nor in rejected/", drop.name));
  }
  for (auto& drop : drops_) {
    if (drop.bad || drop.uncertain || drop.duplicate_of) continue;
    const auto same = [&](const Drop& other) {
      return other.number == drop.number || other.duplicate_of == drop.number;
    };
    if (std::any_of(drops_.begin(), drops_.end(),
                    [&](const Drop& d) { return same(d) && (d.finished || d.uncertain); }))
      continue;
    ++counts_.lost;
    complain(fmt::format("lost: nothing came of {}", drop.name));
  }
}

// True where it ended in results/ or in rejected/.
bool World::judge_drop(Drop& drop) {
  const auto rejected = names_in(config_.paths.rejected());
  const auto has = [&](const std::string& name) {
    return std::find(rejected.begin(), rejected.end(), name) != rejected.end();
  };
  // A crash between the document and the file leaves the name taken, and the next one is numbered.
  for (const auto* number : {"", ".1", ".2", ".3"}) {
    drop.refused = drop.refused || (has(drop.name + number) && has(drop.name + number + ".error.json"));
  }
  if (!drop.uncertain && drop.refused && !drop.bad && !drop.duplicate_of) {
    const bool has_copy =
        std::any_of(drops_.begin(), drops_.end(), [&](const Drop& other) { return other.duplicate_of == drop.number; });
    if (!has_copy) complain(fmt::format("{} was rejected without a reason", drop.name));
  }
  if (drop.bad && !drop.refused && !drop.uncertain) complain(fmt::format("{} was not rejected", drop.name));
  if (!drop.finished) return drop.refused;
  const auto prefix = fmt::format("{}-", *drop.job);
  for (const auto& folder : names_in(config_.paths.results())) {
    const auto path = join_path(config_.paths.results(), folder);
    const auto summary = read_file(join_path(path, "summary.json"));
    const auto file = json_path(summary, {"job", "file"});
    if (!file || json_decode_string(*file) != drop.name) continue;
    if (!drop.uncertain) judge_results(drop, read_file(join_path(path, "results.jsonl")));
    return true;
  }
  return false;
}

void World::judge_results(const Drop& drop, const std::string& text) {
  std::size_t number = 0;
  for (std::size_t begin = 0; begin < text.size(); ++number) {
    const auto end = std::min(text.find('\n', begin), text.size());
    const auto line = std::string_view(text).substr(begin, end - begin);
    begin = end + 1;
    if (number >= drop.lines.size()) break;
    judge_line(drop, drop.lines[number], line);
  }
  if (number == drop.lines.size()) return;
  counts_.lost += number < drop.lines.size() ? drop.lines.size() - number : 0;
  complain(fmt::format("lost: results of {} have {} lines for {} requests", drop.name, number, drop.lines.size()));
}

void World::judge_line(const Drop& drop, const ExpectedLine& line, std::string_view text) {
  const auto id = json_member(text, "custom_id").value_or("");
  const auto result = std::string(json_member(text, "result").value_or(""));
  if (id != line.custom_id) {
    complain(fmt::format("results of {}: {} stands where {} should", drop.name, id, line.custom_id));
    return;
  }
  const auto type = json_path(text, {"result", "type"}).value_or("");
  const auto error_type = json_path(text, {"result", "error", "error", "type"}).value_or("");
  if (line.skipped) {
    if (type != "\"errored\"") complain(fmt::format("results of {}: the bad line {} is {}", drop.name, id, type));
    return;
  }
  const auto now = true_clock_.now();
  const bool from_provider = bill_.answers(line.digest, now).contains(result);
  const bool canceled_here = type == "\"canceled\"" && drop.canceled;
  const bool refused_here = type == "\"errored\"" && error_type != "\"offpeak_results_lost\"";
  if (!from_provider && !canceled_here && !refused_here) {
    trace_.add("judge {} {} has {}", drop.name, id, result);
    for (const auto& answer : bill_.answers(line.digest, now)) trace_.add("judge the provider said {}", answer);
    complain(fmt::format("results of {}: request {} has {} {}, which the provider never said", drop.name, id, type,
                         error_type));
  }
  // An operator who cancels a job before a forgotten batch is claimed does without what that batch paid for.
  const bool canceled_unasked = canceled_here && counts_.restores > 0;
  // What came to nothing before the state was put back may be paid for in the second run, and that one's results have it.
  const bool elsewhere = drop.rerun || canceled_unasked || drop.forgotten;
  if (bill_.paid(line.digest) && type != "\"succeeded\"" && bill_.forgiven() == 0 && !elsewhere) {
    ++counts_.lost;
    complain(fmt::format("lost: request {} of {} was paid for and is {} {}", id, drop.name, type, error_type));
  }
  if (type == "\"succeeded\"" && !bill_.paid(line.digest)) {
    complain(fmt::format("results of {}: request {} succeeded and was never paid for", drop.name, id));
  }
}

}  // namespace offpeak::simtest
