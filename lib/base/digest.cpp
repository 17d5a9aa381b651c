#include "base/digest.hpp"

#if __has_include(<xxh_x86dispatch.h>)
#include <xxh_x86dispatch.h>  // the same functions, by the widest registers that the machine has
#else
#include <xxhash.h>
#endif

#include <array>
#include <new>

namespace offpeak {

namespace {

Digest128 canonical(XXH128_hash_t hash) {
  XXH128_canonical_t text;
  XXH128_canonicalFromHash(&text, hash);
  Digest128 digest;
  std::copy(std::begin(text.digest), std::end(text.digest), digest.bytes.begin());
  return digest;
}

}  // namespace

struct DigestStream::State {
  XXH3_state_t* xxh = XXH3_createState();
  ~State() { XXH3_freeState(xxh); }
};

std::string Digest128::hex() const {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const auto byte : bytes) {
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

Digest128 digest128(std::string_view text) { return canonical(XXH3_128bits(text.data(), text.size())); }

std::uint32_t checksum32(std::string_view text) { return static_cast<std::uint32_t>(hash64(text)); }

std::uint64_t hash64(std::string_view text, std::uint64_t seed) {
  return XXH3_64bits_withSeed(text.data(), text.size(), seed);
}

struct Hash64Stream::State {
  XXH3_state_t* xxh = XXH3_createState();
  ~State() { XXH3_freeState(xxh); }
};

Hash64Stream::Hash64Stream(std::uint64_t seed) : state_(std::make_unique<State>()) {
  if (state_->xxh == nullptr) throw std::bad_alloc();
  XXH3_64bits_reset_withSeed(state_->xxh, seed);
}
Hash64Stream::~Hash64Stream() = default;
Hash64Stream::Hash64Stream(Hash64Stream&&) noexcept = default;
Hash64Stream& Hash64Stream::operator=(Hash64Stream&&) noexcept = default;

void Hash64Stream::update(std::string_view bytes) { XXH3_64bits_update(state_->xxh, bytes.data(), bytes.size()); }

std::uint64_t Hash64Stream::value() const { return XXH3_64bits_digest(state_->xxh); }

DigestStream::DigestStream() : state_(std::make_unique<State>()) {
  if (state_->xxh == nullptr) throw std::bad_alloc();
  XXH3_128bits_reset(state_->xxh);
}
DigestStream::~DigestStream() = default;

void DigestStream::update(std::string_view bytes) { XXH3_128bits_update(state_->xxh, bytes.data(), bytes.size()); }

Digest128 DigestStream::value() const { return canonical(XXH3_128bits_digest(state_->xxh)); }

namespace {

// At the first long text the library finds out what the machine has, and notes it without a lock: so that is before
// there are threads. Without the heap, too.
[[maybe_unused]] const std::uint64_t first_use = [] {
  constexpr std::array<char, 1024> long_text{};
  return hash64({long_text.data(), long_text.size()});
}();

}  // namespace

}  // namespace offpeak
