// Asio takes coroutine frames and handlers from aligned_alloc, which knows no new-handler. The linker leads its calls
// here (--wrap), so that they end as operator new does (out_of_memory.hpp).
#include <cstddef>
#include <new>

extern "C" void* __real_aligned_alloc(std::size_t alignment, std::size_t size);  // NOLINT(bugprone-reserved-identifier)

extern "C" void* __wrap_aligned_alloc(std::size_t alignment,
                                      std::size_t size) {  // NOLINT(bugprone-reserved-identifier)
  void* memory = __real_aligned_alloc(alignment, size);
  if (memory != nullptr) return memory;
  if (const auto handler = std::get_new_handler()) handler();
  return nullptr;
}
