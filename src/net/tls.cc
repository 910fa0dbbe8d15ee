#include "net/tls.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <array>
#include <boost/asio/ip/address.hpp>

#include "net/tls_context.h"

namespace weir::net {
namespace {

// ECDSA on P-256.
EVP_PKEY* GenerateKey() {
  std::array<char, 6> curve{"P-256"};
  return EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", curve.data());
}

template <auto Free>
struct FreeWith {
  template <class T>
  void operator()(T* pointer) const {
    Free(pointer);
  }
};
using KeyPtr = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>>;
using CertPtr = std::unique_ptr<X509, FreeWith<X509_free>>;
using BioPtr = std::unique_ptr<BIO, FreeWith<BIO_free_all>>;
using ExtensionPtr = std::unique_ptr<X509_EXTENSION, FreeWith<X509_EXTENSION_free>>;
using NamesPtr = std::unique_ptr<GENERAL_NAMES, FreeWith<GENERAL_NAMES_free>>;

std::unexpected<Error> SslFailure(Code code, std::string_view what) {
  return Fail(code, fmt::format("{}: {}", what, OpenSslError()));
}

BioPtr MemoryBio(const std::string& text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::string TakeText(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return std::string(data, static_cast<std::size_t>(size));
}

Result<CertPtr> ReadCertificate(const std::string& pem) {
  const BioPtr bio = MemoryBio(pem);
  CertPtr certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  if (!certificate) return SslFailure(Code::kInvalid, "not a PEM certificate");
  return certificate;
}

Result<KeyPtr> ReadKey(const std::string& pem) {
  const BioPtr bio = MemoryBio(pem);
  KeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
  if (!key) return SslFailure(Code::kInvalid, "not a PEM private key");
  return key;
}

Result<KeyPair> WritePair(X509* certificate, EVP_PKEY* key) {
  const BioPtr cert_bio(BIO_new(BIO_s_mem()));
  const BioPtr key_bio(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_X509(cert_bio.get(), certificate) != 1 ||
      PEM_write_bio_PKCS8PrivateKey(key_bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) !=
          1) {
    return SslFailure(Code::kInternal, "cannot write a certificate");
  }
  return KeyPair{TakeText(cert_bio.get()), TakeText(key_bio.get())};
}

bool AddNameEntry(X509_NAME* name, const char* field, const std::string& value) {
  return X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8,
                                    reinterpret_cast<const unsigned char*>(value.data()),
                                    static_cast<int>(value.size()), -1, 0) == 1;
}

bool AddExtension(X509* certificate, X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value));
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

// Built from values, not from OpenSSL's text form, in which a comma in a name would add another.
bool AddAlternativeNames(X509* certificate, const CertificateRequest& request) {
  if (request.dns_names.empty() && request.ip_addresses.empty()) return true;
  const NamesPtr names(GENERAL_NAMES_new());
  for (const std::string& dns : request.dns_names) {
    ASN1_IA5STRING* text = ASN1_IA5STRING_new();
    ASN1_STRING_set(text, dns.data(), static_cast<int>(dns.size()));
    GENERAL_NAME* name = GENERAL_NAME_new();
    GENERAL_NAME_set0_value(name, GEN_DNS, text);
    sk_GENERAL_NAME_push(names.get(), name);
  }
  for (const std::string& ip : request.ip_addresses) {
    ASN1_OCTET_STRING* bytes = a2i_IPADDRESS(ip.c_str());
    if (bytes == nullptr) return false;
    GENERAL_NAME* name = GENERAL_NAME_new();
    GENERAL_NAME_set0_value(name, GEN_IPADD, bytes);
    sk_GENERAL_NAME_push(names.get(), name);
  }
  return X509_add1_ext_i2d(certificate, NID_subject_alt_name, names.get(), 0, 0) == 1;
}

// A certificate with a fresh serial number, the key, the validity and the subject filled in.
Result<CertPtr> NewCertificate(EVP_PKEY* key, const std::string& common_name,
                               const std::vector<std::string>& organizations, Time now,
                               Duration lifetime) {
  CertPtr certificate(X509_new());
  std::array<unsigned char, 16> serial{};
  if (!certificate || RAND_bytes(serial.data(), static_cast<int>(serial.size())) != 1) {
    return SslFailure(Code::kInternal, "cannot make a certificate");
  }
  serial[0] = static_cast<unsigned char>((serial[0] & 0x7f) | 0x40);  // positive, 16 bytes
  BIGNUM* number = BN_bin2bn(serial.data(), static_cast<int>(serial.size()), nullptr);
  BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate.get()));
  BN_free(number);
  X509_set_version(certificate.get(), X509_VERSION_3);
  const auto unix_seconds = [](Time t) {
    return std::chrono::floor<std::chrono::seconds>(t).time_since_epoch().count();
  };
  ASN1_TIME_set(X509_getm_notBefore(certificate.get()),
                unix_seconds(now - std::chrono::minutes(5)));
  ASN1_TIME_set(X509_getm_notAfter(certificate.get()), unix_seconds(now + lifetime));
  X509_set_pubkey(certificate.get(), key);
  X509_NAME* subject = X509_get_subject_name(certificate.get());
  bool ok = true;
  for (const std::string& organization : organizations) {
    ok = ok && AddNameEntry(subject, "O", organization);
  }
  if (!ok || !AddNameEntry(subject, "CN", common_name)) {
    return SslFailure(Code::kInvalid, fmt::format("not a certificate subject: {}", common_name));
  }
  return certificate;
}

