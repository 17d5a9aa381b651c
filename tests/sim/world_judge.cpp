// The invariants of World, and its judgement at the end.
#include <algorithm>
#include <cstdlib>

#include "base/json.hpp"
#include "sim/look.hpp"
#include "sim/waits.hpp"
#include "sim/world_daemon.hpp"

namespace offpeak::simtest {

namespace {

constexpr Duration settler_wakes = std::chrono::minutes(30);
constexpr Duration most_complete = std::chrono::minutes(1);
constexpr Duration most_silent = std::chrono::minutes(1);
constexpr Duration longest_backoff = std::chrono::hours(2);
constexpr std::uint64_t least_room = 100'000;
constexpr std::string_view recovered_prefix = "recovered-";

}  // namespace

void World::check_cheap() {
  note_new_batches();
  forgive_hidden();
  check_strangers();
  for (auto& complaint : bill_.check(true_clock_.now())) {
    if (complaint.starts_with("billed twice")) ++counts_.billed_twice;
    complain(std::move(complaint));
  }
}

// A batch that shows later than the provider promises may be paid for beside what was sent again.
void World::note_new_batches() {
  note_new_batches(service_, batches_seen_);
  note_new_batches(other_service_, other_batches_seen_);
}

void World::note_new_batches(sim::Service& service, std::uint64_t& seen) {
  const auto& batches = service.store().batches();
  if (batches.size() == seen) return;
  for (const auto& batch : batches) {
    if (batch->number <= seen) continue;
    trace_.add("provider batch {} requests={} foreign={} listed in {} s", batch->id, batch->requests().size(),
               batch->foreign, (batch->listed_at - true_clock_.now()).count() / 1000);
    if (batch->copy_of != 0) {
      bill_.forgive(*batch, Bill::Why::copied);
      // Whichever of the two the answer named, the state must know both.
      const auto first = std::find_if(batches.begin(), batches.end(),
                                      [&](const auto& other) { return other->number == batch->copy_of; });
      bill_.must_be_told((*first)->id, Bill::Why::copied);
    }
    if (batch->listed_at - true_clock_.now() > weather_.most_lag) bill_.forgive(*batch, Bill::Why::listed_too_late);
  }
  seen = batches.size();
}

// Lists that end before a batch, all of them and for longer than the provider promises, are as good as its absence. Not
// so where the state knows it.
void World::forgive_hidden() {
  if (!weather_.features.has(Feature::lists) || !daemon_ || disk_.dead()) return;
  for (auto* service : {&service_, &other_service_}) {
    for (const auto& batch : service->store().batches()) {
      if (batch->foreign || batch->shown || !batch->hidden_at) continue;
      if (*batch->hidden_at - batch->created_at <= weather_.most_lag) continue;
      if (!hidden_judged_.insert(batch->id).second) continue;
      const SimDisk::Aside aside(disk_);
      if (names_batch(mount_.connection(config_.paths.database()), batch->id)) continue;
      bill_.forgive(*batch, Bill::Why::listed_too_late);
    }
  }
}

// A stranger is nobody of ours: whatever is thought of its batch, it runs on.
void World::check_strangers() {
  if (!weather_.features.any()) return;
  const auto canceled = service_.store().totals.foreign_canceled + other_service_.store().totals.foreign_canceled;
  if (canceled == foreign_canceled_seen_) return;
  foreign_canceled_seen_ = canceled;
  for (const auto& batch : service_.store().batches()) {
    if (!batch->foreign || !batch->cancel_at || !canceled_told_.insert(batch->id).second) continue;
    ++counts_.strangers_canceled;
    complain(fmt::format("a batch that is not ours was canceled: {} of {}", batch->id,
                         batch->maker == sim::Maker::offpeak ? "a second offpeak" : "another program"));
  }
}

// All its requests have outcomes, and nothing but the disk could keep its results back.
void World::check_complete(sqlite3* db) {
  if (!weather_.features.any()) return;
  const auto now = clock_.steady_now();
  if (disk_.faults() != disk_faults_seen_ || disk_.free_bytes() < least_room) {
    disk_faults_seen_ = disk_.faults();
    disk_trouble_until_ = now + longest_backoff;
  }
  const auto complete = complete_jobs(db);
  std::erase_if(complete_since_, [&](const auto& job) {
    return std::find(complete.begin(), complete.end(), job.first) == complete.end();
  });
  for (const auto job : complete) {
    if (jobs_without_file_.contains(JobId{job})) continue;
    const auto [since, fresh] = complete_since_.emplace(job, now);
    // Nothing may happen in that minute: somebody looks when it is over.
    if (fresh) at(now + most_complete + std::chrono::seconds(1), [this] { check_deep(); });
    if (now - since->second <= most_complete || now < disk_trouble_until_) continue;
    ++counts_.undone;
    complain(
        fmt::format("job {} is complete for {} s and not done", job, (now - since->second) / std::chrono::seconds(1)));
    since->second = SteadyTime::max();  // said once
    return;
  }
}

// Whatever waits says why: what is said is asked of waits.hpp, which reads what the status would say.
void World::check_waits() {
  if (!weather_.features.has(Feature::waits)) return;
  const auto now = clock_.steady_now();
  const auto silent = silent_waits({daemon_->queue, daemon_->stages, config_, clock_.now()});
  std::erase_if(silent_since_,
                [&](const auto& wait) { return std::find(silent.begin(), silent.end(), wait.first) == silent.end(); });
  for (const auto& wait : silent) {
    const auto since = silent_since_.emplace(wait, now).first;
    if (now - since->second <= most_silent) continue;
    ++counts_.silent;
    complain(
        fmt::format("{} waits for {} min and nothing says why", wait, (now - since->second) / std::chrono::minutes(1)));
    return;
  }
}

// What was forgiven was paid for, or might have been: the state knows of it, and can tell. After the calm it had every
// chance to see it: the lists are whole and true, and hours have passed.
void World::judge_forgiven() {
  // A clock that was far off ends what is looked for, and removes what is old: the faults page says so.
  if (!weather_.features.any() || weather_.clock_jumps > 0) return;
  // What a state has forgotten, and then began its workspace anew, is known to nobody but the operator.
  if (weather_.workspace_changes > 0 && counts_.restores > 0) return;
  const SimDisk::Aside aside(disk_);
  auto* database = mount_.connection(config_.paths.database());
  for (const auto& [id, why] : bill_.forgiven()) {
    if (names_batch(database, id)) continue;
    const auto batch = service_.store().find(id) ? service_.store().find(id) : other_service_.store().find(id);
    const auto& contents = service_.store().tables.contents;
    const bool overlaps = std::any_of(batch->requests().begin(), batch->requests().end(),
                                      [&](const auto& request) { return contents[request.content].created > 1; });
    if (!overlaps) continue;
    // While nothing is in flight a list is read once an hour, or at the longest interval.
    const auto lately = true_clock_.now() - config_.poll.max_interval - std::chrono::hours(2);
    if (!batch->shown || batch->listed_at > lately) continue;
    ++counts_.silent;
    complain(fmt::format("{} ran requests of ours that another batch ran too ({}), and the state does not know of it",
                         id,
                         why == Bill::Why::copied      ? "its POST was repeated"
                         : why == Bill::Why::forgotten ? "the state was put back"
                                                       : "it was listed late"));
  }
}

void World::check_deep() {
  if (!daemon_ || disk_.dead()) return;
  const SimDisk::Aside aside(disk_);
  look_for_fates();
  auto* database = mount_.connection(config_.paths.database());
  if (database == nullptr) return complain("the daemon runs without its database");
  // What it finds stands in the database: nothing new where nothing was written.
  const std::pair state(counts_.starts, rows_written(database));
  if (looked_into_ != state) {
    for (auto& complaint : look_into(database)) complain(std::move(complaint));
    looked_into_ = state;
  }
  ++counts_.looks;
  check_complete(database);
  check_waits();
  if (clock_.steady_now() - life_began_ < settler_wakes || service_.faults().rules().size() > 0) return;
  // Before the guard has passed, nothing is looked at: check_waits sees that the guard says why.
  if (daemon_->stages.facts().guard) return;
  if (silent_intents(database) > 0) complain("an unknown intent does not say when it is looked at again");
}

void World::note_not_created(LogFields fields) {
  for (const auto& field : fields) {
    if (field.key != "intent") continue;
    if (const auto intent = daemon_->queue.intent(IntentId{std::stoll(field.value)})) {
      not_created_.emplace_back(intent->requests, clock_.steady_now());
    }
  }
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
    gone = std::find_if(drops_.begin(), drops_.end(), [&](const Drop& d) { return !d.job && d.plain == content; });
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
  const auto cannot_end = std::count_if(jobs_without_file_.begin(), jobs_without_file_.end(), [&](JobId id) {
    const auto job = daemon_->queue.job(id);
    return job && !job->done_at;
  });
  if (status.jobs_open > cannot_end || status.intakes > 0) return false;
  // A stranger of today may pass for a late twin: its results will tell, and nothing waits for it here.
  const auto open = daemon_->queue.open_batches();
  if (std::any_of(open.begin(), open.end(), [](const Batch& batch) { return !batch.twin; })) return false;
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
    ListOptions all;
    all.limit = 1000;
    for (const auto& job : daemon_->queue.jobs(all)) {
      if (job.done_at) continue;
      trace_.add("judge {} is {} ({})", job.file, to_text(job.state), job.reason.value_or(""));
    }
    for (const auto& batch : daemon_->queue.unexplained()) {
      trace_.add("judge {} is {} ({})", batch.provider_id, batch.state, batch.reason.value_or(""));
    }
    return;
  }
  judge_forgiven();
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
  const bool canceled_here = type == "\"canceled\"" && (drop.canceled || drop.may_be_canceled);
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
  if (bill_.paid(line.digest) && type != "\"succeeded\"" && !bill_.is_forgiven(line.digest) && !elsewhere) {
    ++counts_.lost;
    complain(fmt::format("lost: request {} of {} was paid for and is {} {}", id, drop.name, type, error_type));
  }
  if (type == "\"succeeded\"" && !bill_.paid(line.digest)) {
    complain(fmt::format("results of {}: request {} succeeded and was never paid for", drop.name, id));
  }
}

}  // namespace offpeak::simtest
