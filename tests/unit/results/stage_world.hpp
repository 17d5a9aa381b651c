// Everything that poll, results and export need around them, in virtual time and on one thread: a real queue
// and real files in a folder of their own, a scripted provider, a log that is kept. Opened twice on one
// folder it is a restart.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/digest.hpp"
#include "base/files.hpp"
#include "base/log.hpp"
#include "base/random.hpp"
#include "base/task_group.hpp"
#include "base/wakeup.hpp"
#include "config/config.hpp"
#include "model/params.hpp"
#include "provider/provider.hpp"
#include "queue/queue.hpp"
#include "support/virtual_clock.hpp"
#include "unit/base/temporary_folder.hpp"

namespace offpeak::testing {

class KeptLog final : public Log {
 public:
  KeptLog() : Log(LogLevel::debug) {}
  bool has(std::string_view text) const { return count(text) > 0; }
  std::size_t count(std::string_view text) const {
    std::size_t n = 0;
    for (const auto& line : lines) n += line.find(text) != std::string::npos ? 1 : 0;
    return n;
  }
  std::vector<std::string> lines;

 protected:
  void emit(LogLevel level, std::string_view event, LogFields fields) override {
    constexpr std::array<std::string_view, 4> words{"error", "warning", "info", "debug"};
    lines.push_back(fmt::format("{} {}", words[static_cast<std::size_t>(level)], log_line(event, fields)));
  }
};

// What a killed process looks like from inside: nothing after it happens.
struct Killed : std::runtime_error {
  Killed() : std::runtime_error("killed") {}
};

// Real files that can be made to fail or to end the process at their n-th writing operation.
class TroubledFiles final : public Files {
 public:
  enum class Trouble : std::uint8_t { none, kill, disk_full };
  void trouble_at(Trouble trouble, int operation) {
    trouble_ = trouble;
    left_ = operation;
    hit_ = false;
  }
  // Every write from now on, until called with false.
  void set_full(bool full) { full_ = full; }
  void set_unsyncable(bool unsyncable) { unsyncable_ = unsyncable; }
  bool hit() const { return hit_; }
  int operations = 0;

  Result<void> check(std::string_view doing) {
    ++operations;
    if (full_ && doing == "write") return os_error(doing, "file", ENOSPC);
    if (unsyncable_ && doing == "sync") return os_error(doing, "file", EIO);
    if (trouble_ == Trouble::none || --left_ > 0) return {};
    const auto trouble = std::exchange(trouble_, Trouble::none);
    hit_ = true;
    if (trouble == Trouble::kill) throw Killed();
    return os_error(doing, "file", ENOSPC);
  }

  Result<std::unique_ptr<File>> open(const std::string& path, OpenFor purpose) override {
    if (purpose != OpenFor::reading) {
      if (auto ok = check("open"); !ok) return ok.error();
    }
    auto file = real_.open(path, purpose);
    if (!file) return file;
    return std::unique_ptr<File>(new TroubledFile(*this, std::move(*file)));
  }
  Result<FileInfo> info(const std::string& path) override { return real_.info(path); }
  Result<std::vector<FileInfo>> list(const std::string& folder) override { return real_.list(folder); }
  Result<void> make_folders(const std::string& path, unsigned mode) override {
    if (auto ok = check("make"); !ok) return ok;
    return real_.make_folders(path, mode);
  }
  Result<void> move(const std::string& from, const std::string& to) override {
    if (auto ok = check("move"); !ok) return ok;
    return real_.move(from, to);
  }
  Result<void> move_new(const std::string& from, const std::string& to) override {
    if (auto ok = check("move"); !ok) return ok;
    return real_.move_new(from, to);
  }
  Result<void> move_unsynced(const std::string& from, const std::string& to) override {
    if (auto ok = check("move"); !ok) return ok;
    return real_.move_unsynced(from, to);
  }
  Result<void> remove(const std::string& path) override { return real_.remove(path); }
  Result<void> remove_tree(const std::string& path) override { return real_.remove_tree(path); }
  Result<void> sync_folder(const std::string& path) override {
    if (auto ok = check("sync"); !ok) return ok;
    return real_.sync_folder(path);
  }
  Result<void> set_mode(const std::string& path, unsigned mode, const std::string& group) override {
    return real_.set_mode(path, mode, group);
  }
  Result<DiskSpace> space(const std::string& path) override { return real_.space(path); }
  Writers writers(const std::string& path) override { return real_.writers(path); }
  bool writable(const std::string& path) override { return real_.writable(path); }

