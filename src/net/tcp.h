// TCP for protocols that are not HTTP: the proxy's byte pumps, Redis, AMQP. Every await has a
// deadline. Loop thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "net/loop.h"
#include "net/tls.h"

namespace weir::net {

class TcpStream {
 public:
  virtual ~TcpStream() = default;
  // At least one byte, at most max_bytes; empty at the peer's end of stream.
  virtual Task<Result<std::string>> Read(std::size_t max_bytes, Duration timeout) = 0;
  virtual Task<Status> Write(std::string bytes, Duration timeout) = 0;
  // Whether a Read would answer at once: bytes, the peer's end, or an error. On a connection where
  // nothing is expected it tells that the peer has closed it.
  virtual bool HasInput() { return false; }
  // Half-close: the peer sees the end of stream.
  virtual void ShutdownWrite() = 0;
  virtual void Close() = 0;
};

// host is an IP address or a name that the system resolves.
Task<Result<std::unique_ptr<TcpStream>>> TcpConnect(std::string host, std::uint16_t port,
                                                    Duration timeout);

// The same over TLS: the peer must show a certificate for `host`, unless the context is insecure.
Task<Result<std::unique_ptr<TcpStream>>> TlsConnect(std::string host, std::uint16_t port,
                                                    std::shared_ptr<TlsClientContext> tls,
                                                    Duration timeout);

// Calls `on_connection` for each connection (it should spawn a task). Start binds: kConflict where
// the port is taken, kForbidden where it is not allowed.
class TcpListener {
 public:
  TcpListener(Loop& loop, std::string address, std::uint16_t port,
              std::function<void(std::unique_ptr<TcpStream>)> on_connection);
  ~TcpListener();
  TcpListener(const TcpListener&) = delete;
  TcpListener& operator=(const TcpListener&) = delete;
  Status Start();
  std::uint16_t port() const;
  // Before the destructor, where Start succeeded.
  Task<void> Stop();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace weir::net
