#include "http/tls.hpp"

#include <openssl/bio.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <boost/asio/ssl/host_name_verification.hpp>
#include <new>
#include <stdexcept>

#include "base/text.hpp"
#include "http/openssl_start.hpp"

namespace offpeak::http {

namespace {

std::string advice_for(int error) {
  switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return "check this machine's clock; if it is right, the server needs a new certificate";
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
      return "nobody trusted here signed it: install ca-certificates, or where a company's proxy opens TLS "
             "put its "
             "CA into [provider] ca_file";
    default:
      return "check base_url and [provider] ca_file";
  }
}

// The first name of the certificate, as a hint at whose it is. It comes from outside, so it is escaped.
std::string name_in(X509* certificate) {
  char name[256] = "";
  if (certificate != nullptr) X509_NAME_oneline(X509_get_subject_name(certificate), name, sizeof name);
  return escape_for_display(name, 200);
}

// A BIO (OpenSSL's door to bytes) in front of OutgoingRecords, which takes everything at once.
int write_record(BIO* bio, const char* bytes, int count) {
  static_cast<OutgoingRecords*>(BIO_get_data(bio))->append(std::string_view(bytes, static_cast<std::size_t>(count)));
  return count;
}

long control_records(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

BIO_METHOD* make_record_method() {
  BIO_METHOD* method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "outgoing records");
  if (method == nullptr || BIO_meth_set_write(method, write_record) != 1 ||
      BIO_meth_set_ctrl(method, control_records) != 1) {
    throw std::bad_alloc();
  }
  return method;
}

}  // namespace

void OutgoingRecords::take_over(SSL* ssl) {
  static BIO_METHOD* const method = make_record_method();
  BIO* bio = BIO_new(method);
  if (bio == nullptr) throw std::bad_alloc();
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set0_wbio(ssl, bio);
}

boost::asio::ssl::context make_tls_context(const Origin& origin) {
  start_openssl();
  // Asio's own way to make one goes on with nothing where OpenSSL has no memory.
  SSL_CTX* made = ::SSL_CTX_new(::TLS_client_method());
  if (made == nullptr) throw std::bad_alloc();
  boost::asio::ssl::context context(made);
  context.set_options(boost::asio::ssl::context::no_compression);
  // A second handshake (TLS 1.2 only) would need an answer from whoever reads, and only write() lets records leave.
  SSL_CTX_set_options(context.native_handle(), SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
  context.set_verify_mode(boost::asio::ssl::verify_peer);
  boost::system::error_code ec;
  if (origin.ca_file.empty()) {
    context.set_default_verify_paths(ec);
    if (ec) throw std::runtime_error("cannot load the system's certificate authorities: " + ec.message());
  } else {
    context.load_verify_file(origin.ca_file, ec);
    if (ec) {
      throw std::runtime_error("provider.ca_file: cannot load certificates from " + origin.ca_file + ": " +
                               ec.message() + " (it must be a readable PEM file)");
    }
  }
  return context;
}

bool CertificateCheck::operator()(bool chain_is_good, boost::asio::ssl::verify_context& context) {
  X509_STORE_CTX* store = context.native_handle();
  if (!chain_is_good) {
    const int error = X509_STORE_CTX_get_error(store);
    if (refusal_.empty()) {
      refusal_ = std::string("the certificate is refused: ") + X509_verify_cert_error_string(error) + " (" +
                 name_in(X509_STORE_CTX_get_current_cert(store)) + "); " + advice_for(error);
    }
    return false;
  }
  if (boost::asio::ssl::host_name_verification(host_)(true, context)) return true;
  refusal_ = "the certificate is refused: it is not for " + host_ + " (but for " +
             name_in(X509_STORE_CTX_get_current_cert(store)) + "); check base_url, and who answers in its place";
  return false;
}

}  // namespace offpeak::http
