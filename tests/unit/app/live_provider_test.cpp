#include "daemon/live_provider.hpp"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>

#include "base/task_group.hpp"
#include "unit/results/stage_world.hpp"

namespace offpeak {
namespace {

struct NotedCommit final : CreateCommit {
  Task<Result<void>> commit(std::uint64_t of_provider) override {
    generation = of_provider;
    co_return Result<void>();
  }
  std::optional<std::uint64_t> generation;
};

struct NoBody final : BodySource {
  std::uint64_t size() const override { return 0; }
  Task<Result<std::string_view>> next_block() override { co_return std::string_view(); }
};

// Is replaced while it uploads.
class ReplacedInBetween final : public testing::FakeProvider {
 public:
  Task<CreateAnswer> create(HeaderGroup, BodySource&, CreateCommit& commit) override {
    if (before_commit) before_commit();
    const auto consent = co_await commit.commit(0);
    co_return CreateAnswer();
  }
  std::function<void()> before_commit;
};

Task<> create_once(LiveProvider* live, NotedCommit* commit) {
  NoBody body;
  const auto answer = co_await live->create(HeaderGroup(), body, *commit);
}

std::uint64_t committed_generation(LiveProvider& live) {
  boost::asio::io_context io;
  TaskGroup group(io.get_executor());
  NotedCommit commit;
  group.spawn("create", create_once(&live, &commit));
  io.run();
  return commit.generation.value();
}

TEST(LiveProvider, EachReplacementIsAnotherGeneration) {
  LiveProvider live(std::make_shared<ReplacedInBetween>());
  EXPECT_EQ(committed_generation(live), live.generation());
  const auto before = live.generation();
  live.replace(std::make_shared<ReplacedInBetween>());
  EXPECT_NE(live.generation(), before);
  EXPECT_EQ(committed_generation(live), live.generation());
}

TEST(LiveProvider, ACreateCommitsUnderTheGenerationThatSendsIt) {
  auto sends = std::make_shared<ReplacedInBetween>();
  LiveProvider live(sends);
  sends->before_commit = [&live] { live.replace(std::make_shared<ReplacedInBetween>()); };
  const auto before = live.generation();
  EXPECT_EQ(committed_generation(live), before);
  EXPECT_NE(live.generation(), before);
}

Task<> list_once(LiveProvider* live) { const auto listed = co_await live->list(ListQuery()); }

void list(LiveProvider& live) {
  boost::asio::io_context io;
  TaskGroup group(io.get_executor());
  group.spawn("list", list_once(&live));
  io.run();
}

TEST(LiveProvider, WhoAsksForTheGenerationLearnsOfAnotherKeyBeforeItIsUsed) {
  auto provider = std::make_shared<ReplacedInBetween>();
  LiveProvider live(provider);
  std::vector<bool> refused;
  std::shared_ptr<Provider> renewed;
  live.renew_with([&](bool after_refusal) {
    refused.push_back(after_refusal);
    return std::exchange(renewed, nullptr);
  });
  provider->list_failures = {testing::failed_call(CallFailureKind::account, 401),
                             testing::failed_call(CallFailureKind::account, 403),
                             testing::failed_call(CallFailureKind::throttled, 503)};
  for (int i = 0; i < 4; ++i) {
    static_cast<void>(live.generation());
    list(live);
  }
  EXPECT_EQ(refused, (std::vector<bool>{false, true, true, false}));
  const auto before = live.generation();
  auto next = std::make_shared<ReplacedInBetween>();
  renewed = next;
  list(live);
  EXPECT_EQ(next->count("list"), 0u) << "no call goes out under a key that nobody has seen";
  EXPECT_NE(live.generation(), before);
  list(live);
  EXPECT_EQ(next->count("list"), 1u);
}

TEST(LiveProvider, IsWhomItAsksNow) {
  auto first = std::make_shared<ReplacedInBetween>();
  auto second = std::make_shared<ReplacedInBetween>();
  second->asked_as.origin = "https://other.test:443";
  LiveProvider live(first);
  EXPECT_EQ(live.identity("salt"), first->identity("salt"));
  live.replace(second);
  EXPECT_EQ(live.identity("salt"), second->identity("salt"));
  EXPECT_NE(first->identity("salt"), second->identity("salt"));
}

}  // namespace
}  // namespace offpeak
