// Every limit of the product that is not a configuration key, with its unit and its source.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace offpeak {

// The provider's own: requests in a batch (OpenAPI maxItems), bytes of the HTTP body (documented as 256 MB; read as
// powers of ten, the reading that is safe either way).
inline constexpr std::uint32_t batch_requests_max = 100'000;
inline constexpr std::uint64_t batch_bytes_max = 256'000'000;

inline constexpr std::size_t custom_id_bytes_max = 256;  // the user's own, after decoding
inline constexpr std::size_t wire_id_bytes_max = 64;     // the provider's pattern [A-Za-z0-9_-]{1,64}
inline constexpr std::size_t reported_errors_max = 100;  // in NAME.error.json
inline constexpr std::size_t path_name_bytes_max = 100;  // of a job's name in a path

inline constexpr std::size_t wire_nonce_bytes = 24;  // 96 random bits in hexadecimal
inline constexpr std::size_t wire_seq_bytes = 21;    // fingerprint and place, in hexadecimal digits

// When the last byte of a create may still arrive. It is handed to the kernel within this of the moment its commit was
// asked for, or withheld; and the kernel gives up what nobody acknowledges (tcp(7), TCP_USER_TIMEOUT: with the defaults
// it would go on for some 15 minutes). What lies behind our kernel, a proxy say, is not bounded by us; the provider
// closes connections that say nothing for a minute or two.
inline constexpr std::chrono::milliseconds commit_to_last_byte_max{10'000};
inline constexpr std::chrono::milliseconds kernel_delivery_max{30'000};
// Then the request is read, the batch made and listed. Settling must take longer than all three together.
inline constexpr std::chrono::milliseconds listing_margin{20'000};
inline constexpr std::chrono::milliseconds settle_unknown_least =
    commit_to_last_byte_max + kernel_delivery_max + listing_margin;

// After a "not created" verdict every list is compared with it for so long: a batch lives 24 hours at most.
inline constexpr std::chrono::hours audit_time{26};
// A second copy of a create is looked for as long after its answer. Where the answer was lost, the results of the batch
// that was adopted come up to 24 hours later, and only then a copy can be told from it.
inline constexpr std::chrono::hours copies_time{50};

// After retention has purged a job, the same content is still refused as a duplicate for so long.
inline constexpr int digests_kept_days = 366;

// Free pages of the database that are kept for the next jobs.
inline constexpr std::int64_t free_pages_kept = 1024;

// The longest time the provider keeps results, counted from created_at.
inline constexpr int results_kept_days = 29;
// Past so many of them without being collected, somebody should look.
inline constexpr int results_at_risk_days = 20;

// A batch that has not ended so long after its expiry is an alarm.
inline constexpr std::chrono::hours expiry_grace{1};

}  // namespace offpeak
