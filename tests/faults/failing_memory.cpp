// Linked into the daemon of tests/e2e/memory_faults.py: allocations of the daemon's own code, of coroutine frames, of
// SQLite and of OpenSSL can be made to fail, the n-th of them, once or for ever (fault_control.hpp). malloc itself belongs
// to the sanitizer, so each user of memory is met at its own door. tests/e2e/memory_faults.py reads the kinds from here.
#include <openssl/crypto.h>
#include <sqlite3.h>

#include <cstdlib>
#include <new>

#include "fault_control.hpp"

namespace {

using offpeak::faults::FaultControl;

#define FAULT_KINDS(X) \
  X(new)               \
  X(frame)             \
  X(sqlite)            \
  X(openssl)

enum Kind : std::int32_t {
#define KIND(name) kind_##name,
  FAULT_KINDS(KIND)
#undef KIND
};

// Mapped before main: what the loader and static initialisation allocate never fails.
FaultControl* control = nullptr;

bool fails(Kind kind, const char* about) { return offpeak::faults::must_fail(control, kind, about); }

// As the standard says: the handler first, where there is one.
[[noreturn]] void give_up() {
  if (const auto handler = std::get_new_handler()) handler();
  throw std::bad_alloc();
}

void* allocate(std::size_t size) {
  if (fails(kind_new, "operator new")) give_up();
  void* memory = std::malloc(size > 0 ? size : 1);
  if (memory == nullptr) give_up();
  return memory;
}

void* allocate_or_null(std::size_t size) noexcept {
  if (fails(kind_new, "operator new(nothrow)")) return nullptr;
  return std::malloc(size > 0 ? size : 1);
}

sqlite3_mem_methods real_sqlite;

void* sqlite_malloc(int size) { return fails(kind_sqlite, "sqlite") ? nullptr : real_sqlite.xMalloc(size); }
void* sqlite_realloc(void* old, int size) {
  return fails(kind_sqlite, "sqlite") ? nullptr : real_sqlite.xRealloc(old, size);
}

void* openssl_malloc(std::size_t size, const char*, int) {
  return fails(kind_openssl, "openssl") ? nullptr : std::malloc(size);
}
void* openssl_realloc(void* old, std::size_t size, const char*, int) {
  return fails(kind_openssl, "openssl") ? nullptr : std::realloc(old, size);
}
void openssl_free(void* memory, const char*, int) { std::free(memory); }

__attribute__((constructor)) void begin() {
  ::CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc, openssl_free);
  ::sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real_sqlite);
  sqlite3_mem_methods failing = real_sqlite;
  failing.xMalloc = sqlite_malloc;
  failing.xRealloc = sqlite_realloc;
  ::sqlite3_config(SQLITE_CONFIG_MALLOC, &failing);
  control = offpeak::faults::map_fault_control();
}

}  // namespace

// Instead of daemon/aligned_alloc.cpp, and ends as that does.
extern "C" void* __real_aligned_alloc(std::size_t alignment, std::size_t size);   // NOLINT
extern "C" void* __wrap_aligned_alloc(std::size_t alignment, std::size_t size) {  // NOLINT
  if (fails(kind_frame, "a coroutine frame or handler")) give_up();
  return __real_aligned_alloc(alignment, size);
}

void* operator new(std::size_t size) { return allocate(size); }
void* operator new[](std::size_t size) { return allocate(size); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return allocate_or_null(size); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return allocate_or_null(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
