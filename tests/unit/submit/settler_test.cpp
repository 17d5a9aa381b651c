// An unknown create is settled by the provider's lists and by nothing else (product contract 6.5, 6.7).
#include "submit/settler.hpp"

#include "unit/submit/submit_world.hpp"

namespace offpeak {
namespace {

using namespace std::chrono_literals;
using testing::failed_call;
using testing::result_line;
using testing::succeeded_value;

class SettlerTest : public testing::SubmitTest {
 protected:
  void start() { world.start(settler.run()); }
  // As after a start: what is strange from now on is told.
  void know_the_list() {
    world.start(guard.pass());
    world.clock.run_until_idle();
  }
};

TEST_F(SettlerTest, SleepsWhileNothingIsUnknown) {
  start();
  world.clock.advance(10h);
  EXPECT_EQ(provider.count("list"), 0u);
}

TEST_F(SettlerTest, AdoptsTheOneBatchThatCanBeIt) {
  const auto lost = lose_one(3);
  provider.add("msgbatch_ours", 3);
  provider.add("msgbatch_other", 4);
  start();
  EXPECT_EQ(state(lost.id), IntentState::created);
  ASSERT_TRUE(world.queue.batch("msgbatch_ours"));
  EXPECT_FALSE(world.queue.batch("msgbatch_ours")->proven) << "its results have the last word";
  EXPECT_FALSE(world.queue.batch("msgbatch_other"));
}

// It may be this very batch, whoever else works in the workspace.
TEST_F(SettlerTest, AnEntryWithoutAnIdForbidsTheVerdictAndNothingElse) {
  for (const bool exclusive : {true, false}) {
    world.config.provider.exclusive = exclusive;
    const auto lost = lose_one(exclusive ? 3 : 4);
    provider.unreadable = 1;
    if (exclusive) start();
    world.clock.advance(20h);
    EXPECT_EQ(state(lost.id), IntentState::unknown);
    EXPECT_NE(world.queue.intent(lost.id)->reason.value_or("").find("cannot be read"), std::string::npos);
    provider.add(exclusive ? "msgbatch_3" : "msgbatch_4", exclusive ? 3 : 4);
    world.clock.advance(2min);
    EXPECT_EQ(state(lost.id), IntentState::created) << "what can be read is read";
  }
}

TEST_F(SettlerTest, ABatchThatIsKnownAlreadyIsNoCandidate) {
  world.add_job(3, "known");
  world.submit(true, "msgbatch_known");
  const auto lost = lose_one(3);
  provider.add("msgbatch_known", 3);
  start();
  EXPECT_EQ(state(lost.id), IntentState::unknown);
}

TEST_F(SettlerTest, AbsenceIsAVerdictOnlyAfterTheWholeTimeOfCleanLists) {
  const auto lost = lose_one(3);
  start();
  world.clock.advance(14min);
  EXPECT_EQ(state(lost.id), IntentState::unknown);
  EXPECT_TRUE(world.queue.intent(lost.id)->reason);
  EXPECT_TRUE(world.queue.intent(lost.id)->next_action_at);
  world.clock.advance(3min);
  EXPECT_EQ(state(lost.id), IntentState::not_created);
  EXPECT_GE(provider.count("list"), 5u);
}

// A list that could not be read says nothing, however often.
TEST_F(SettlerTest, AListThatFailedIsNoWitness) {
  const auto lost = lose_one(3);
  for (int i = 0; i < 100; ++i) provider.list_failures.push_back(failed_call(CallFailureKind::throttled, 500));
  start();
  world.clock.advance(90min);
  EXPECT_EQ(state(lost.id), IntentState::unknown);
  EXPECT_NE(world.queue.intent(lost.id)->reason.value_or("").find("cannot be used"), std::string::npos);
  provider.add("msgbatch_ours", 3);
  provider.list_failures.clear();
  world.clock.advance(2min);
  EXPECT_EQ(state(lost.id), IntentState::created);
}

TEST_F(SettlerTest, EveryPageDownToTheWatermarkIsRead) {
  const auto lost = lose_one(3);
  provider.add("msgbatch_ours", 3);
  for (int i = 0; i < 5; ++i) provider.add(fmt::format("msgbatch_new{}", i), 8);
  provider.page_most = 2;
  start();
  EXPECT_EQ(state(lost.id), IntentState::created) << "on the third page";
  EXPECT_EQ(provider.count("list"), 3u);
}

// A page that failed makes the whole walk worth nothing: the batch may be on it.
TEST_F(SettlerTest, AWalkWithAFailedPageIsNoWitness) {
  const auto lost = lose_one(3);
  provider.add("msgbatch_ours", 3);
  for (int i = 0; i < 5; ++i) provider.add(fmt::format("msgbatch_new{}", i), 8);
  provider.page_most = 2;
  provider.later_pages_fail = true;
  start();
  world.clock.advance(2h);
  EXPECT_EQ(state(lost.id), IntentState::unknown);
  provider.later_pages_fail = false;
  world.clock.advance(2min);
  EXPECT_EQ(state(lost.id), IntentState::created);
}

TEST_F(SettlerTest, AListThatNeverEndsIsNotReadForEverAndNoWitness) {
  const auto lost = lose_one(3);
  provider.endless = true;
  start();
  world.clock.advance(30min);
  EXPECT_EQ(state(lost.id), IntentState::unknown);
  EXPECT_NE(world.queue.intent(lost.id)->reason.value_or("").find("proves nothing"), std::string::npos);
}

// faults.md 69: a list that is not whole is no witness, however often it is shown.
TEST_F(SettlerTest, AListThatSaysThereIsMoreAndNotBehindWhatIsNoWitness) {
  const auto lost = lose_one(3);
  provider.add("msgbatch_a", 9);
  provider.add("msgbatch_b", 9);
  provider.page_most = 1;
  provider.without_cursor = true;
  start();
  world.clock.advance(2h);
  EXPECT_EQ(state(lost.id), IntentState::unknown);
}

TEST_F(SettlerTest, AListThatEndsBeforeTheWatermarkIsNoWitness) {
  provider.add("msgbatch_old", 3);
  world.clock.advance(1min);
  const auto lost = lose_one(3);
  provider.batches.clear();
  start();
  world.clock.advance(2h);
  EXPECT_EQ(state(lost.id), IntentState::unknown) << "the list of another workspace, or cut short";
  EXPECT_NE(world.queue.intent(lost.id)->reason.value_or("").find("msgbatch_old"), std::string::npos);
}

// faults.md 70
TEST_F(SettlerTest, InAnExclusiveWorkspaceABatchOfAnotherCountForbidsTheVerdictUntilItsResultsShowWhoseItIs) {
  const auto lost = lose_one(3);
  provider.add("msgbatch_ours", 0);
  start();
  world.clock.advance(2h);
  EXPECT_EQ(state(lost.id), IntentState::unknown);
  ends(provider.batch("msgbatch_ours"), result_line(lost.nonce, 1, succeeded_value()));
  world.clock.advance(2min);
  EXPECT_EQ(state(lost.id), IntentState::created);
  EXPECT_TRUE(world.queue.batch("msgbatch_ours")->proven);
}

TEST_F(SettlerTest, AnOperatorMaySayThatAStrangeBatchIsNotIt) {
  know_the_list();
  const auto lost = lose_one(3);
  provider.add("msgbatch_theirs", 7);
  start();
  world.clock.advance(2h);
  EXPECT_EQ(state(lost.id), IntentState::unknown);
  EXPECT_EQ(world.queue.strangers(10).size(), 1u) << "told at once, by name";
  EXPECT_EQ(world.queue.dismiss_unexplained("msgbatch_theirs"), Decided::done);
  world.clock.advance(20min);
  EXPECT_EQ(state(lost.id), IntentState::not_created);
}

TEST_F(SettlerTest, TheWalkEndsAtTheWatermark) {
  provider.add("msgbatch_old", 3);
  world.clock.advance(1min);
  const auto lost = lose_one(3);
  EXPECT_EQ(lost.watermark, "msgbatch_old");
  start();
  EXPECT_EQ(state(lost.id), IntentState::unknown) << "what was there before the create cannot be it";
}

TEST_F(SettlerTest, OfSeveralCandidatesTheOneThatShowsOurNonceIsAdoptedProven) {
  const auto lost = lose_one(2);
  auto& foreign = provider.add("msgbatch_foreign", 2);
  ends(foreign, result_line(std::string(24, 'f'), 0, succeeded_value()));
  auto& ours = provider.add("msgbatch_ours", 2);
  start();
  EXPECT_EQ(state(lost.id), IntentState::unknown);
  ends(provider.batch("msgbatch_ours"), result_line(lost.nonce, 1, succeeded_value()) + "rest");
  static_cast<void>(ours);
  provider.add("msgbatch_third", 2);
  world.clock.advance(3min);
  EXPECT_EQ(state(lost.id), IntentState::created);
  ASSERT_TRUE(world.queue.batch("msgbatch_ours"));
  EXPECT_TRUE(world.queue.batch("msgbatch_ours")->proven);
  EXPECT_TRUE(world.log.has("intent.candidate_excluded"));
}

TEST_F(SettlerTest, ACandidateThatShowsAnotherNonceIsExcludedForGood) {
  const auto lost = lose_one(2);
  for (const auto* id : {"msgbatch_a", "msgbatch_b"}) {
    ends(provider.add(id, 2), result_line(std::string(24, 'f'), 0, succeeded_value()));
  }
  start();
  const auto known = world.queue.known_ids(lost.id);
  EXPECT_TRUE(known.contains("msgbatch_a"));
  EXPECT_TRUE(known.contains("msgbatch_b"));
  world.clock.advance(20min);
  EXPECT_EQ(state(lost.id), IntentState::not_created);
}

// Only a whole download in which somebody else's ids stand, and none of ours, shows that a batch is not it.
TEST_F(SettlerTest, OddLinesAndHalfDownloadsProveNothing) {
  const auto lost = lose_one(2);
  const auto other = result_line(std::string(24, 'f'), 0, succeeded_value());
  const auto cut = failed_call(CallFailureKind::unreachable, 0);
  struct Case {
    std::string body;
    std::optional<CallFailure> failure;
    bool excluded;
  };
  const std::vector<Case> cases{
      {"not json\n", std::nullopt, false},
      {"{\"result\":{}}\n", std::nullopt, false},
      {"{\"custom_id\":7}\n", std::nullopt, false},
      {"", std::nullopt, false},
      {std::string(9 * 1024 * 1024, ' '), std::nullopt, false},
      {other, cut, false},
      {other, std::nullopt, true},
      {other.substr(0, other.size() - 1), std::nullopt, true},
      {other + other, std::nullopt, true},
      {other + "not json\n" + result_line(std::string(24, 'e'), 0, succeeded_value()), std::nullopt, true},
      {"{\"custom_id\":\"another-program-1\"}\n" + other, std::nullopt, true}};
  for (std::size_t i = 0; i < cases.size(); ++i) {
    ends(provider.add(fmt::format("msgbatch_{}", i), 2), cases[i].body);
    provider.downloads[fmt::format("msgbatch_{}", i)].front().failure = cases[i].failure;
  }
  start();
  EXPECT_EQ(state(lost.id), IntentState::unknown);
  const auto known = world.queue.known_ids(lost.id);
  for (std::size_t i = 0; i < cases.size(); ++i) {
    EXPECT_EQ(known.contains(fmt::format("msgbatch_{}", i)), cases[i].excluded) << i;
  }
}

// faults.md 69: nothing older is known that the list would have to reach, and it does not show what it has shown before.
TEST_F(SettlerTest, AListThatHidesWhatItHasShownIsNoWitness) {
  world.queue.take_as_known({}, {world.clock.now(), world.clock.now(), true});
  const auto lost = lose_one(2);
  provider.add("msgbatch_theirs", 5);
  start();
  ASSERT_EQ(world.queue.strangers(10).size(), 1u);
  world.queue.dismiss_unexplained("msgbatch_theirs");
  provider.unlisted.insert("msgbatch_theirs");
  world.clock.advance(2h);
  EXPECT_EQ(state(lost.id), IntentState::unknown);
  // Said once; and between two verdicts, too, nobody reads of clean lists.
  EXPECT_EQ(world.log.count("intent.list_hides"), 1u);
  world.clock.advance(2min);
  EXPECT_NE(world.queue.intent(lost.id)->reason.value_or("").find("does not show msgbatch_theirs"), std::string::npos);
  provider.batches.clear();  // it was deleted
  world.clock.advance(1h);
  EXPECT_EQ(state(lost.id), IntentState::not_created);
}

// The watermark's own entry said no date that could be read, so the clock of the answer stands for it: an earlier time,
// and since then the list must show the watermark, too. It does.
TEST_F(SettlerTest, AWatermarkThatSaysNoDateIsNotHidden) {
  world.add_job(2, "known");
  world.submit(true, "msgbatch_known");
  auto& known = provider.add("msgbatch_known", 2);
  known.created_at -= 3s;
  const auto lost = lose_one(2);
  provider.batches.front().created_at += 3s;
  start();
  world.clock.advance(30min);
  EXPECT_EQ(state(lost.id), IntentState::not_created);
  EXPECT_EQ(world.log.count("intent.list_hides"), 0u);
}

TEST_F(SettlerTest, OneLineOfOursBehindOddOnesIsEnough) {
  const auto lost = lose_one(2);
  ends(provider.add("msgbatch_a", 2), "not json\n" + result_line(lost.nonce, 1, succeeded_value()));
  provider.add("msgbatch_b", 2);
  start();
  EXPECT_EQ(state(lost.id), IntentState::created);
  EXPECT_TRUE(world.queue.batch("msgbatch_a")->proven);
}

TEST_F(SettlerTest, EveryUnknownIntentIsLookedAt) {
  const auto first = lose_one(2);
  const auto second = lose_one(3);
  provider.add("msgbatch_two", 2);
  provider.add("msgbatch_three", 3);
  start();
  EXPECT_EQ(state(first.id), IntentState::created);
  EXPECT_EQ(state(second.id), IntentState::created);
  EXPECT_EQ(world.queue.batch("msgbatch_two")->intent, first.id);
  EXPECT_EQ(world.queue.batch("msgbatch_three")->intent, second.id);
}

class GuardTest : public testing::SubmitTest {
 protected:
  void pass() { world.start(guard.pass()); }
  // A batch of ours stands in the state as the newest known.
  void know_one() {
    world.add_job(2, "known");
    world.submit(true, "msgbatch_known");
    provider.add("msgbatch_known", 2);
    world.clock.advance(1min);
  }
};

TEST_F(GuardTest, ANewStateTakesTheNewestListedBatchAsKnown) {
  provider.add("msgbatch_others", 5);
  EXPECT_TRUE(world.queue.is_new());
  pass();
  EXPECT_FALSE(world.queue.is_new());
  EXPECT_EQ(world.queue.newest_known_at(), world.clock.now());
  EXPECT_TRUE(world.queue.unexplained().empty());
  EXPECT_TRUE(world.log.has("workspace.not_empty"));
  EXPECT_EQ(world.queue.strangers(10).size(), 1u) << "who else is here?";
}

// faults.md 18. A copy of the state from before its first list, put back when its work had been sent.
TEST_F(GuardTest, AStateWithJobsAndWithoutAListTakesForKnownWhatIsOlderThanItsJobs) {
  provider.add("msgbatch_others", 5);
  world.clock.advance(1min);
  world.add_job(2);
  world.clock.advance(1min);
  provider.add("msgbatch_ours_forgotten", 2);
  world.clock.advance(1h);
  pass();
  ASSERT_EQ(world.queue.unexplained().size(), 1u);
  EXPECT_EQ(world.queue.unexplained()[0].provider_id, "msgbatch_ours_forgotten");
  EXPECT_EQ(world.queue.strangers(10).size(), 1u) << "who else is here?";
  Guard again(guard_doors(), world.bells.of(Stage::guard));
  world.start(again.pass());
  EXPECT_FALSE(again.waiting());
}

TEST_F(GuardTest, AStateWithJobsInAnEmptyWorkspaceStaysReadable) {
  world.add_job(2);
  pass();
  EXPECT_TRUE(world.queue.unexplained().empty());
  Guard again(guard_doors(), world.bells.of(Stage::guard));
  world.start(again.pass());
  EXPECT_FALSE(again.waiting());
}

TEST(Guard, WhatIsOlderThanTheWorkIsToldByTheProvidersClock) {
  const auto at = [](std::int64_t seconds) { return from_millis(seconds * 1000); };
  ListMoment moment{at(1000), at(1000), true};
  EXPECT_EQ(floor_of_work(at(500), moment), at(495));
  moment.date = at(3000);
  EXPECT_EQ(floor_of_work(at(500), moment), at(2495)) << "our clock is late";
  moment.date.reset();
  EXPECT_EQ(floor_of_work(at(500), moment), at(495));
  EXPECT_EQ(floor_of_work(at(2), moment), at(0));
  EXPECT_EQ(floor_of_work(at(1001), moment), at(0)) << "our clock was set back: all of it may be of our work";
}

// faults.md 67. The restored state has adopted a batch by its count, and not read its results: that is the one batch which the intent
// explains.
TEST_F(GuardTest, AnIntentThatHasItsBatchExplainsNoOther) {
  world.add_job(2);
  world.submit(false, "msgbatch_adopted");
  provider.add("msgbatch_adopted", 2);
  world.clock.advance(10min);
  provider.add("msgbatch_forgotten", 2);
  pass();
  ASSERT_EQ(world.queue.unexplained().size(), 1u);
  EXPECT_EQ(world.queue.unexplained()[0].provider_id, "msgbatch_forgotten");
}

TEST_F(GuardTest, AnEmptyWorkspaceIsKnownToBeEmptyFromThenOn) {
  pass();
  EXPECT_FALSE(world.queue.is_new());
  provider.add("msgbatch_later", 5);
  pass();
  EXPECT_EQ(world.queue.unexplained().size(), 1u);
}

TEST_F(GuardTest, WaitsUntilTheListCanBeRead) {
  for (int known = 0; known < 2; ++known) {
    provider.list_failures = {failed_call(CallFailureKind::unreachable, 0),
                              failed_call(CallFailureKind::throttled, 529)};
    Guard fresh(guard_doors(), world.bells.of(Stage::guard));
    world.start(fresh.pass());
    EXPECT_TRUE(fresh.waiting());
    EXPECT_TRUE(fresh.waiting()->next_try_at);
    world.clock.advance(1h);
    EXPECT_FALSE(fresh.waiting());
  }
  EXPECT_EQ(world.log.count("guard.no_list"), 4u);
}

// Fault 18.
TEST_F(GuardTest, BatchesThatNothingExplainsHoldSubmitting) {
  know_one();
  provider.add("msgbatch_of_the_lost_state", 5);
  pass();
  const auto found = world.queue.unexplained();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].provider_id, "msgbatch_of_the_lost_state");
  EXPECT_TRUE(world.queue.pack_view(world.clock.now(), 10).unexplained_batches);
  EXPECT_TRUE(world.log.has("batch.unexplained"));
  EXPECT_EQ(world.queue.dismiss_unexplained("msgbatch_of_the_lost_state"), Decided::done);
  EXPECT_EQ(world.queue.dismiss_unexplained("msgbatch_of_the_lost_state"), Decided::not_in_this_state);
  EXPECT_FALSE(world.queue.pack_view(world.clock.now(), 10).unexplained_batches);
}

