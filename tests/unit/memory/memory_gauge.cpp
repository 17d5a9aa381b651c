#include "unit/memory/memory_gauge.hpp"

#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <limits>
#include <new>

namespace {

constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();

std::atomic<std::size_t> held = 0;
std::atomic<std::size_t> most_held = 0;
std::atomic<std::size_t> limit = unlimited;
std::size_t at_begin = 0;

bool take(std::size_t bytes) {
  const auto now = held.fetch_add(bytes) + bytes;
  if (now > limit.load()) {
    held.fetch_sub(bytes);
    return false;
  }
  auto most = most_held.load();
  while (now > most && !most_held.compare_exchange_weak(most, now)) continue;
  return true;
}

void* allocate(std::size_t bytes) {
  void* found = std::malloc(bytes == 0 ? 1 : bytes);
  if (found != nullptr && take(malloc_usable_size(found))) return found;
  std::free(found);
  return nullptr;
}

void release(void* pointer) {
  if (pointer != nullptr) held.fetch_sub(malloc_usable_size(pointer));
  std::free(pointer);
}

}  // namespace

void* operator new(std::size_t bytes) {
  void* found = allocate(bytes);
  if (found == nullptr) throw std::bad_alloc();
  return found;
}
void* operator new[](std::size_t bytes) { return operator new(bytes); }
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept { return allocate(bytes); }
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept { return allocate(bytes); }
void operator delete(void* pointer) noexcept { release(pointer); }
void operator delete[](void* pointer) noexcept { release(pointer); }
void operator delete(void* pointer, std::size_t) noexcept { release(pointer); }
void operator delete[](void* pointer, std::size_t) noexcept { release(pointer); }
void operator delete(void* pointer, const std::nothrow_t&) noexcept { release(pointer); }
void operator delete[](void* pointer, const std::nothrow_t&) noexcept { release(pointer); }

namespace offpeak::testing {

MemoryGauge::MemoryGauge(std::size_t most) {
  at_begin = held.load();
  most_held = at_begin;
  limit = at_begin + most;
}

MemoryGauge::~MemoryGauge() { limit = unlimited; }

std::size_t MemoryGauge::peak() const { return most_held.load() - at_begin; }

}  // namespace offpeak::testing
