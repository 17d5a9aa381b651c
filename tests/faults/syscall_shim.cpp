// A library to preload into the daemon: it makes the n-th call of one kind fail, as a bad disk, a full table of files or
// a broken network would. Which call, when and how stands in a small file that the test maps too (fault_control.hpp). Only calls on files below OFFPEAK_FAULT_UNDER and
// on internet sockets take part: the log, the status socket's clients and the loader never do. While nothing is armed it
// counts. tests/e2e/syscall_faults.py is its user and reads the order of the kinds from the list below.
#include <dlfcn.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "fault_control.hpp"

#define FAULT_KINDS(X) \
  X(write)             \
  X(pwrite)            \
  X(read)              \
  X(pread)             \
  X(fsync)             \
  X(fdatasync)         \
  X(ftruncate)         \
  X(open)              \
  X(unlink)            \
  X(rename)            \
  X(renameat2)         \
  X(mkdir)             \
  X(socket)            \
  X(connect)           \
  X(send)              \
  X(recv)              \
  X(accept)            \
  X(inotify_init1)     \
  X(inotify_add_watch)

namespace {

using offpeak::faults::FaultControl;

enum Kind : std::int32_t {
#define KIND(name) kind_##name,
  FAULT_KINDS(KIND)
#undef KIND
};

FaultControl* control = nullptr;
char under[512];
std::size_t under_size = 0;

__attribute__((constructor)) void begin() {
  const char* prefix = std::getenv("OFFPEAK_FAULT_UNDER");
  if (prefix == nullptr || std::strlen(prefix) >= sizeof(under)) return;
  std::strcpy(under, prefix);
  control = offpeak::faults::map_fault_control();
  if (control != nullptr) under_size = std::strlen(under);
}

bool is_below(const char* path) { return under_size > 0 && std::strncmp(path, under, under_size) == 0; }

bool describe(int fd, char* into, std::size_t size) {
  char name[32];
  std::snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
  const long length = ::syscall(SYS_readlinkat, AT_FDCWD, name, into, size - 1);
  if (length < 0) return false;
  into[length] = '\0';
  return true;
}

bool is_internet(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  if (::syscall(SYS_getsockname, fd, &address, &size) != 0) return false;
  return address.ss_family == AF_INET || address.ss_family == AF_INET6;
}

// errno is set where the call must fail; it is 0 where its count must be short.
bool must_fail(Kind kind, const char* about) {
  if (!offpeak::faults::must_fail(control, kind, about)) return false;
  errno = control->error;
  return true;
}

bool path_fails(Kind kind, const char* path) { return is_below(path) && must_fail(kind, path); }

bool file_fails(Kind kind, int fd) {
  const int before = errno;
  char path[256];
  const bool fails = under_size > 0 && describe(fd, path, sizeof(path)) && is_below(path) && must_fail(kind, path);
  if (!fails) errno = before;
  return fails;
}

bool socket_fails(Kind kind, int fd) {
  const int before = errno;
  const bool fails = under_size > 0 && is_internet(fd) && must_fail(kind, "an internet socket");
  if (!fails) errno = before;
  return fails;
}

bool always_fails(Kind kind, const char* about) { return under_size > 0 && must_fail(kind, about); }

template <class Function>
Function* real(Function*& known, const char* name) {
  if (known == nullptr) known = reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
  return known;
}

// Half of what was wanted, but at least a byte: a short count is no end of file.
std::size_t half(std::size_t size) { return size > 1 ? size / 2 : size; }

}  // namespace

