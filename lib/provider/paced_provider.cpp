#include "provider/paced_provider.hpp"

#include <algorithm>

#include "provider/verdict.hpp"

namespace offpeak {

PacedProvider::PacedProvider(Provider& provider, Clock& clock, Random& random, const RetryConfig& retry,
                             CallLimits limits)
    : provider_(provider), clock_(clock), random_(random), retry_(retry), budget_(limits, clock.steady_now()) {}

void PacedProvider::throttled(std::optional<Duration> retry_after) {
  if (retry_after) retry_after = std::min(*retry_after, retry_.max_backoff);
  budget_.throttled(clock_.steady_now(), retry_after, random_.unit());
}

namespace {

CallFailure as_refused(CallFailure failure) {
  failure.kind = CallFailureKind::refused;
  return failure;
}

}  // namespace

Task<> PacedProvider::wait_for_turn() {
  for (;;) {
    const auto now = clock_.steady_now();
    const auto at = budget_.ready_at(now);
    if (at <= now) break;
    // Rounded up to the clock's millisecond; others may be quicker, so it is asked again.
    co_await sleep_for(clock_, std::chrono::ceil<Duration>(at - now));
  }
  budget_.take(clock_.steady_now());
}

template <class T>
void PacedProvider::learn(const Called<T>& answer) {
  if (answer.ok()) {
    contact_.note_ok(clock_.now());
  } else {
    contact_.note_failure(answer.failure(), clock_.now());
  }
  if (answer.ok()) {
    budget_.succeeded();
  } else if (answer.failure().kind == CallFailureKind::throttled) {
    throttled(answer.failure().retry_after);
  }
}

Task<CreateAnswer> PacedProvider::create(HeaderGroup headers, BodySource& body, CreateCommit& commit) {
  co_await wait_for_turn();
  auto answer = co_await provider_.create(std::move(headers), body, commit);
  if (!answer.answer) co_return answer;
  const int status = answer.answer->status;
  const auto kind = verdict_on_create(answer).kind;
  if (kind == CreateVerdictKind::created) {
    contact_.note_ok(clock_.now());
    budget_.succeeded();
  } else if (kind == CreateVerdictKind::throttled || status >= 500 ||
             (status == 429 && kind != CreateVerdictKind::account_fault)) {
    // A spend limit is no reason to poll less.
    throttled(answer.answer->retry_after);
  }
  co_return answer;
}

Task<Called<ListPage>> PacedProvider::list(ListQuery query) {
  co_await wait_for_turn();
  auto answer = co_await provider_.list(std::move(query));
  // A batch may not be there; where the list is not, this is not the API.
  if (!answer.ok() && answer.failure().kind == CallFailureKind::not_found) {
    contact_.note_failure(as_refused(answer.failure()), clock_.now());
  } else {
    learn(answer);
  }
  co_return answer;
}

Task<Called<ProviderBatch>> PacedProvider::retrieve(std::string id) {
  co_await wait_for_turn();
  auto answer = co_await provider_.retrieve(std::move(id));
  learn(answer);
  co_return answer;
}

Task<Called<std::uint64_t>> PacedProvider::results(std::string id, ResultsSink& sink) {
  co_await wait_for_turn();
  auto answer = co_await provider_.results(std::move(id), sink);
  learn(answer);
  co_return answer;
}

Task<Called<ProviderBatch>> PacedProvider::cancel(std::string id) {
  co_await wait_for_turn();
  auto answer = co_await provider_.cancel(std::move(id));
  learn(answer);
  co_return answer;
}

}  // namespace offpeak