TEST_F(GuardTest, InASharedWorkspaceTheyAreReportedAndHoldNothing) {
  know_one();
  world.config.provider.exclusive = false;
  provider.add("msgbatch_of_somebody", 5);
  pass();
  EXPECT_TRUE(world.log.has("batch.unexplained"));
  EXPECT_FALSE(world.queue.pack_view(world.clock.now(), 10).unexplained_batches);
}

TEST_F(GuardTest, WhatAnUnknownIntentExplainsHoldsNothing) {
  know_one();
  lose_one(5);
  provider.add("msgbatch_lost", 5);
  pass();
  EXPECT_TRUE(world.queue.unexplained().empty());
}

// faults.md 67: full batches make equal counts the rule.
TEST_F(GuardTest, OneUnknownIntentExplainsOneBatch) {
  know_one();
  lose_one(5);
  provider.add("msgbatch_lost", 5);
  world.clock.advance(1min);
  provider.add("msgbatch_of_the_lost_state", 5);
  pass();
  const auto found = world.queue.unexplained();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].provider_id, "msgbatch_of_the_lost_state");
  EXPECT_TRUE(world.queue.pack_view(world.clock.now(), 10).unexplained_batches);
}

TEST_F(GuardTest, ABatchOfTheNewestKnownOnesOwnMomentIsSeen) {
  world.add_job(2, "known");
  world.submit(true, "msgbatch_known");
  provider.add("msgbatch_same_moment", 5);
  pass();
  EXPECT_EQ(world.queue.unexplained().size(), 1u);
}

