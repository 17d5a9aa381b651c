// A list is a witness only when it is whole (product contract 6.5; faults.md 69).
#include "provider/list_walk.hpp"

#include <gtest/gtest.h>

namespace offpeak {
namespace {

ProviderBatch batch(const std::string& id, std::int64_t created_at) {
  ProviderBatch made;
  made.id = id;
  made.created_at = from_millis(created_at);
  return made;
}

ListPage page(std::vector<ProviderBatch> batches, bool has_more) {
  ListPage made;
  if (!batches.empty()) made.last_id = batches.back().id;
  made.batches = std::move(batches);
  made.has_more = has_more;
  return made;
}

const ListFloor floor{"w", from_millis(1000)};

std::size_t shown(ListJoin& join) { return join.take_list().newest_first.size(); }

TEST(ListJoin, EndsAtTheBatchThatIsKnown) {
  ListJoin join(floor);
  EXPECT_EQ(join.take(page({batch("b", 3000), batch("w", 1000), batch("a", 900)}, true)).value(), ListJoin::Next::done);
  EXPECT_EQ(shown(join), 1u);
}

TEST(ListJoin, EndsAtAnOlderOneWhereTheKnownOneWasDeleted) {
  ListJoin join(floor);
  EXPECT_EQ(join.take(page({batch("b", 3000), batch("a", 999)}, true)).value(), ListJoin::Next::done);
  EXPECT_EQ(shown(join), 1u);
}

TEST(ListJoin, OneOfTheSameMomentIsNotOlder) {
  ListJoin join(floor);
  EXPECT_EQ(join.take(page({batch("b", 1000), batch("a", 999)}, true)).value(), ListJoin::Next::done);
  EXPECT_EQ(shown(join), 1u);
}

TEST(ListJoin, WhereNothingIsOlderTheListEndsBehindIt) {
  ListJoin join(floor);
  EXPECT_EQ(join.take(page({batch("b", 3000), batch("w", 1000)}, false)).value(), ListJoin::Next::done);
  EXPECT_EQ(shown(join), 1u);
  ListJoin by_time(ListFloor{std::nullopt, from_millis(1000)});
  EXPECT_EQ(by_time.take(page({batch("b", 3000), batch("ours", 1000)}, false)).value(), ListJoin::Next::done);
  EXPECT_EQ(shown(by_time), 2u);
}

TEST(ListJoin, GoesOnFromPageToPage) {
  ListJoin join(floor);
  EXPECT_EQ(join.take(page({batch("d", 3000), batch("c", 2500)}, true)).value(), ListJoin::Next::another_page);
  EXPECT_EQ(join.after_id(), "c");
  EXPECT_EQ(join.take(page({batch("b", 2500), batch("a", 900)}, true)).value(), ListJoin::Next::done);
  EXPECT_EQ(shown(join), 3u);
}

TEST(ListJoin, AnEmptyWorkspaceEndsWhereItSaysSo) {
  ListJoin join(ListFloor{});
  EXPECT_EQ(join.take(page({batch("a", 1)}, false)).value(), ListJoin::Next::done);
  EXPECT_EQ(shown(join), 1u);
}

TEST(ListJoin, AListThatEndsBeforeWhatIsKnownIsNoWitness) {
  ListJoin join(floor);
  const auto next = join.take(page({batch("b", 3000)}, false));
  ASSERT_FALSE(next);
  EXPECT_NE(next.error().message.find("batch w"), std::string::npos);
  ListJoin empty(floor);
  EXPECT_FALSE(empty.take(page({}, false)));
}

TEST(ListJoin, MoreWithoutACursorIsNoWitness) {
  auto odd = page({batch("b", 3000)}, true);
  odd.last_id.reset();
  EXPECT_FALSE(ListJoin(floor).take(odd));
  EXPECT_FALSE(ListJoin(floor).take(page({}, true))) << "an empty page that says that there is more";
  auto other = page({batch("b", 3000)}, true);
  other.last_id = "elsewhere";
  EXPECT_FALSE(ListJoin(floor).take(other));
}

TEST(ListJoin, APageThatDoesNotJoinTheOneBeforeIsNoWitness) {
  ListJoin again(floor);
  EXPECT_TRUE(again.take(page({batch("b", 3000)}, true)));
  EXPECT_FALSE(again.take(page({batch("b", 3000), batch("w", 1000)}, true))) << "the same once more";
  ListJoin newer(floor);
  EXPECT_TRUE(newer.take(page({batch("b", 3000)}, true)));
  EXPECT_FALSE(newer.take(page({batch("c", 3001), batch("w", 1000)}, true))) << "newer than the one before";
}

TEST(ListJoin, AListThatNeverEndsIsNotReadForEver) {
  ListJoin join(floor);
  for (int i = 0; i < 99; ++i) EXPECT_TRUE(join.take(page({batch("b" + std::to_string(i), 3000)}, true)));
  EXPECT_FALSE(join.take(page({batch("z", 3000)}, true)));
}

// A stranger's oddity is nothing to us; an entry that says no date is passed over, not taken for an end.
TEST(ListJoin, AnEntryWithoutADateEndsNothing) {
  auto odd = batch("odd", 0);
  odd.created_at_known = false;
  ListJoin join(floor);
  EXPECT_EQ(join.take(page({odd, batch("b", 3000), batch("w", 1000)}, false)).value(), ListJoin::Next::done);
  EXPECT_EQ(shown(join), 2u);
}

// In the order of the list it is older than the known one, which is all that is asked.
TEST(ListJoin, AnEntryWithoutADateBehindTheKnownOneIsOlder) {
  auto odd = batch("odd", 0);
  odd.created_at_known = false;
  ListJoin join(floor);
  EXPECT_EQ(join.take(page({batch("b", 3000), batch("w", 1000), odd}, false)).value(), ListJoin::Next::done);
  EXPECT_EQ(shown(join), 1u);
  ListJoin whole(ListFloor{"w", from_millis(1000), true});
  EXPECT_EQ(whole.take(page({batch("b", 3000), batch("w", 1000), odd}, false)).value(), ListJoin::Next::done);
  EXPECT_EQ(shown(whole), 2u) << "what is older is wanted, too";
}

// The known one says no date; its time is a bound from below of what came after it.
TEST(ListJoin, AKnownOneWithoutADateIsReachedAllTheSame) {
  auto known = batch("w", 0);
  known.created_at_known = false;
  ListJoin join(floor);
  EXPECT_EQ(join.take(page({batch("b", 3000), known}, false)).value(), ListJoin::Next::done);
  EXPECT_EQ(shown(join), 1u);
  ListJoin gone(floor);
  EXPECT_FALSE(gone.take(page({batch("b", 3000)}, false))) << "it was deleted, and nothing older is left";
}

TEST(ListJoin, WhereNothingOlderNeedsToBeThereTheListMayEnd) {
  const ListFloor may_end{std::nullopt, from_millis(1000), false, true};
  ListJoin join(may_end);
  EXPECT_EQ(join.take(page({batch("b", 3000)}, false)).value(), ListJoin::Next::done);
  EXPECT_FALSE(join.take_list().older);
  ListJoin older(may_end);
  EXPECT_EQ(older.take(page({batch("b", 3000), batch("a", 900)}, true)).value(), ListJoin::Next::done);
  EXPECT_EQ(older.take_list().older->id, "a");
}

TEST(ListJoin, AnEntryAboveTheKnownOneIsNewerWhateverItsDateSays) {
  ListJoin join(floor);
  EXPECT_EQ(join.take(page({batch("odd", 400), batch("w", 1000), batch("a", 900)}, true)).value(),
            ListJoin::Next::done);
  const auto list = join.take_list();
  ASSERT_EQ(list.newest_first.size(), 1u);
  EXPECT_EQ(list.newest_first[0].id, "odd");
  EXPECT_FALSE(list.newest_first[0].created_at_known);
}

TEST(ListJoin, EntriesWithoutAnIdAreCounted) {
  auto odd = page({batch("w", 1000)}, false);
  odd.unreadable_entries = 2;
  auto first = page({batch("b", 3000)}, true);
  first.unreadable_entries = 1;
  first.last_id = "behind-the-odd-one";
  ListJoin join(floor);
  EXPECT_EQ(join.take(first).value(), ListJoin::Next::another_page);
  EXPECT_EQ(join.after_id(), "behind-the-odd-one");
  EXPECT_EQ(join.take(odd).value(), ListJoin::Next::done);
  EXPECT_EQ(join.take_list().unreadable_entries, 3u);
}

}  // namespace
}  // namespace offpeak
