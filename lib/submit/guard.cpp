#include "submit/guard.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "base/backoff.hpp"

namespace offpeak {

namespace {

constexpr std::size_t salt_digits = 32;

}  // namespace

SenderIs compare_sender(const std::optional<ProviderIdentity>& sent, const ProviderIdentity& asking) {
  if (!sent) return SenderIs::nobody;
  const bool same =
      sent->origin == asking.origin && sent->workspace == asking.workspace && sent->key_hash == asking.key_hash;
  return same ? SenderIs::same : SenderIs::another;
}

std::string describe_old_work(const OldWork& work, const ProviderIdentity& sent, const std::string& problem) {
  const auto whose = sent.organization.empty() ? sent.origin : sent.origin + ", organization " + sent.organization;
  return fmt::format(
      "the key or base_url was changed, and the new one has not shown that it sees what was sent before ({}): {}. {} "
      "requests in {} open batches and {} unsettled creates wait. Put the old key back (sent to {}), or give that work "
      "up",
      "a batch of ours", problem, work.requests, work.open_batches, work.unknown_intents, whose);
}

Instant floor_of_work(Instant work_since, const ListMoment& moment) {
  // It came before now: our clock was set back since.
  if (work_since > moment.now) return Instant();
  const auto ahead = moment.date ? *moment.date - moment.now : Duration(0);
  return std::max(Instant(), work_since + ahead - date_slack);
}

Task<> Guard::pass() {
  began_ = doors_.clock.steady_now();
  co_await repeat(&Guard::prove_and_compare);
  waiting_.reset();
}

Task<> Guard::watch() {
  for (;;) {
    const auto settle = doors_.config.provider.settle_unknown;
    const auto now = doors_.clock.steady_now();
    const bool early = now < began_ + settle;
    co_await bell_.wait_until(early ? began_ + settle : now + std::max(settle, longest_idle_wait));
    if (!doors_.gate.is_proven()) co_await repeat(&Guard::prove);
    if (co_await may_end_restore()) co_await repeat(&Guard::compare_after_restore);
    waiting_.reset();
  }
}

// In a shared workspace no list tells what is ours: the jobs wait for the operator.
Task<bool> Guard::may_end_restore() {
  const auto& provider = doors_.config.provider;
  if (!provider.exclusive || doors_.clock.steady_now() < began_ + provider.settle_unknown) co_return false;
  co_return co_await doors_.database.read(
      [](const Queue& queue) { return queue.restored_at() && queue.is_restore_decided(); });
}

// Rung where the configuration was read again: at once.
Task<> Guard::repeat(Task<Step> (Guard::*step)()) {
  for (int failures = 1; co_await try_step(step) == Step::again; ++failures) {
    const auto& retry = doors_.config.retry;
    const auto pause = std::max(Duration(1), backoff(retry.backoff, retry.max_backoff, failures, doors_.random.unit()));
    if (waiting_) waiting_->next_try_at = doors_.clock.now() + pause;
    co_await bell_.wait_for(pause);
  }
}

Task<Guard::Step> Guard::try_step(Task<Step> (Guard::*step)()) {
  std::string full;
  try {
    co_return co_await (this->*step)();
  } catch (const QueueDiskFull& error) {
    full = error.what();
  }
  wait_because(full);
  co_return Step::again;
}

Task<Guard::Step> Guard::prove_and_compare() {
  if (co_await prove() == Step::again) co_return Step::again;
  co_return co_await compare(false);
}

// Where something has come up, it is decided first; what that writes rings.
// Model: T22.
Task<Guard::Step> Guard::compare_after_restore() {
  if (co_await prove() == Step::again) co_return Step::again;
  if (!co_await may_end_restore()) co_return Step::done;
  co_return co_await compare(true);
}

// Whose workspace? The same key at the same address needs no proof, and asks nobody.
Task<Guard::Step> Guard::prove() {
  if (salt_.empty()) {
    salt_ = co_await doors_.database.write(
        [fresh = doors_.random.hex(salt_digits / 2)](Queue& queue) { return queue.key_salt(fresh); });
  }
  const auto generation = doors_.provider.generation();
  auto asking = doors_.provider.identity(salt_);
  const auto sent = co_await doors_.database.read([](const Queue& queue) { return queue.sender(); });
  if (compare_sender(sent, asking) != SenderIs::another) co_return co_await open_gate(generation);
  const auto batch = co_await doors_.database.read([](const Queue& queue) { return queue.batch_to_prove_by(); });
  if (batch) co_return co_await prove_by(std::move(asking), generation, *batch);
  co_return co_await begin_anew(std::move(asking), generation);
}

Task<Guard::Step> Guard::prove_by(ProviderIdentity asking, std::uint64_t generation, std::string batch) {
  const auto told = co_await doors_.provider.retrieve(batch);
  if (told.ok() && told.value().id == batch) {
    doors_.log.info("workspace.proven", {{"batch", batch}, {"origin", asking.origin}});
    co_return co_await open_gate(generation);
  }
  const auto work =
      co_await doors_.database.read([now = doors_.clock.now()](const Queue& queue) { return queue.old_work(now); });
  const bool not_there = !told.ok() && told.failure().kind == CallFailureKind::not_found;
  if (not_there && work.none()) co_return co_await begin_anew(std::move(asking), generation);
  const auto sent = co_await doors_.database.read([](const Queue& queue) { return queue.sender(); });
  const auto problem = told.ok() ? "another batch was shown instead of " + batch : told.failure().message;
  wait_because(describe_old_work(work, sent.value_or(ProviderIdentity()), problem), "key");
  co_return Step::again;
}

// Nothing of what was sent before can be settled or lost any more: the new workspace begins as a new state does.
Task<Guard::Step> Guard::begin_anew(ProviderIdentity asking, std::uint64_t generation) {
  const auto work =
      co_await doors_.database.read([now = doors_.clock.now()](const Queue& queue) { return queue.old_work(now); });
  if (!work.none()) {
    const auto sent = co_await doors_.database.read([](const Queue& queue) { return queue.sender(); });
    wait_because(
        describe_old_work(work, sent.value_or(ProviderIdentity()), "nothing that was sent before has a batch yet"),
        "key");
    co_return Step::again;
  }
  if (co_await take_as_known() == Step::again) co_return Step::again;
  co_await doors_.database.write([](Queue& queue) { queue.begin_workspace(); });
  doors_.log.warning("workspace.changed", {{"origin", asking.origin}});
  co_return co_await open_gate(generation);
}

// Of the generation that was asked, with what its answers told of it. Where the key was changed meanwhile, nothing is
// known of the new one.
Task<Guard::Step> Guard::open_gate(std::uint64_t generation) {
  auto asking = doors_.provider.identity(salt_);
  if (doors_.provider.generation() != generation) co_return Step::again;
  co_await doors_.database.write([asking = std::move(asking)](Queue& queue) { queue.become_sender(asking); });
  doors_.gate.prove(generation);
  co_return Step::done;
}

// Model: T16.
Task<Guard::Step> Guard::compare(bool ends_restore) {
  const auto generation = doors_.provider.generation();
  if (!doors_.gate.is_proven()) co_return Step::again;
  if (co_await doors_.database.read([](const Queue& queue) { return queue.is_new(); })) {
    const auto since = co_await doors_.database.read([](const Queue& queue) { return queue.work_since(); });
    if (since) co_return co_await take_what_is_older(*since);
    co_return co_await take_as_known();
  }
  const auto floor =
      co_await doors_.database.read([now = doors_.clock.now()](const Queue& queue) { return queue.start_floor(now); });
  auto listed = co_await walk_list(doors_.provider, {floor.id, floor.created_at, floor.to_the_end});
  if (!listed.ok()) {
    wait_because("the provider's list of batches: " + listed.failure().message,
                 listed.failure().kind == CallFailureKind::unreadable ? "list" : "");
    co_return Step::again;
  }
  if (doors_.provider.generation() != generation) co_return Step::again;
  const auto at = moment(listed.value().date);
  auto see = [list = std::move(listed.value().newest_first), at, ends_restore](Queue& queue) {
    auto strangers = queue.see_list(list, at, Queue::ListLook::start);
    if (ends_restore) queue.end_restore();
    return strangers;
  };
  const auto found = co_await doors_.database.write(std::move(see));
  report_strangers(doors_.log, found, at.exclusive);
  co_return co_await open_gate(generation);
}

Task<Guard::Step> Guard::take_as_known() {
  ListQuery query;
  query.limit = 1;
  auto newest = co_await doors_.provider.list(query);
  if (!newest.ok()) {
    wait_because("the provider's first list of batches: " + newest.failure().message);
    co_return Step::again;
  }
  const auto at = moment(newest.value().date);
  const auto& batches = newest.value().batches;
  if (!batches.empty()) {
    doors_.log.warning("workspace.not_empty",
                       {{"newest_batch", batches.front().id},
                        {"act",
                         "make sure that nobody else makes batches with this key's workspace; if somebody does, set "
                         "[provider] exclusive = false"}});
  }
  co_await doors_.database.write([batches, at](Queue& queue) { queue.take_as_known(batches, at); });
  co_return Step::done;
}

// It has jobs and has never seen a list: it is new, or it was put back and has forgotten what it sent since. What was
// made after its first job came may be that.
// Model: T16.
Task<Guard::Step> Guard::take_what_is_older(Instant work_since) {
  const auto generation = doors_.provider.generation();
  ListQuery query;
  query.limit = 1;
  auto newest = co_await doors_.provider.list(query);
  if (!newest.ok()) {
    wait_because("the provider's first list of batches: " + newest.failure().message);
    co_return Step::again;
  }
  const auto floor = floor_of_work(work_since, moment(newest.value().date));
  auto listed = co_await walk_list(doors_.provider, {std::nullopt, floor, false, true});
  if (!listed.ok()) {
    wait_because("the provider's first list of batches: " + listed.failure().message,
                 listed.failure().kind == CallFailureKind::unreadable ? "list" : "");
    co_return Step::again;
  }
  if (doors_.provider.generation() != generation) co_return Step::again;
  const auto at = moment(listed.value().date);
  const auto found = co_await doors_.database.write([list = std::move(listed.value()), at](Queue& queue) {
    std::vector<ProviderBatch> known;
    if (list.older) known.push_back(*list.older);
    queue.take_as_known(known, at);
    return queue.see_list(list.newest_first, at, Queue::ListLook::start);
  });
  report_strangers(doors_.log, found, at.exclusive);
  co_return Step::done;
}

void Guard::wait_because(std::string what, std::string id) {
  told_ = waiting_ && waiting_->what == what ? told_ + 1 : 1;
  // The same once more is told ever less often.
  if (std::has_single_bit(told_)) {
    doors_.log.warning(id == "key" ? "guard.no_proof" : "guard.no_list",
                       {{"reason", what}, {"act", id.empty() ? "none: it is tried again" : "offpeak reconcile " + id}});
  }
  const auto since = waiting_ ? waiting_->since : doors_.clock.now();
  waiting_ = Waiting{std::move(what), since, std::nullopt, std::move(id)};
}

ListMoment Guard::moment(std::optional<Instant> date) const {
  return {doors_.clock.now(), date, doors_.config.provider.exclusive};
}

}  // namespace offpeak
