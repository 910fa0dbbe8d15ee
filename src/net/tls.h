// TLS contexts and the small certificate authority that `weir up` signs with. OpenSSL stays behind
// this header. PEM texts in, PEM texts out; writing files is the caller's business.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace weir::net {

struct KeyPair {
  std::string certificate_pem;
  std::string key_pem;
};

struct CertificateRequest {
  std::string common_name;
  std::vector<std::string> organizations;
  std::vector<std::string> dns_names;
  std::vector<std::string> ip_addresses;
  bool server = false;  // extended key usage serverAuth, else clientAuth
};

// ECDSA P-256. `now` and `lifetime` bound the validity (it begins 5 minutes before now).
Result<KeyPair> MakeAuthority(const std::string& common_name, Time now, Duration lifetime);
Result<KeyPair> IssueCertificate(const KeyPair& authority, const CertificateRequest& request,
                                 Time now, Duration lifetime);
// The end of the certificate's validity.
Result<Time> CertificateExpiry(const std::string& certificate_pem);
// Whether the certificate is for this host name or IP address. kInvalid for what is none.
Result<bool> CertificateNames(const std::string& certificate_pem, const std::string& host);

// TLS 1.2 and 1.3. Client certificates are asked for, not demanded; one that the client CA did not
// sign fails the handshake.
class TlsServerContext {
 public:
  static Result<std::shared_ptr<TlsServerContext>> Make(const KeyPair& certificate,
                                                        const std::string& client_ca_pem);
  virtual ~TlsServerContext() = default;
};

class TlsClientContext {
 public:
  // Verifies peers against `ca_pem` (empty: the system's) and their names; shows `certificate` if
  // it is not empty. `insecure` verifies nothing.
  static Result<std::shared_ptr<TlsClientContext>> Make(const std::string& ca_pem,
                                                        const KeyPair& certificate, bool insecure);
  virtual ~TlsClientContext() = default;
};

}  // namespace weir::net
