// TLS towards the provider: what is trusted, why a certificate was refused in words, and how records leave. I/O thread.
#pragma once

#include <openssl/ssl.h>

#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/verify_context.hpp>
#include <string>
#include <string_view>

#include "http/http.hpp"

namespace offpeak::http {

// TLS 1.2 or newer, peer verified. Throws std::runtime_error where the CA file cannot be loaded.
boost::asio::ssl::context make_tls_context(const Origin& origin);

// The check of one handshake: the chain (OpenSSL's verdict) and the host's name, both of which must hold.
// Keeps the first reason for a refusal.
class CertificateCheck {
 public:
  explicit CertificateCheck(std::string host) : host_(std::move(host)) {}
  bool operator()(bool chain_is_good, boost::asio::ssl::verify_context& context);
  // What is wrong and what to do; empty where nothing was refused.
  const std::string& refusal() const { return refusal_; }

 private:
  std::string host_;
  std::string refusal_;
};

// Records on their way to the socket. Asio's stream hands it one record of 16 KiB at a time, and waits for each:
// measured as half of the time of an upload over loopback. Here those of a whole slice wait for one write.
class OutgoingRecords {
 public:
  // To be called when hands were shaken: from now on `ssl` writes here and never waits. Outlives what `ssl` writes.
  void take_over(SSL* ssl);
  void append(std::string_view bytes) { gathered_.append(bytes); }
  // What was gathered, valid until the next call. Meanwhile a read may add an alert: it leaves with what comes next.
  std::string_view take() {
    leaving_.clear();
    leaving_.swap(gathered_);
    return leaving_;
  }

 private:
  std::string gathered_, leaving_;
};

}  // namespace offpeak::http