 private:
  class TroubledFile final : public File {
   public:
    TroubledFile(TroubledFiles& owner, std::unique_ptr<File> real) : owner_(owner), real_(std::move(real)) {}
    Result<std::size_t> read_at(std::span<char> buffer, std::uint64_t offset) override {
      return real_->read_at(buffer, offset);
    }
    Result<void> append(std::string_view bytes) override {
      if (auto ok = owner_.check("write"); !ok) {
        // A full disk takes a part.
        static_cast<void>(real_->append(bytes.substr(0, bytes.size() / 2)));
        return ok;
      }
      return real_->append(bytes);
    }
    Result<void> sync() override {
      if (auto ok = owner_.check("sync"); !ok) return ok;
      return real_->sync();
    }
    Result<FileInfo> info() override { return real_->info(); }

   private:
    TroubledFiles& owner_;
    std::unique_ptr<File> real_;
  };

  SystemFiles real_;
  Trouble trouble_ = Trouble::none;
  int left_ = 0;
  bool full_ = false;
  bool unsyncable_ = false;
  bool hit_ = false;
};

inline CallFailure failed_call(CallFailureKind kind, int status, std::optional<Duration> retry_after = std::nullopt) {
  CallFailure failure;
  failure.kind = kind;
  failure.http_status = status;
  failure.message = fmt::format("scripted {}", status);
  failure.retry_after = retry_after;
  return failure;
}

// The provider as a script: batches that the test moves, failures that it queues.
class FakeProvider : public Provider {
 public:
  struct Download {  // one answer to results()
    std::string body;
    std::optional<CallFailure> failure;  // after the body
  };

  std::vector<ProviderBatch> batches;                     // newest first
  std::set<std::string> unlisted;                         // known by id only
  std::map<std::string, std::deque<Download>> downloads;  // the last one is given again and again
  std::deque<CallFailure> list_failures, retrieve_failures, cancel_failures;
  std::optional<Duration> list_hint;
  std::function<std::optional<Instant>()> list_date;  // the provider's clock; none: its answers do not say
  std::vector<std::string> calls;
  std::vector<ListQuery> queries;
  std::size_t block_bytes = 1000;
  std::function<void(std::size_t)> before_block;        // with how much of a download was given before
  std::function<void(const std::string& call)> during;  // what else happens while a call is under way

  ProviderBatch& batch(const std::string& id) {
    for (auto& known : batches) {
      if (known.id == id) return known;
    }
    throw std::logic_error("no such batch");
  }
  std::size_t count(std::string_view call) const {
    std::size_t n = 0;
    for (const auto& made : calls) n += made.starts_with(call) ? 1 : 0;
    return n;
  }

  // As whom it is asked; the tests change it.
  ProviderIdentity asked_as{"https://provider.test:443", "", "", "org-1"};
  std::string key = "sk-test";
  std::uint64_t of_generation = 0;
  ProviderIdentity identity(std::string_view salt) const override {
    auto identity = asked_as;
    identity.key_hash = fmt::format("{:032x}", hash64(key, hash64(salt)));
    return identity;
  }
  std::uint64_t generation() const override { return of_generation; }