Status UsePair(boost::asio::ssl::context& context, const KeyPair& pair, std::string_view whose) {
  boost::system::error_code error;
  context.use_certificate_chain(boost::asio::buffer(pair.certificate_pem), error);
  if (error) return Fail(Code::kInvalid, fmt::format("{} certificate: {}", whose, error.message()));
  context.use_private_key(boost::asio::buffer(pair.key_pem), boost::asio::ssl::context::pem, error);
  if (error) return Fail(Code::kInvalid, fmt::format("{} key: {}", whose, error.message()));
  return {};
}

void SetCommon(SSL_CTX* context) {
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);  // an idle connection holds no buffers
}

}  // namespace

std::string OpenSslError() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return reason == nullptr ? "unknown OpenSSL error" : reason;
}

Result<KeyPair> MakeAuthority(const std::string& common_name, Time now, Duration lifetime) {
  const KeyPtr key(GenerateKey());
  if (!key) return SslFailure(Code::kInternal, "cannot make a key");
  const Result<CertPtr> made = NewCertificate(key.get(), common_name, {}, now, lifetime);
  if (!made) return std::unexpected(made.error());
  X509* certificate = made->get();
  X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
  if (!AddExtension(certificate, certificate, NID_basic_constraints, "critical,CA:TRUE") ||
      !AddExtension(certificate, certificate, NID_key_usage, "critical,keyCertSign,cRLSign") ||
      !AddExtension(certificate, certificate, NID_subject_key_identifier, "hash") ||
      X509_sign(certificate, key.get(), EVP_sha256()) == 0) {
    return SslFailure(Code::kInternal, "cannot sign the authority's certificate");
  }
  return WritePair(certificate, key.get());
}

Result<KeyPair> IssueCertificate(const KeyPair& authority, const CertificateRequest& request,
                                 Time now, Duration lifetime) {
  const Result<CertPtr> ca = ReadCertificate(authority.certificate_pem);
  if (!ca) return Prefixed("authority", ca.error());
  const Result<KeyPtr> ca_key = ReadKey(authority.key_pem);
  if (!ca_key) return Prefixed("authority", ca_key.error());
  const KeyPtr key(GenerateKey());
  if (!key) return SslFailure(Code::kInternal, "cannot make a key");
  const Result<CertPtr> made =
      NewCertificate(key.get(), request.common_name, request.organizations, now, lifetime);
  if (!made) return std::unexpected(made.error());
  X509* certificate = made->get();
  X509_set_issuer_name(certificate, X509_get_subject_name(ca->get()));
  if (!AddAlternativeNames(certificate, request)) {
    return SslFailure(Code::kInvalid, fmt::format("certificate {}: not an address among the names",
                                                  request.common_name));
  }
  if (!AddExtension(certificate, ca->get(), NID_basic_constraints, "critical,CA:FALSE") ||
      !AddExtension(certificate, ca->get(), NID_key_usage, "critical,digitalSignature") ||
      !AddExtension(certificate, ca->get(), NID_ext_key_usage,
                    request.server ? "serverAuth" : "clientAuth") ||
      !AddExtension(certificate, ca->get(), NID_authority_key_identifier, "keyid") ||
      X509_sign(certificate, ca_key->get(), EVP_sha256()) == 0) {
    return SslFailure(Code::kInternal, "cannot sign a certificate");
  }
  return WritePair(certificate, key.get());
}

Result<Time> CertificateExpiry(const std::string& certificate_pem) {
  const Result<CertPtr> certificate = ReadCertificate(certificate_pem);
  if (!certificate) return std::unexpected(certificate.error());
  std::tm parts{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate->get()), &parts) != 1) {
    return SslFailure(Code::kInvalid, "the certificate's end of validity");
  }
  return Time(std::chrono::seconds(timegm(&parts)));
}

