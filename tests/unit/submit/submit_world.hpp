// The submit stage alone, in virtual time: a real queue and real files, and a provider that takes one create after the
// other as the test says.
#pragma once

#include <algorithm>
#include <functional>

#include "pack/plan.hpp"
#include "submit/guard.hpp"
#include "submit/settler.hpp"
#include "submit/submitter.hpp"
#include "unit/results/stage_world.hpp"

namespace offpeak::testing {

// One answer to a create call.
struct ScriptedCreate {
  enum class When : std::uint8_t { after, early };
  When when = When::after;           // early: before the last byte
  bool creates = false;              // a batch is made, whatever is answered
  std::optional<HttpAnswer> answer;  // nothing: the connection ends without one
  Duration takes{0};                 // between the last byte and the answer
  Duration before_commit{0};         // between the last but one byte and the last
};

inline std::string batch_json(const ProviderBatch& batch) {
  return fmt::format(
      R"({{"id":"{}","type":"message_batch","processing_status":"in_progress","request_counts":{{"processing":{},"succeeded":0,"errored":0,"canceled":0,"expired":0}},"ended_at":null,"created_at":"{}","expires_at":"{}","archived_at":null,"cancel_initiated_at":null,"results_url":null}})",
      batch.id, batch.counts.total(), to_rfc3339(batch.created_at), to_rfc3339(batch.expires_at));
}

inline HttpAnswer http_answer(int status, std::string body) {
  HttpAnswer answer;
  answer.status = status;
  answer.body = std::move(body);
  return answer;
}

inline HttpAnswer api_error(int status, std::string_view type, std::string_view message) {
  return http_answer(status,
                     fmt::format(R"({{"type":"error","error":{{"type":"{}","message":"{}"}}}})", type, message));
}

class CreatingProvider final : public FakeProvider {
 public:
  explicit CreatingProvider(Clock& clock) : clock_(clock) {}

  std::deque<ScriptedCreate> creates;               // then every create is accepted
  std::vector<std::string> bodies;                  // as they were sent
  std::function<void(const std::string&)> on_step;  // "body sent", "last byte"
  std::size_t page_most = 1000;                     // batches a page
  std::uint64_t unreadable = 0;                     // entries of each page without an id
  bool endless = false;                             // every page says that there is more
  bool later_pages_fail = false;
  bool without_cursor = false;  // has_more, but no last_id

  Task<CreateAnswer> create(HeaderGroup, BodySource& body, CreateCommit& commit) override {
    ScriptedCreate script;
    script.creates = true;
    const bool scripted = !creates.empty();
    if (scripted) {
      script = creates.front();
      creates.pop_front();
    }
    calls.push_back("create");
    CreateAnswer out;
    auto& sent = bodies.emplace_back();
    for (;;) {
      auto block = co_await body.next_block();
      if (!block) {
        out.source_failed = true;
        out.failure = block.error().message;
        co_return out;
      }
      if (block->empty()) break;
      sent += *block;
    }
    step("body sent");
    if (script.before_commit.count() > 0) co_await sleep_for(clock_, script.before_commit);
    if (script.when == ScriptedCreate::When::early) {
      out.answer = script.answer;
      co_return out;
    }
    auto consent = co_await commit.commit(generation());
    if (!consent) {
      out.source_failed = true;
      out.failure = consent.error().message;
      co_return out;
    }
    out.last_byte_left = true;
    step("last byte");
    if (script.creates) {
      const auto made = make(sent);
      if (!scripted) script.answer = http_answer(200, batch_json(made));
    }
    if (script.takes.count() > 0) co_await sleep_for(clock_, script.takes);
    out.answer = script.answer;
    if (!out.answer) out.failure = "the connection was reset";
    co_return out;
  }

  Task<Called<ListPage>> list(ListQuery query) override {
    auto called = co_await FakeProvider::list(query);
    if (query.after_id && later_pages_fail) called.answer = failed_call(CallFailureKind::throttled, 503);
    if (!called.ok()) co_return called;
    ListPage page;
    bool past = !query.after_id.has_value();
    for (const auto& batch : batches) {
      if (past && !unlisted.contains(batch.id)) {
        if (page.batches.size() == std::min<std::size_t>(page_most, query.limit)) {
          page.has_more = true;
          break;
        }
        page.batches.push_back(batch);
      }
      past = past || batch.id == query.after_id;
    }
    if (!page.batches.empty() && !without_cursor) page.last_id = page.batches.back().id;
    if (endless) page.last_id = "msgbatch_more";
    page.has_more = page.has_more || endless;
    page.unreadable_entries = unreadable;
    page.date = clock_.now();
    called.answer = std::move(page);
    co_return called;
  }