  Task<CreateAnswer> create(HeaderGroup, BodySource&, CreateCommit&) override {
    throw std::logic_error("nothing is ever created here");
    co_return CreateAnswer();
  }
  Task<Called<ListPage>> list(ListQuery query) override {
    begin("list");
    queries.push_back(query);
    Called<ListPage> called;
    if (!list_failures.empty()) {
      called.answer = list_failures.front();
      list_failures.pop_front();
      co_return called;
    }
    ListPage page;
    for (const auto& known : batches) {
      if (!unlisted.contains(known.id) && page.batches.size() < query.limit) page.batches.push_back(known);
    }
    page.date = list_date ? list_date() : std::nullopt;
    called.answer = std::move(page);
    called.retry_after = list_hint;
    co_return called;
  }
  Task<Called<ProviderBatch>> retrieve(std::string id) override {
    begin("retrieve " + id);
    co_return one(id, retrieve_failures);
  }
  Task<Called<ProviderBatch>> cancel(std::string id) override {
    begin("cancel " + id);
    auto answer = one(id, cancel_failures);
    if (answer.ok()) {
      batch(id).status = ProcessingStatus::canceling;
      answer.value().status = ProcessingStatus::canceling;
    }
    co_return answer;
  }
  Task<Called<std::uint64_t>> results(std::string id, ResultsSink& sink) override {
    begin("results " + id);
    Called<std::uint64_t> called;
    auto& queue = downloads[id];
    if (queue.empty()) {
      called.answer = failed_call(CallFailureKind::not_found, 404);
      co_return called;
    }
    const Download download = queue.front();
    if (queue.size() > 1) queue.pop_front();
    for (std::size_t at = 0; at < download.body.size(); at += block_bytes) {
      if (before_block) before_block(at);
      auto taken = co_await sink.take(std::string_view(download.body).substr(at, block_bytes));
      if (!taken) {
        auto failure = failed_call(CallFailureKind::stopped, 200);
        failure.message = taken.error().message;
        called.answer = failure;
        co_return called;
      }
    }
    if (download.failure) {
      called.answer = *download.failure;
    } else {
      called.answer = std::uint64_t{download.body.size()};
    }
    co_return called;
  }

 private:
  void begin(const std::string& call) {
    calls.push_back(call);
    if (during) during(call);
  }
  Called<ProviderBatch> one(const std::string& id, std::deque<CallFailure>& failures) {
    Called<ProviderBatch> called;
    called.answer = failed_call(CallFailureKind::not_found, 404);
    if (!failures.empty()) {
      called.answer = failures.front();
      failures.pop_front();
      return called;
    }
    for (const auto& known : batches) {
      if (known.id == id) called.answer = known;
    }
    return called;
  }
};

// Result values as the provider writes them.
inline std::string succeeded_value(std::string_view text = "ok", std::string_view stop_reason = "end_turn") {
  return fmt::format(
      R"({{"type":"succeeded","message":{{"id":"msg_1","type":"message","role":"assistant","model":"claude-test","content":[{{"type":"text","text":"{}"}}],"stop_reason":"{}","usage":{{"input_tokens":10,"output_tokens":20}}}}}})",
      text, stop_reason);
}
inline std::string errored_value(std::string_view type, std::string_view message = "no") {
  return fmt::format(
      R"({{"type":"errored","error":{{"type":"error","error":{{"type":"{}","message":"{}"}},"request_id":null}}}})",
      type, message);
}
inline std::string result_line(std::string_view nonce, std::uint32_t place, std::string_view value,
                               Fingerprint print = 0x12'3456'789a) {
  return fmt::format("{{\"custom_id\":\"{}\",\"result\":{}}}\n", wire_id({nonce, place, print}), value);
}

class StageWorld {
 public:
  explicit StageWorld(const TemporaryFolder& folder_of_test)
      : folder(folder_of_test),
        clock(context),
        queue(folder / "offpeak.db"),
        worker(context.get_executor()),
        bells(clock, context.get_executor()),
        database(queue, worker, clock, &bells),
        group(context.get_executor()) {
    config.paths.spool = folder.path();
    config.paths.state = folder.path();
    config.retry.backoff = std::chrono::seconds(30);
    prices.models["claude-test"] = {RateCard{1000, 1250, 2000, 100, 5000}, std::nullopt, {}};
    queue.recover(clock.now());
  }
  ~StageWorld() { stop(); }
  StageWorld(const StageWorld&) = delete;
  StageWorld& operator=(const StageWorld&) = delete;