TEST_F(GuardTest, AListThatEndsBeforeWhatIsKnownIsNoWitness) {
  know_one();
  provider.batches.clear();
  pass();
  ASSERT_TRUE(guard.waiting());
  EXPECT_EQ(guard.waiting()->id, "list");
  world.clock.advance(2h);
  EXPECT_TRUE(guard.waiting());
}

// ---- whose list it is (faults.md 68)

class SenderTest : public GuardTest {
 protected:
  void change_key(const std::string& key) {
    provider.key = key;
    ++provider.of_generation;
    world.bells.ring_all();
    world.clock.run_until_idle();
  }
  void pass_and_watch() { world.start(watch()); }
  Task<> watch() {
    co_await guard.pass();
    co_await guard.watch();
  }
};

TEST_F(SenderTest, CallsPassOnceTheListWasCompared) {
  EXPECT_FALSE(gate.is_proven());
  pass_and_watch();
  EXPECT_TRUE(gate.is_proven());
  EXPECT_TRUE(world.queue.sender());
}

TEST_F(SenderTest, ANewKeyThatSeesABatchOfOursIsProven) {
  know_one();
  lose_one(3);
  pass_and_watch();
  const auto before = world.queue.sender();
  change_key("other");
  EXPECT_TRUE(gate.is_proven());
  EXPECT_NE(world.queue.sender(), before);
  EXPECT_TRUE(world.log.has("workspace.proven"));
}

