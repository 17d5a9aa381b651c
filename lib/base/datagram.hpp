// DatagramSocket: one message a call to whoever listens at a Unix address. The service manager and the journal take
// theirs so; libsystemd, which does the same, brings six libraries along: a megabyte of a small daemon. Any thread.
#pragma once

#include <string_view>

namespace offpeak {

class DatagramSocket {
 public:
  DatagramSocket();
  ~DatagramSocket();
  DatagramSocket(const DatagramSocket&) = delete;
  DatagramSocket& operator=(const DatagramSocket&) = delete;

  // To a path, or to an abstract address where `to` begins with '@'. False where it did not go out. Waits while the
  // receiver's queue is full.
  bool send(std::string_view to, std::string_view bytes) const;

 private:
  int fd_;
};

}  // namespace offpeak
