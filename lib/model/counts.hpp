// Outcomes by type, as the provider counts them and as its lines say. Pure.
#pragma once

#include <array>
#include <cstdint>

namespace offpeak {

using TypeCounts = std::array<std::int64_t, 4>;  // by OutcomeType: succeeded, errored, expired, canceled

std::int64_t total_of(const TypeCounts& counts);

// Every request of the batch has a line, and the lines are what was counted.
bool agree(const TypeCounts& told, const TypeCounts& lines, std::int64_t requests);

// The provider's counts are its bill. May a request whose line says that it did not succeed have been paid for all the
// same? Not where no more successes are counted than there are lines that say so; nor where the counts add up to the
// requests, and the requests without a readable line account for all that is counted beyond the lines.
bool may_hide_a_success(const TypeCounts& told, const TypeCounts& lines, std::int64_t requests);

}  // namespace offpeak