  // A batch of another program, or of a create that went wrong.
  ProviderBatch& add(const std::string& id, std::int64_t requests) {
    ProviderBatch made;
    made.id = id;
    made.counts.processing = requests;
    made.created_at = clock_.now();
    made.expires_at = clock_.now() + std::chrono::hours(24);
    batches.insert(batches.begin(), made);
    return batches.front();
  }

 private:
  void step(const std::string& name) {
    if (on_step) on_step(name);
  }
  ProviderBatch make(const std::string& body) {
    std::int64_t requests = 0;
    for (auto at = body.find("{\"custom_id\""); at != std::string::npos; at = body.find("{\"custom_id\"", at + 1)) {
      ++requests;
    }
    return add(fmt::format("msgbatch_made_{}", ++made_), requests);
  }

  Clock& clock_;
  int made_ = 0;
};

class SubmitTest : public ::testing::Test {
 protected:
  SubmitTest()
      : world(folder),
        provider(world.clock),
        submitter(std::make_unique<Submitter>(world.database, provider, world.files, world.worker, world.clock,
                                              world.random, world.log, world.config, submit_bell)),
        settler(world.database, provider, world.clock, world.log, world.config, world.settle_bell),
        guard(guard_doors(), world.bells.of(Stage::guard)) {}
  ~SubmitTest() override { world.stop(); }

  Guard::Doors guard_doors() {
    return {world.database, provider, gate, world.clock, world.random, world.log, world.config};
  }

  // Everything that waits, as pack would write it.
  IntentId plan(std::uint64_t bytes_more = 0) {
    const auto view = world.queue.pack_view(world.clock.now(), 1000);
    NewIntent intent;
    intent.nonce = fmt::format("{:024x}", 5000 + ++nonces_);
    intent.bytes = body_open.size() + body_close.size() + bytes_more;
    for (const auto& job : view.jobs) {
      intent.headers = job.headers;
      for (const auto& pending : job.pending) {
        intent.parts.push_back({pending.range, pending.attempts, pending.most_together, pending.refused_at});
        for (Seq i = 0; i < pending.range.count; ++i) {
          const auto params = world.queue.sent_params_bytes(job.job, pending.range.first + i);
          intent.bytes += request_bytes(intent.requests++, params);
        }
      }
    }
    if (!provider.batches.empty()) {
      intent.watermark = provider.batches.front().id;
      intent.watermark_at = provider.batches.front().created_at;
    }
    return world.queue.create_intent(intent, world.clock.now());
  }
  // The next batch as the packer makes it; nothing where nothing may go.
  std::optional<IntentId> plan_as_packed() {
    class QueueSizes final : public Sizes {
     public:
      explicit QueueSizes(Queue& queue) : queue_(queue) {}
      std::uint32_t sent_params_bytes(JobId job, Seq seq) override { return queue_.sent_params_bytes(job, seq); }

     private:
      Queue& queue_;
    };
    const auto now = world.clock.now();
    const auto view = world.queue.pack_view(now, 1000);
    QueueSizes sizes(world.queue);
    auto packed = plan_batch(view.jobs, limits_for(view, world.config.batch), sizes);
    if (packed.empty()) return std::nullopt;
    NewIntent intent;
    intent.nonce = fmt::format("{:024x}", 5000 + ++nonces_);
    intent.headers = packed.headers;
    intent.parts = packed.parts;
    intent.requests = packed.requests;
    intent.bytes = packed.bytes;
    planned_ = packed.parts;
    return world.queue.create_intent(intent, now);
  }
  // Is this request in what was packed last?
  bool carries(JobId job, Seq seq) const {
    return std::any_of(planned_.begin(), planned_.end(), [&](const NewIntent::Part& part) {
      return part.range.job == job && seq >= part.range.first && seq - part.range.first < part.range.count;
    });
  }
  // An intent whose create has an unknown outcome.
  Intent lose_one(std::uint32_t requests) {
    world.add_job(requests, fmt::format("lost{}", nonces_));
    const auto id = plan();
    world.queue.mark_committing(id, world.clock.now());
    world.queue.mark_unknown(id, "the connection was reset", world.clock.now());
    return *world.queue.intent(id);
  }
  void ends(ProviderBatch& batch, const std::string& body) {
    batch.status = ProcessingStatus::ended;
    provider.downloads[batch.id] = {{body, std::nullopt}};
  }

  IntentState state(IntentId id) { return world.queue.intent(id)->state; }
  std::int64_t count(JobId id, RequestState in) { return world.job(id).counts[in]; }

  TemporaryFolder folder;
  StageWorld world;
  Wakeup& submit_bell = world.bells.of(Stage::submit);
  CreatingProvider provider;
  ProvenProvider gate{provider};
  std::unique_ptr<Submitter> submitter;
  Settler settler;
  Guard guard;

 private:
  int nonces_ = 0;
  std::vector<NewIntent::Part> planned_;
};

}  // namespace offpeak::testing