  void start(Task<> stage) {
    static_cast<void>(queue.take_concerned());  // the test may have written without a worker
    group.spawn("stage", std::move(stage));
    clock.run_until_idle();
  }
  void stop() {
    group.cancel();
    clock.run_until_idle();
  }
  // Runs that many steps between two suspensions, as SIGTERM may come after any of them.
  void run_steps(int steps) {
    context.restart();
    for (int i = 0; i < steps && context.poll_one() > 0; ++i) {
    }
  }
  std::exception_ptr failure() {
    std::exception_ptr found;
    boost::asio::co_spawn(context, group.join(), [&](std::exception_ptr thrown) { found = thrown; });
    clock.run_until_idle();
    return found;
  }

  static std::string params_of(JobId job, Seq seq) {
    return fmt::format(R"({{"model":"m","job":{},"n":{}}})", job.value, seq);
  }
  // A job of `requests` lines {"custom_id":"r0","params":{...}}, claimed and queued.
  JobId add_job(std::uint32_t requests, const std::string& name = "job", std::uint32_t max_attempts = 5,
                JobFormat format = JobFormat::lines, const std::string& options_line = "") {
    const auto id = queue.announce_intake(IntakeSource::folder, name + ".jsonl", {}, clock.now());
    std::string text = options_line.empty() ? "" : options_line + "\n";
    if (format == JobFormat::requests) text = "{\"requests\":[";
    std::vector<LineEntry> entries;
    for (std::uint32_t i = 0; i < requests; ++i) {
      const auto params = params_of(id, i);
      const auto raw_id = fmt::format(R"("r{}")", i);
      const std::string_view gap = format == JobFormat::requests ? "\n " : "";
      LineEntry entry;
      entry.offset = text.size();
      const auto line = fmt::format("{{\"custom_id\":{},{}\"params\":{}}}", raw_id, gap, params);
      entry.bytes = static_cast<std::uint32_t>(line.size());
      entry.id_offset = static_cast<std::uint32_t>(line.find(raw_id));
      entry.id_bytes = static_cast<std::uint32_t>(raw_id.size());
      entry.params_offset = static_cast<std::uint32_t>(line.find(params));
      entry.params_bytes = entry.sent_params_bytes = static_cast<std::uint32_t>(params.size());
      entry.checksum = checksum32(params);
      if (bare_lines.contains(i)) entry = {entry.offset, entry.bytes, 0, 0, 0, 0, 0, 0};
      entries.push_back(entry);
      text += line + (format == JobFormat::requests ? "," : "\n");
    }
    Job job;
    job.id = id;
    job.name = name;
    job.file = name + ".jsonl";
    job.created_at = clock.now();
    job.requests = requests;
    job.max_attempts = max_attempts;
    job.digest = digest128(text + std::to_string(id.value));
    job.format = format;
    job.data_name = std::to_string(id.value);
    job.options_line = options_line;
    job.headers.version = "2023-06-01";
    folder.write("claimed/" + job.data_name, text);
    queue.intake_in_claimed(id);
    add_index(id, entries);
    queue.accept_job(job, false, false, clock.now());
    return id;
  }
  void add_index(JobId id, const std::vector<LineEntry>& entries) {
    std::vector<std::string> segments;
    for (std::size_t at = 0; at < entries.size(); at += segment_entries) {
      const auto end = std::min<std::size_t>(at + segment_entries, entries.size());
      segments.push_back(encode_segment(
          {entries.begin() + static_cast<std::ptrdiff_t>(at), entries.begin() + static_cast<std::ptrdiff_t>(end)}));
    }
    queue.add_segments(id, 0, segments);
  }