#define REAL(name)                          \
  static decltype(::name)* known = nullptr; \
  const auto next = real(known, #name)

// A transfer of `size` bytes: refused, or cut short.
#define TRANSFER(fails, call_short)     \
  if (fails) {                          \
    if (control->error != 0) return -1; \
    return call_short;                  \
  }

extern "C" {

__attribute__((visibility("default"))) ssize_t write(int fd, const void* data, size_t size) {
  REAL(write);
  TRANSFER(file_fails(kind_write, fd), next(fd, data, half(size)))
  return next(fd, data, size);
}

__attribute__((visibility("default"))) ssize_t pwrite(int fd, const void* data, size_t size, off_t offset) {
  REAL(pwrite);
  TRANSFER(file_fails(kind_pwrite, fd), next(fd, data, half(size), offset))
  return next(fd, data, size, offset);
}

__attribute__((visibility("default"))) ssize_t pwrite64(int fd, const void* data, size_t size, off64_t offset) {
  REAL(pwrite64);
  TRANSFER(file_fails(kind_pwrite, fd), next(fd, data, half(size), offset))
  return next(fd, data, size, offset);
}

__attribute__((visibility("default"))) ssize_t read(int fd, void* data, size_t size) {
  REAL(read);
  TRANSFER(file_fails(kind_read, fd), next(fd, data, half(size)))
  return next(fd, data, size);
}

__attribute__((visibility("default"))) ssize_t pread(int fd, void* data, size_t size, off_t offset) {
  REAL(pread);
  TRANSFER(file_fails(kind_pread, fd), next(fd, data, half(size), offset))
  return next(fd, data, size, offset);
}

__attribute__((visibility("default"))) ssize_t pread64(int fd, void* data, size_t size, off64_t offset) {
  REAL(pread64);
  TRANSFER(file_fails(kind_pread, fd), next(fd, data, half(size), offset))
  return next(fd, data, size, offset);
}

__attribute__((visibility("default"))) int fsync(int fd) {
  REAL(fsync);
  return file_fails(kind_fsync, fd) ? -1 : next(fd);
}

__attribute__((visibility("default"))) int fdatasync(int fd) {
  REAL(fdatasync);
  return file_fails(kind_fdatasync, fd) ? -1 : next(fd);
}

__attribute__((visibility("default"))) int ftruncate(int fd, off_t size) noexcept {
  REAL(ftruncate);
  return file_fails(kind_ftruncate, fd) ? -1 : next(fd, size);
}

__attribute__((visibility("default"))) int ftruncate64(int fd, off64_t size) noexcept {
  REAL(ftruncate64);
  return file_fails(kind_ftruncate, fd) ? -1 : next(fd, size);
}

__attribute__((visibility("default"))) int open(const char* path, int flags, ...) {
  REAL(open);
  va_list more;
  va_start(more, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(more, mode_t) : 0;
  va_end(more);
  return path_fails(kind_open, path) ? -1 : next(path, flags, mode);
}

__attribute__((visibility("default"))) int open64(const char* path, int flags, ...) {
  REAL(open64);
  va_list more;
  va_start(more, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(more, mode_t) : 0;
  va_end(more);
  return path_fails(kind_open, path) ? -1 : next(path, flags, mode);
}

__attribute__((visibility("default"))) int unlink(const char* path) noexcept {
  REAL(unlink);
  return path_fails(kind_unlink, path) ? -1 : next(path);
}

__attribute__((visibility("default"))) int rename(const char* from, const char* to) noexcept {
  REAL(rename);
  return path_fails(kind_rename, from) ? -1 : next(from, to);
}

__attribute__((visibility("default"))) int renameat2(int at, const char* from, int to_at, const char* to,
                                                     unsigned flags) noexcept {
  REAL(renameat2);
  return path_fails(kind_renameat2, from) ? -1 : next(at, from, to_at, to, flags);
}

__attribute__((visibility("default"))) int mkdir(const char* path, mode_t mode) noexcept {
  REAL(mkdir);
  return path_fails(kind_mkdir, path) ? -1 : next(path, mode);
}

__attribute__((visibility("default"))) int socket(int domain, int type, int protocol) noexcept {
  REAL(socket);
  const bool internet = domain == AF_INET || domain == AF_INET6;
  return internet && always_fails(kind_socket, "socket()") ? -1 : next(domain, type, protocol);
}

__attribute__((visibility("default"))) int connect(int fd, const sockaddr* address, socklen_t size) {
  REAL(connect);
  return socket_fails(kind_connect, fd) ? -1 : next(fd, address, size);
}

__attribute__((visibility("default"))) ssize_t send(int fd, const void* data, size_t size, int flags) {
  REAL(send);
  TRANSFER(socket_fails(kind_send, fd), next(fd, data, half(size), flags))
  return next(fd, data, size, flags);
}

__attribute__((visibility("default"))) ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  REAL(sendmsg);
  if (socket_fails(kind_send, fd)) {
    if (control->error != 0 || message->msg_iovlen == 0) return -1;
    iovec first = message->msg_iov[0];
    first.iov_len = half(first.iov_len);
    msghdr cut = *message;
    cut.msg_iov = &first;
    cut.msg_iovlen = 1;
    return next(fd, &cut, flags);
  }
  return next(fd, message, flags);
}

__attribute__((visibility("default"))) ssize_t recv(int fd, void* data, size_t size, int flags) {
  REAL(recv);
  TRANSFER(socket_fails(kind_recv, fd), next(fd, data, half(size), flags))
  return next(fd, data, size, flags);
}

__attribute__((visibility("default"))) ssize_t recvmsg(int fd, msghdr* message, int flags) {
  REAL(recvmsg);
  if (socket_fails(kind_recv, fd) && control->error != 0) return -1;
  return next(fd, message, flags);
}

__attribute__((visibility("default"))) int accept(int fd, sockaddr* address, socklen_t* size) {
  REAL(accept);
  return always_fails(kind_accept, "accept()") ? -1 : next(fd, address, size);
}

__attribute__((visibility("default"))) int accept4(int fd, sockaddr* address, socklen_t* size, int flags) {
  REAL(accept4);
  return always_fails(kind_accept, "accept4()") ? -1 : next(fd, address, size, flags);
}

// The wall clock jumps; the steady one does not.
__attribute__((visibility("default"))) int clock_gettime(clockid_t which, timespec* time) noexcept {
  // Not the next one: a sanitizer's allocator asks for the time before anything can be looked up.
  const long failed = ::syscall(SYS_clock_gettime, which, time);
  if (failed == 0 && which == CLOCK_REALTIME && control != nullptr) {
    time->tv_sec += __atomic_load_n(&control->clock_jump, __ATOMIC_RELAXED);
  }
  return static_cast<int>(failed);
}

int inotify_init1(int flags) noexcept;
__attribute__((visibility("default"))) int inotify_init1(int flags) noexcept {
  REAL(inotify_init1);
  return always_fails(kind_inotify_init1, "inotify_init1()") ? -1 : next(flags);
}

int inotify_add_watch(int fd, const char* path, std::uint32_t mask) noexcept;
__attribute__((visibility("default"))) int inotify_add_watch(int fd, const char* path, std::uint32_t mask) noexcept {
  REAL(inotify_add_watch);
  return always_fails(kind_inotify_add_watch, path) ? -1 : next(fd, path, mask);
}
}