TEST_F(SenderTest, AKeyOfAnotherWorkspaceAsksAndConcludesNothing) {
  know_one();
  const auto lost = lose_one(3);
  pass_and_watch();
  const auto ours = std::exchange(provider.batches, {});
  change_key("other");
  EXPECT_FALSE(gate.is_proven());
  ASSERT_TRUE(guard.waiting());
  EXPECT_EQ(guard.waiting()->id, "key");
  EXPECT_NE(guard.waiting()->what.find("Put the old key back"), std::string::npos);
  Settler behind(world.database, gate, world.clock, world.log, world.config, world.settle_bell);
  world.start(behind.run());
  world.clock.advance(10h);
  EXPECT_EQ(state(lost.id), IntentState::unknown) << "whatever the other list shows";
  provider.batches = ours;
  change_key("sk-test");
  EXPECT_TRUE(gate.is_proven()) << "the old key is back";
  EXPECT_FALSE(guard.waiting());
}

// What the old key was shown proves nothing of the one that came meanwhile.
TEST_F(SenderTest, AKeyThatIsChangedDuringTheProofIsProvenItself) {
  know_one();
  lose_one(3);
  pass_and_watch();
  int asked = 0;
  provider.during = [&](const std::string& call) {
    if (!call.starts_with("retrieve")) return;
    if (++asked > 1) return provider.batches.clear();
    provider.key = "third";
    ++provider.of_generation;
  };
  change_key("other");
  world.clock.advance(1h);
  EXPECT_GT(asked, 1);
  EXPECT_FALSE(gate.is_proven());
}

