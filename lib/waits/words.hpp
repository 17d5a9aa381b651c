// How things are called in the sentences of this room. Inside lib/waits only.
#pragma once

#include <cstdint>
#include <string>

#include "waits/waits.hpp"

namespace offpeak {

// "1 request", "12 requests".
std::string requests_text(std::int64_t count);

// A wait for the provider's word that has lasted so long should not have.
inline constexpr Duration patience = std::chrono::minutes(1);
// A batch of ours that is unknown to the provider for so long does not come back by itself.
inline constexpr Duration missing_patience = std::chrono::minutes(10);
// Results that cannot be had for so long after the end of their batch do not come by themselves.
inline constexpr Duration results_patience = std::chrono::hours(24);

// A time so far ahead of now was made by a clock that was set back since: how long ago it was is not known.
inline constexpr Duration most_ahead = std::chrono::minutes(10);
bool has_lasted(Instant since, Instant now, Duration least);
// `degraded` once it has lasted longer than `patience`.
Health after_patience(Instant since, Instant now);

// The sooner of two times to come.
std::optional<Instant> sooner(std::optional<Instant> a, std::optional<Instant> b, Instant now);

// When the provider is asked next, whoever asks.
std::optional<Instant> next_call_at(const Look& look);

// What one batch waits for, of the job that it was read for or of the whole workspace.
Wait batch_wait(const WaitingBatch& batch, const Look& look);
// A create call whose answer was lost.
Wait unknown_create_wait(const WaitingIntent& intent, const Look& look);

// What keeps everything that is pending from being sent; nothing where the next batch takes it.
std::optional<Wait> closed_way(const Look& look);
// Everything that does, for the status.
std::vector<Wait> closed_ways(const Look& look);

}  // namespace offpeak
