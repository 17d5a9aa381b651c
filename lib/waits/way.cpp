// What keeps requests from being sent: from the operator's word to the packer's gate.
#include <fmt/format.h>

#include <algorithm>

#include "waits/words.hpp"

namespace offpeak {

namespace {

std::optional<Wait> pause_wait(const Look& look) {
  if (!look.status.submitting_paused) return std::nullopt;
  Wait wait{WaitKind::operator_pause, "submitting is paused by the operator; `offpeak resume` goes on",
            look.status.submitting_paused_since};
  wait.health = Health::degraded;
  return wait;
}

// A key that is refused, or an account that takes nothing.
std::optional<Wait> account_wait(const Look& look) {
  const auto account = account_of(look);
  if (!account.paused) return std::nullopt;
  Wait wait{WaitKind::account, "the account does not take batches: " + account.reason, account.since};
  const auto& contact = look.stages.contact;
  const int status = contact.account_fault() ? contact.last_error.http_status : 0;
  if (status == 401 || status == 403) {
    wait.what = fmt::format("the provider refuses the key: {}; put a key that works into [provider] api_key_file ({})",
                            account.reason, look.config.provider.api_key_file);
  }
  if (account.next_try_at > look.now) wait.next_action_at = account.next_try_at;
  wait.health = Health::needs_human;
  wait.command = "offpeak resume";
  return wait;
}

// Before the guard is through, nothing has worked since the start: its first failure counts at once.
std::optional<Wait> workspace_wait(const Look& look) {
  if (!look.stages.guard) return std::nullopt;
  const auto& guard = *look.stages.guard;
  const auto& contact = look.stages.contact;
  Wait wait{WaitKind::workspace, "nothing is sent before the workspace is known: " + guard.what, guard.since};
  if (contact.failing() && !wait.what.ends_with(contact.last_error.message)) {
    wait.what += ": " + contact.last_error.message;
  }
  wait.next_action_at = guard.next_action_at;
  wait.health = contact.failing() ? Health::degraded : after_patience(guard.since, look.now);
  if (!guard.command.empty()) wait.health = Health::needs_human;
  wait.command = guard.command;
  return wait;
}

std::optional<Wait> provider_wait(const Look& look) {
  const auto& contact = look.stages.contact;
  const bool told = contact.account_fault() || look.stages.guard;
  if (!contact.failing() || told) return std::nullopt;
  Wait wait{WaitKind::provider, "the provider gives no answer that can be used: " + contact.last_error.message,
            contact.failing_since};
  wait.next_action_at = next_call_at(look);
  wait.health = after_patience(*contact.failing_since, look.now);
  // An address that is not the API's does not become it by itself.
  if (contact.last_error.kind == CallFailureKind::refused && wait.health == Health::degraded) {
    wait.health = Health::needs_human;
    wait.command = "offpeakd --check-config";
  }
  return wait;
}

std::optional<Wait> unexplained_wait(const Look& look) {
  if (std::ranges::none_of(look.status.unexplained, &UnexplainedBatch::holds_submitting)) return std::nullopt;
  Wait wait{WaitKind::unexplained_batch,
            "the provider lists batches that nothing here explains, and nothing is sent before that is decided: "
            "`offpeak reconcile`"};
  wait.health = Health::degraded;
  return wait;
}

// From the first failure to the next create that is accepted; between the tries something else may be waited for.
std::optional<Wait> backoff_wait(const Look& look) {
  const auto& delay = look.status.delay;
  if (delay.tries == 0) return std::nullopt;
  Wait wait{WaitKind::backoff, "the next create waits a while, since the last one failed: " + delay.reason,
            delay.since};
  if (delay.not_before > look.now) wait.next_action_at = delay.not_before;
  wait.health = after_patience(delay.since.value_or(look.now), look.now);
  return wait;
}

// What only the packer knows, as of its last look.
std::optional<Wait> gate_wait(const Look& look) {
  if (!look.stages.pack.gate) return std::nullopt;
  const auto& gate = *look.stages.pack.gate;
  Wait wait{WaitKind::turn, gate.reason, look.stages.pack.gate_since};
  switch (gate.kind) {
    case GateKind::open_batches:
    case GateKind::queued_requests:
      wait.kind = WaitKind::room;
      wait.what += ": a batch that ends makes room";
      wait.next_action_at = look.stages.next_poll_at;
      return wait;
    case GateKind::daily_cap:
      wait.kind = WaitKind::daily_cap;
      wait.what += ": nothing more is sent before midnight UTC, unless [money] daily_cap_usd is raised and reloaded";
      wait.until = gate.until;
      wait.next_action_at = gate.until;
      wait.health = Health::degraded;
      return wait;
    case GateKind::restored:
      wait.kind = WaitKind::workspace;
      wait.next_action_at = gate.until ? gate.until : look.stages.next_poll_at;
      return wait;
    case GateKind::same_size:
      wait.next_action_at = look.stages.next_poll_at;
      return wait;
    case GateKind::sending:
    case GateKind::operator_pause:
    case GateKind::unexplained:
    case GateKind::account:
    case GateKind::backoff:
      break;
  }
  return wait;
}

using Way = std::optional<Wait> (*)(const Look&);

// Whoever comes first is what a request waits for.
constexpr Way ways[] = {pause_wait,       account_wait, workspace_wait, provider_wait,
                        unexplained_wait, backoff_wait, gate_wait};

}  // namespace

AccountState account_of(const Look& look) {
  auto account = look.status.account;
  const auto& contact = look.stages.contact;
  if (!contact.account_fault()) return account;
  if (!account.paused) account.since = contact.failing_since;
  account.paused = true;
  account.reason = contact.last_error.message;
  account.next_try_at = next_call_at(look).value_or(account.next_try_at);
  return account;
}

std::optional<Wait> closed_way(const Look& look) {
  for (const auto way : ways) {
    auto wait = way(look);
    const bool due = wait && wait->kind == WaitKind::backoff && !wait->next_action_at;
    if (wait && !due) return wait;
  }
  return std::nullopt;
}

std::vector<Wait> closed_ways(const Look& look) {
  std::vector<Wait> closed;
  for (const auto way : ways) {
    if (auto wait = way(look)) closed.push_back(std::move(*wait));
  }
  // A turn is nothing to tell of, and a cap or a backoff keeps nobody where nothing is to be sent.
  const auto& counts = look.status.counts;
  const bool nothing_to_send = counts[RequestState::pending] + counts[RequestState::assigned] == 0;
  std::erase_if(closed, [&](const Wait& wait) {
    const bool of_sending =
        wait.kind == WaitKind::room || wait.kind == WaitKind::daily_cap || wait.kind == WaitKind::backoff;
    return wait.kind == WaitKind::turn || (of_sending && nothing_to_send);
  });
  return closed;
}

}  // namespace offpeak
