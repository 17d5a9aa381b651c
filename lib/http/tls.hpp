// TLS towards the provider: what is trusted, and why a certificate was refused in words. I/O thread.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/verify_context.hpp>
#include <string>

#include "http/http.hpp"

namespace offpeak::http {

// TLS 1.2 or newer, peer verified; for a plain origin nothing is loaded, and nobody would be trusted. Throws
// std::runtime_error where the CA file cannot be loaded.
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

}  // namespace offpeak::http
