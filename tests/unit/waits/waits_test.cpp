#include <functional>

#include "unit/waits/look_world.hpp"
#include "waits/words.hpp"

namespace offpeak {
namespace {

using testing::batch_of;
using ::testing::HasSubstr;
using testing::LookWorld;
using namespace std::chrono_literals;

// One thing that is wrong: what the status says of it.
struct Case {
  const char* name;
  std::function<void(LookWorld&)> make;
  WaitKind kind;
  Health health;
  const char* says;     // part of the sentence
  const char* command;  // empty: nobody is asked
};

UnexplainedBatch stranger(const char* state) {
  UnexplainedBatch batch;
  batch.provider_id = "msgbatch_x";
  batch.requests = 3;
  batch.state = state;
  return batch;
}

const std::vector<Case>& cases() {
  static const std::vector<Case> all{
      {"a reload was refused",
       [](LookWorld& w) { w.stages.refused_config = StageTrouble{"offpeak.toml:3:1: no", w.now, {}}; },
       WaitKind::configuration, Health::needs_human, "offpeak.toml:3:1: no", "offpeakd --check-config"},
      {"the disk is full", [](LookWorld& w) { w.stages.disk_full["pack"] = w.now - 5s; }, WaitKind::disk,
       Health::degraded, "pack waits for space", "df -h /var/lib/offpeak"},
      {"the disk stays full", [](LookWorld& w) { w.stages.disk_full["pack"] = w.now - 2min; }, WaitKind::disk,
       Health::needs_human, "pack waits for space", "df -h /var/lib/offpeak"},
      {"the provider has just failed",
       [](LookWorld& w) { w.fails(CallFailureKind::unreachable, 0, "list: connection refused", 5s); },
       WaitKind::provider, Health::ok, "list: connection refused", ""},
      {"the provider is unreachable",
       [](LookWorld& w) { w.fails(CallFailureKind::unreachable, 0, "list: connection refused", 1min); },
       WaitKind::provider, Health::degraded, "list: connection refused", ""},
      {"the provider answers 503",
       [](LookWorld& w) { w.fails(CallFailureKind::throttled, 503, "list: HTTP 503", 3min); }, WaitKind::provider,
       Health::degraded, "list: HTTP 503", ""},
      {"base_url is not the API's",
       [](LookWorld& w) { w.fails(CallFailureKind::refused, 404, "list: HTTP 404; check base_url", 3min); },
       WaitKind::provider, Health::needs_human, "check base_url", "offpeakd --check-config"},
      {"the key is refused on the list",
       [](LookWorld& w) { w.fails(CallFailureKind::account, 401, "list: HTTP 401 authentication_error", 1s); },
       WaitKind::account, Health::needs_human, "[provider] api_key_file (anthropic-api-key)", "offpeak resume"},
      {"the key may not",
       [](LookWorld& w) { w.fails(CallFailureKind::account, 403, "list: HTTP 403 permission_error", 1s); },
       WaitKind::account, Health::needs_human, "[provider] api_key_file", "offpeak resume"},
      {"credit is used up",
       [](LookWorld& w) { w.status.account = {true, "credit balance is too low", w.now + 1min, 2, w.now - 1h}; },
       WaitKind::account, Health::needs_human, "credit balance is too low", "offpeak resume"},
      {"it has just started", [](LookWorld& w) { w.stages.guard = StageTrouble{"the list", w.now - 1s, {}}; },
       WaitKind::workspace, Health::ok, "the list", ""},
      {"the first list fails",
       [](LookWorld& w) {
         w.stages.guard = StageTrouble{"the list", w.now - 1s, {}};
         w.fails(CallFailureKind::throttled, 429, "list: HTTP 429", 1s);
       },
       WaitKind::workspace, Health::degraded, "list: HTTP 429", ""},
      {"the first list never comes", [](LookWorld& w) { w.stages.guard = StageTrouble{"the list", w.now - 1min, {}}; },
       WaitKind::workspace, Health::degraded, "the list", ""},
      {"another key",
       [](LookWorld& w) { w.stages.guard = StageTrouble{"put the old key back", w.now, {}, "offpeak x"}; },
       WaitKind::workspace, Health::needs_human, "put the old key back", "offpeak x"},
      {"submitting is paused",
       [](LookWorld& w) {
         w.status.submitting_paused = true;
         w.status.submitting_paused_since = w.now - 1h;
       },
       WaitKind::operator_pause, Health::degraded, "`offpeak resume` goes on", ""},
      {"intake is paused", [](LookWorld& w) { w.status.intake_paused = true; }, WaitKind::operator_pause,
       Health::degraded, "`offpeak resume intake` goes on", ""},
      {"an unexplained batch", [](LookWorld& w) { w.status.unexplained = {stranger("open")}; },
       WaitKind::unexplained_batch, Health::needs_human, "msgbatch_x exists", "offpeak reconcile msgbatch_x claim"},
      {"one that is being claimed", [](LookWorld& w) { w.status.unexplained = {stranger("claiming")}; },
       WaitKind::unexplained_batch, Health::degraded, "being claimed", ""},
      {"a second copy, perhaps",
       [](LookWorld& w) {
         w.status.unexplained = {stranger("claiming")};
         w.status.unexplained[0].copy_of = IntentId{4};
       },
       WaitKind::unexplained_batch, Health::needs_human, "second copy", "offpeak reconcile msgbatch_x"},
      {"a stranger", [](LookWorld& w) { w.status.strangers = {stranger("seen")}; }, WaitKind::strange_batch,
       Health::needs_human, "exclusive = false", "offpeak reconcile msgbatch_x dismiss"},
      {"an answer that was lost",
       [](LookWorld& w) {
         w.status.unsettled = {
             {IntentId{4}, IntentState::unknown, w.now - 2min, w.now - 1min, "cut", w.now + 1min, 50}};
         w.stages.verdict_at[IntentId{4}] = w.now + 15min;
       },
       WaitKind::unknown_create, Health::degraded, "`offpeak reconcile intent-4`", ""},
      {"a create has just failed",
       [](LookWorld& w) {
         w.pending(5);
         w.status.delay = {1, "HTTP 529", w.now + 20s, w.now - 10s};
       },
       WaitKind::backoff, Health::ok, "HTTP 529", ""},
      {"creates fail",
       [](LookWorld& w) {
         w.pending(5);
         w.status.delay = {4, "HTTP 529", w.now + 20s, w.now - 3min};
       },
       WaitKind::backoff, Health::degraded, "HTTP 529", ""},
      {"creates fail, and one is under way",
       [](LookWorld& w) {
         w.status.counts[RequestState::assigned] = 5;
         w.status.delay = {4, "HTTP 529", w.now - 20s, w.now - 3min};
       },
       WaitKind::backoff, Health::degraded, "HTTP 529", ""},
      {"the cap is reached",
       [](LookWorld& w) {
         w.pending(5);
         w.stages.pack.gate = PackGate{GateKind::daily_cap, "daily_cap_usd is reached", w.now + 3h};
       },
       WaitKind::daily_cap, Health::degraded, "midnight UTC", ""},
      {"all places are taken",
       [](LookWorld& w) {
         w.pending(5);
         w.stages.pack.gate = PackGate{GateKind::open_batches, "max_open_batches is reached", {}};
       },
       WaitKind::room, Health::ok, "max_open_batches", ""},
      {"counts that do not add up",
       [](LookWorld& w) {
         w.status.troubled = {batch_of(1, w.now - 1h)};
         w.status.troubled[0].reason = "the counts do not add up";
       },
       WaitKind::batch, Health::degraded, "do not add up", ""},
      {"a batch that is not there",
       [](LookWorld& w) {
         w.status.troubled = {batch_of(1, w.now - 1h)};
         w.stages.missing_since[BatchId{1}] = w.now - 5s;
       },
       WaitKind::missing_batch, Health::ok, "404", "offpeak reconcile msgbatch_1 gone"},
      {"a batch that stays away",
       [](LookWorld& w) {
         w.status.troubled = {batch_of(1, w.now - 1h)};
         w.stages.missing_since[BatchId{1}] = w.now - 10min;
       },
       WaitKind::missing_batch, Health::needs_human, "404", "offpeak reconcile msgbatch_1 gone"},
      {"a batch that does not end", [](LookWorld& w) { w.status.troubled = {batch_of(1, w.now - 26h)}; },
       WaitKind::late_batch, Health::needs_human, "should have ended", "offpeak reconcile msgbatch_1 gone"},
      {"results that cannot be had",
       [](LookWorld& w) {
         auto batch = batch_of(1, w.now - 1h);
         batch.state = BatchState::ended;
         batch.ended_at = w.now - 30min;
         batch.failures = 3;
         batch.reason = "HTTP 500";
         w.status.troubled = {batch};
       },
       WaitKind::results, Health::degraded, "HTTP 500", ""},
      {"results that cannot be had for a day",
       [](LookWorld& w) {
         auto batch = batch_of(1, w.now - 25h);
         batch.state = BatchState::ended;
         batch.ended_at = w.now - 24h;
         batch.failures = 24;
         batch.reason = "HTTP 404";
         w.status.troubled = {batch};
       },
       WaitKind::results, Health::needs_human, "29 days", "offpeak reconcile msgbatch_1 gone"},
      {"a late twin",
       [](LookWorld& w) {
         w.status.troubled = {batch_of(3, w.now - 1h)};
         w.status.troubled[0].twin = true;
       },
       WaitKind::twin, Health::needs_human, "compare the bill", "offpeak show b3"},
      {"results that cannot be written",
       [](LookWorld& w) { w.stages.exports[JobId{7}] = {"no space left", w.now - 1h, 9, w.now + 1min}; },
       WaitKind::writing_fails, Health::degraded, "no space left", ""},
      {"incoming is gone", [](LookWorld& w) { w.stages.intake = {{"incoming/ is gone", w.now - 3s, w.now + 30s}}; },
       WaitKind::intake, Health::degraded, "incoming/ is gone", ""},
      {"a job is held",
       [](LookWorld& w) {
         w.status.held = {testing::open_job(JobState::held)};
         w.status.held[0].name = "rev\x1biews";
         w.status.held[0].reason = "too many errors";
       },
       WaitKind::hold, Health::needs_human, "too many errors", "offpeak release 7"},
      {"a job is held by the operator", [](LookWorld& w) { w.status.held_by_operator = 13; }, WaitKind::operator_hold,
       Health::ok, "13 jobs are held", ""},
  };
  return all;
}

TEST(Waits, AreNoneWhereNothingIsWrong) {
  const LookWorld world;
  EXPECT_THAT(world.waits(), ::testing::IsEmpty());
  EXPECT_EQ(world.health(), Health::ok);
  EXPECT_FALSE(account_of(world.look()).paused);
}

TEST(Waits, SayWhatIsWrongHowBadItIsAndWhatToDo) {
  for (const auto& one : cases()) {
    SCOPED_TRACE(one.name);
    LookWorld world;
    one.make(world);
    const auto wait = world.only(one.kind);
    EXPECT_THAT(wait.what, HasSubstr(one.says));
    EXPECT_EQ(wait.health, one.health) << to_text(wait.health);
    EXPECT_EQ(world.health(), one.health);
    if (wait.health == Health::needs_human) EXPECT_FALSE(wait.command.empty());
    if (*one.command != '\0') EXPECT_EQ(wait.command, one.command);
    EXPECT_THAT(wait.what, ::testing::Not(HasSubstr("\x1b")));
  }
}

TEST(Waits, DoNotChangeTheirWordsWhileOnlyTimePasses) {
  for (const auto& one : cases()) {
    SCOPED_TRACE(one.name);
    LookWorld world;
    one.make(world);
    const auto before = world.only(one.kind).what;
    world.now += 1s;
    EXPECT_EQ(world.only(one.kind).what, before);
  }
}

TEST(Waits, TheWorstComesFirst) {
  LookWorld world;
  world.status.held_by_operator = 2;
  world.status.submitting_paused = true;
  world.status.held = {testing::open_job(JobState::held)};
  const auto waits = world.waits();
  ASSERT_EQ(waits.size(), 3U);
  EXPECT_EQ(waits[0].kind, WaitKind::hold);
  EXPECT_EQ(waits[1].kind, WaitKind::operator_pause);
  EXPECT_EQ(waits[2].kind, WaitKind::operator_hold);
  EXPECT_EQ(world.health(), Health::needs_human);
}

// With a batch in flight the poller asks the list, and nobody sends.
TEST(Waits, ARefusedKeyPausesTheAccountAlsoWhileABatchIsInFlight) {
  LookWorld world;
  world.status.open_batches = 1;
  world.stages.next_poll_at = world.now + 9s;
  world.fails(CallFailureKind::account, 401, "list: HTTP 401 authentication_error", 1s);
  const auto account = account_of(world.look());
  EXPECT_TRUE(account.paused);
  EXPECT_THAT(account.reason, HasSubstr("401"));
  EXPECT_EQ(account.next_try_at, world.now + 9s);
  EXPECT_EQ(account.since, world.now - 1s);
  EXPECT_EQ(world.health(), Health::needs_human);
}

TEST(Waits, AnAnswerEndsTheProvidersFailure) {
  LookWorld world;
  world.fails(CallFailureKind::unreachable, 0, "no route", 1h);
  EXPECT_EQ(world.health(), Health::degraded);
  CallFailure not_found;
  not_found.kind = CallFailureKind::not_found;
  world.stages.contact.note_failure(not_found, world.now);
  EXPECT_EQ(world.health(), Health::ok);
}

TEST(Waits, APauseDoesNotHideARefusedKey) {
  LookWorld world;
  world.status.submitting_paused = true;
  world.fails(CallFailureKind::account, 401, "list: HTTP 401", 1s);
  EXPECT_EQ(world.only(WaitKind::account).health, Health::needs_human);
  EXPECT_EQ(world.only(WaitKind::operator_pause).health, Health::degraded);
}

TEST(Waits, ACapOrABackoffKeepsNobodyWhereNothingIsToBeSent) {
  LookWorld world;
  world.stages.pack.gate = PackGate{GateKind::daily_cap, "daily_cap_usd is reached", world.now + 3h};
  world.status.delay = {4, "HTTP 529", world.now + 20s, world.now - 3min};
  EXPECT_EQ(world.health(), Health::ok);
  EXPECT_THAT(world.waits(), ::testing::IsEmpty());
}

TEST(Waits, AStrangerIsNothingToAWorkspaceThatIsShared) {
  LookWorld world;
  world.config.provider.exclusive = false;
  world.status.strangers = {stranger("seen")};
  EXPECT_THAT(world.waits(), ::testing::IsEmpty());
}

// faults.md 20: a clock that is set back makes no wait look short.
TEST(Waits, WhatBeganWellAheadOfNowHasLasted) {
  const auto now = from_millis(1'767'225'600'000);
  EXPECT_EQ(after_patience(now - 59s, now), Health::ok);
  EXPECT_EQ(after_patience(now - 1min, now), Health::degraded);
  EXPECT_EQ(after_patience(now + 1min, now), Health::ok) << "another machine's clock";
  EXPECT_EQ(after_patience(now + 24h, now), Health::degraded) << "ours, before it was set back";
}

TEST(Facts, NameMoneyThatMayHaveBeenPaidTwiceAndWhatWasNoted) {
  Status status;
  EXPECT_THAT(facts_of(status), ::testing::IsEmpty());
  status.duplicate_batches = 2;
  status.noted["counts_differ"] = {3, Instant{}, "batch msgbatch_1: 5 lines, 6 counted"};
  const auto facts = facts_of(status);
  ASSERT_EQ(facts.size(), 2U);
  EXPECT_THAT(facts[0], HasSubstr("paid twice"));
  EXPECT_EQ(facts[1], "batch msgbatch_1: 5 lines, 6 counted (the last of 3 of this kind)");
}

TEST(WaitWords, AreDifferentForEachKind) {
  std::set<std::string_view> words;
  for (int kind = 0; kind <= static_cast<int>(WaitKind::intake); ++kind)
    words.insert(to_text(static_cast<WaitKind>(kind)));
  EXPECT_EQ(words.size(), static_cast<std::size_t>(WaitKind::intake) + 1);
}

}  // namespace
}  // namespace offpeak
