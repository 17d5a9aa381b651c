// Digests that find equal contents and changed bytes. XXH3, not a cryptographic hash: nobody gains by a collision with
// their own file.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace offpeak {

struct Digest128 {
  std::array<unsigned char, 16> bytes{};
  auto operator<=>(const Digest128&) const = default;
  std::string hex() const;
};

Digest128 digest128(std::string_view text);

// 32 bits that show bytes which changed under us.
std::uint32_t checksum32(std::string_view text);

// 64 bits that tell contents apart. With the seed 0 its low half is checksum32.
std::uint64_t hash64(std::string_view text, std::uint64_t seed = 0);

// The same of bytes that come in pieces.
class Hash64Stream {
 public:
  explicit Hash64Stream(std::uint64_t seed = 0);
  ~Hash64Stream();
  Hash64Stream(Hash64Stream&&) noexcept;
  Hash64Stream& operator=(Hash64Stream&&) noexcept;
  void update(std::string_view bytes);
  std::uint64_t value() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

class DigestStream {
 public:
  DigestStream();
  ~DigestStream();
  void update(std::string_view bytes);
  Digest128 value() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace offpeak