TEST_F(SenderTest, AKeyThatIsChangedWhileTheFirstListIsReadIsProvenItself) {
  know_one();
  lose_one(3);
  pass();
  provider.during = [&](const std::string& call) {
    if (call.starts_with("retrieve")) return provider.batches.clear();
    provider.key = "other";
    provider.of_generation = 1;
  };
  Guard restarted(guard_doors(), world.bells.of(Stage::guard));
  world.start(restarted.pass());
  world.clock.advance(1h);
  EXPECT_FALSE(gate.is_proven());
}

// The newest batch of ours is of the workspace before: a key that sees it need not see what was sent since.
TEST_F(SenderTest, ABatchOfTheWorkspaceBeforeProvesNothing) {
  know_one();
  world.queue.results_lost(world.queue.open_batches().front().id, "{}", "{}", world.clock.now());
  pass_and_watch();
  const auto first = std::exchange(provider.batches, {});
  change_key("other");
  ASSERT_TRUE(gate.is_proven());
  const auto lost = lose_one(3);
  provider.batches = first;
  change_key("first again");
  EXPECT_FALSE(gate.is_proven());
  ASSERT_TRUE(guard.waiting());
  EXPECT_EQ(guard.waiting()->id, "key");
  EXPECT_EQ(state(lost.id), IntentState::unknown);
}

TEST_F(SenderTest, WithoutOldWorkAnotherWorkspaceBeginsAsANewState) {
  know_one();
  world.queue.results_lost(world.queue.open_batches().front().id, "{}", "{}", world.clock.now());
  pass_and_watch();
  provider.batches.clear();
  change_key("other");
  EXPECT_TRUE(gate.is_proven());
  EXPECT_TRUE(world.log.has("workspace.changed"));
}

}  // namespace
}  // namespace offpeak