  struct Sent {
    BatchId id;
    IntentId intent;
    std::string provider_id;
    std::string nonce;
    std::uint32_t requests = 0;
  };
  // Everything pending goes into one batch that was created; `proven` false: adopted.
  Sent submit(bool proven = true, const std::string& name = "") {
    const auto view = queue.pack_view(clock.now(), 1000);
    NewIntent intent;
    intent.nonce = fmt::format("{:024x}", 1000 + ++intents_);
    for (const auto& job : view.jobs) {
      intent.headers = job.headers;
      for (const auto& pending : job.pending) {
        intent.parts.push_back({pending.range, pending.attempts, pending.most_together, pending.refused_at});
        intent.requests += pending.range.count;
      }
    }
    intent.bytes = 1000;
    Sent sent;
    sent.intent = queue.create_intent(intent, clock.now());
    sent.nonce = intent.nonce;
    sent.requests = intent.requests;
    sent.provider_id = name.empty() ? fmt::format("msgbatch_{}", intents_) : name;
    queue.mark_committing(sent.intent, clock.now());
    ProviderBatch told;
    told.id = sent.provider_id;
    told.counts.processing = intent.requests;
    told.created_at = clock.now();
    told.expires_at = clock.now() + std::chrono::hours(24);
    provider.batches.insert(provider.batches.begin(), told);
    Batch batch;
    batch.provider_id = told.id;
    batch.created_at = told.created_at;
    batch.expires_at = told.expires_at;
    batch.processing = intent.requests;
    sent.id = queue.record_created(sent.intent, batch, proven, clock.now());
    return sent;
  }
  // The provider has ended it with these values, by place; the queue knows if `polled`.
  void end(const Sent& sent, const std::vector<std::string>& values, bool polled = true) {
    std::string body;
    for (std::size_t i = 0; i < values.size(); ++i) {
      body += result_line(sent.nonce, static_cast<std::uint32_t>(i), values[i]);
    }
    end_with(sent, values, body, polled);
  }
  void end_with(const Sent& sent, const std::vector<std::string>& counted, std::string body, bool polled = true) {
    auto& told = provider.batch(sent.provider_id);
    told.status = ProcessingStatus::ended;
    told.ended_at = clock.now();
    told.counts = {};
    for (const auto& value : counted) {
      if (value.find("\"type\":\"succeeded\"") == 1) ++told.counts.succeeded;
      if (value.find("\"type\":\"errored\"") == 1) ++told.counts.errored;
      if (value.find("\"type\":\"expired\"") == 1) ++told.counts.expired;
      if (value.find("\"type\":\"canceled\"") == 1) ++told.counts.canceled;
    }
    provider.downloads[sent.provider_id] = {{std::move(body), std::nullopt}};
    if (!polled) return;
    BatchSeen seen;
    seen.id = sent.id;
    seen.state = BatchState::ended;
    seen.succeeded = told.counts.succeeded;
    seen.errored = told.counts.errored;
    seen.expired = told.counts.expired;
    seen.canceled = told.counts.canceled;
    seen.ended_at = told.ended_at;
    queue.record_poll({seen}, clock.now());
  }

  Job job(JobId id) { return queue.job(id).value(); }
  Batch batch(const Sent& sent) { return queue.batch(sent.id).value(); }
  std::string result_of(JobId id, Seq seq) {
    const auto rows = queue.outcomes(id, seq, 1);
    if (rows.empty()) return "";
    if (!rows[0].batch) return rows[0].made_result;
    const auto raw = folder.read(fmt::format("downloads/{}.{}.jsonl", rows[0].batch.value, rows[0].download));
    return raw.substr(rows[0].offset, rows[0].bytes);
  }

  const TemporaryFolder& folder;
  boost::asio::io_context context;
  VirtualClock clock;
  Queue queue;
  Worker worker;
  Bells bells;
  Database database;
  SeededRandom random{1};
  KeptLog log;
  Config config;
  PriceTable prices;
  TroubledFiles files;
  FakeProvider provider;
  std::set<Seq> bare_lines;  // of the jobs that are added: the index has neither an id nor params of them
  TaskGroup group;
  Wakeup& poll_bell = bells.of(Stage::poll);
  Wakeup& collect_bell = bells.of(Stage::collect);
  Wakeup& pack_bell = bells.of(Stage::pack);
  Wakeup& settle_bell = bells.of(Stage::settle);
  Wakeup& export_bell = bells.of(Stage::exporting);

 private:
  int intents_ = 0;
};

}  // namespace offpeak::testing
