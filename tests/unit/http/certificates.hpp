// Certificates made on the spot: an authority, and what it signs. For tests only.
#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <boost/asio/ssl/context.hpp>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>

namespace offpeak::test {

template <auto function>
struct Free {
  template <class T>
  void operator()(T* pointer) const {
    function(pointer);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Free<X509_free>>;

struct Identity {
  Key key;
  Certificate certificate;
};

enum class Validity : unsigned char { now, expired, not_yet };

class Authority {
 public:
  explicit Authority(const std::string& name) { root_ = make(name, "", Validity::now, nullptr); }

  // `names` as in "DNS:localhost" or "IP:127.0.0.1".
  Identity sign(const std::string& name, const std::string& names, Validity validity = Validity::now) const {
    return make(name, names, validity, &root_);
  }

  // The root as a PEM file, which is removed with the authority.
  std::string file() {
    if (file_.empty()) {
      file_ = "/tmp/offpeak-test-ca-XXXXXX";
      const int fd = mkstemp(file_.data());
      if (fd < 0) throw std::runtime_error("mkstemp");
      close(fd);
      std::ofstream(file_) << pem(*root_.certificate);
    }
    return file_;
  }
  ~Authority() {
    if (!file_.empty()) unlink(file_.c_str());
  }
  Authority(const Authority&) = delete;
  Authority& operator=(const Authority&) = delete;

 private:
  static std::string pem(X509& certificate) {
    BIO* bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, &certificate);
    char* bytes = nullptr;
    const auto size = BIO_get_mem_data(bio, &bytes);
    std::string text(bytes, static_cast<std::size_t>(size));
    BIO_free(bio);
    return text;
  }

  static void add_extension(X509& to, X509& issuer, int id, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, &issuer, &to, nullptr, nullptr, 0);
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, id, value.c_str());
    if (extension == nullptr) throw std::runtime_error("extension " + value);
    X509_add_ext(&to, extension, -1);
    X509_EXTENSION_free(extension);
  }

  static Identity make(const std::string& name, const std::string& names, Validity validity, const Identity* by) {
    static long serial = 1;
    Identity out;
    out.key.reset(EVP_EC_gen("P-256"));
    out.certificate.reset(X509_new());
    X509& certificate = *out.certificate;
    X509_set_version(&certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(&certificate), serial++);
    constexpr long day = 86'400;
    X509_gmtime_adj(X509_getm_notBefore(&certificate), validity == Validity::not_yet ? day : -2 * day);
    X509_gmtime_adj(X509_getm_notAfter(&certificate), validity == Validity::expired ? -day : 2 * day);
    X509_set_pubkey(&certificate, out.key.get());
    X509_NAME* subject = X509_get_subject_name(&certificate);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(name.c_str()), -1,
                               -1, 0);
    X509& issuer = by != nullptr ? *by->certificate : certificate;
    X509_set_issuer_name(&certificate, X509_get_subject_name(&issuer));
    add_extension(certificate, issuer, NID_basic_constraints, by != nullptr ? "CA:FALSE" : "critical,CA:TRUE");
    if (!names.empty()) add_extension(certificate, issuer, NID_subject_alt_name, names);
    X509_sign(&certificate, by != nullptr ? by->key.get() : out.key.get(), EVP_sha256());
    return out;
  }

  Identity root_;
  std::string file_;
};

inline boost::asio::ssl::context server_context(const Identity& identity) {
  boost::asio::ssl::context context(boost::asio::ssl::context::tls_server);
  SSL_CTX_use_certificate(context.native_handle(), identity.certificate.get());
  SSL_CTX_use_PrivateKey(context.native_handle(), identity.key.get());
  return context;
}

}  // namespace offpeak::test
