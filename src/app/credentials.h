// Who may speak to the local cluster: its certificate authority, the server's certificate, the
// administrator's client certificate and token, the key of ServiceAccounts' tokens, kept under the
// data folder (private parts 0600) so that a kubeconfig stays valid across restarts.
#pragma once

#include <string>

#include "env/file_system.h"
#include "env/random.h"
#include "net/tls.h"

namespace weir::app {

struct Credentials {
  std::string ca_pem;
  net::KeyPair server;
  net::KeyPair admin;
  std::string admin_token;
  std::string token_key;  // signs the tokens of ServiceAccounts
};

// Reads what `dir`/pki has; makes what is missing, unreadable as PEM, or ends within 30 days. The
// server's certificate is for loopback and for Service `kubernetes`: its names, and its address
// `service_address`.
Result<Credentials> LoadOrMakeCredentials(env::FileSystem& files, env::Random& random,
                                          const std::string& dir,
                                          const std::string& service_address, Time now);

// 32 hexadecimal characters from `random`, which must be fit for secrets.
std::string MakeToken(env::Random& random);

}  // namespace weir::app
