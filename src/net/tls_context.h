// What the HTTP server and client see of the TLS contexts; internal to net.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <optional>
#include <string>

#include "net/http.h"
#include "net/tls.h"

namespace weir::net {

class OpenSslServerContext final : public TlsServerContext {
 public:
  OpenSslServerContext() : context(boost::asio::ssl::context::tls_server) {}
  boost::asio::ssl::context context;
};

class OpenSslClientContext final : public TlsClientContext {
 public:
  OpenSslClientContext() : context(boost::asio::ssl::context::tls_client) {}
  boost::asio::ssl::context context;
  bool insecure = false;
};

// The verified certificate of the peer of a finished handshake, if it showed one.
std::optional<Peer::Certificate> PeerCertificate(SSL* ssl);

// Prepares a client's handshake: server name indication for names, and the check of the peer's name
// or address unless the context is insecure.
Status ExpectPeer(SSL* ssl, const OpenSslClientContext& context, const std::string& host);

// The oldest OpenSSL error of this thread as text; clears the queue.
std::string OpenSslError();

}  // namespace weir::net