Result<bool> CertificateNames(const std::string& certificate_pem, const std::string& host) {
  const Result<CertPtr> certificate = ReadCertificate(certificate_pem);
  if (!certificate) return std::unexpected(certificate.error());
  return X509_check_ip_asc(certificate->get(), host.c_str(), 0) == 1 ||
         X509_check_host(certificate->get(), host.data(), host.size(), 0, nullptr) == 1;
}

Result<std::shared_ptr<TlsServerContext>> TlsServerContext::Make(const KeyPair& certificate,
                                                                 const std::string& client_ca_pem) {
  auto made = std::make_shared<OpenSslServerContext>();
  SSL_CTX* context = made->context.native_handle();
  SetCommon(context);
  SSL_CTX_set_num_tickets(context, 1);
  if (const Status used = UsePair(made->context, certificate, "the server's"); !used) {
    return std::unexpected(used.error());
  }
  if (client_ca_pem.empty()) return made;
  boost::system::error_code error;
  made->context.add_certificate_authority(boost::asio::buffer(client_ca_pem), error);
  if (error) return Fail(Code::kInvalid, fmt::format("client CA: {}", error.message()));
  const Result<CertPtr> ca = ReadCertificate(client_ca_pem);
  if (!ca) return Prefixed("client CA", ca.error());
  SSL_CTX_add_client_CA(context, ca->get());
  made->context.set_verify_mode(boost::asio::ssl::verify_peer);
  // Without it OpenSSL refuses to resume sessions of a server that asks for certificates.
  constexpr std::array<unsigned char, 4> kSessionContext{'w', 'e', 'i', 'r'};
  SSL_CTX_set_session_id_context(context, kSessionContext.data(), kSessionContext.size());
  return made;
}

Result<std::shared_ptr<TlsClientContext>> TlsClientContext::Make(const std::string& ca_pem,
                                                                 const KeyPair& certificate,
                                                                 bool insecure) {
  auto made = std::make_shared<OpenSslClientContext>();
  SetCommon(made->context.native_handle());
  made->insecure = insecure;
  boost::system::error_code error;
  if (ca_pem.empty()) {
    made->context.set_default_verify_paths(error);
  } else {
    made->context.add_certificate_authority(boost::asio::buffer(ca_pem), error);
  }
  if (error) return Fail(Code::kInvalid, fmt::format("CA: {}", error.message()));
  made->context.set_verify_mode(insecure ? boost::asio::ssl::verify_none
                                         : boost::asio::ssl::verify_peer);
  if (!certificate.certificate_pem.empty()) {
    if (const Status used = UsePair(made->context, certificate, "the client's"); !used) {
      return std::unexpected(used.error());
    }
  }
  return made;
}

std::optional<Peer::Certificate> PeerCertificate(SSL* ssl) {
  const CertPtr certificate(SSL_get1_peer_certificate(ssl));
  if (!certificate || SSL_get_verify_result(ssl) != X509_V_OK) return std::nullopt;
  Peer::Certificate peer;
  const X509_NAME* subject = X509_get_subject_name(certificate.get());
  for (int i = 0; i < X509_NAME_entry_count(subject); ++i) {
    const X509_NAME_ENTRY* entry = X509_NAME_get_entry(subject, i);
    const int nid = OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry));
    unsigned char* text = nullptr;
    const int size = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(entry));
    if (size < 0) continue;
    std::string value(reinterpret_cast<const char*>(text), static_cast<std::size_t>(size));
    OPENSSL_free(text);
    if (nid == NID_commonName)
      peer.common_name = std::move(value);
    else if (nid == NID_organizationName)
      peer.organizations.push_back(std::move(value));
  }
  return peer;
}

Status ExpectPeer(SSL* ssl, const OpenSslClientContext& context, const std::string& host) {
  boost::system::error_code not_an_address;
  boost::asio::ip::make_address(host, not_an_address);
  const bool is_name = static_cast<bool>(not_an_address);
  // SSL_set_tlsext_host_name without its old-style cast.
  std::string name = host;
  if (is_name &&
      SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name.data()) != 1) {
    return SslFailure(Code::kInvalid, fmt::format("server name {}", host));
  }
  if (context.insecure) return {};
  const int ok = is_name ? SSL_set1_host(ssl, host.c_str())
                         : X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str());
  if (ok != 1) return SslFailure(Code::kInvalid, fmt::format("server name {}", host));
  return {};
}

}  // namespace weir::net
