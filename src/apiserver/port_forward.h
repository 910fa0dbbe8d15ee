// pods/NAME/portforward: connections of the client travel as streams of SPDY/3.1 on one upgraded
// connection, bare (kubectl before 1.31) or in WebSocket messages (since then). For each of them
// the client opens a data and an error stream with the same request id. Loop thread only.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "net/http.h"
#include "net/loop.h"
#include "net/tcp.h"

namespace weir::apiserver {

// What an upgrade request asks for.
enum class ForwardTransport { kSpdy, kWebSocket };

// kInvalid in upstream's words for a request that is no upgrade that is served.
Result<ForwardTransport> ForwardTransportOf(const net::HttpRequest& request);

// The headers of the answer.
net::Headers ForwardAnswer(ForwardTransport transport, const net::HttpRequest& request);

// Connects to a port of the pod.
using DialPort =
    std::function<net::Task<Result<std::unique_ptr<net::TcpStream>>>(std::uint16_t port)>;

// Serves the upgraded connection until the client goes. What a dial answers is told on the error
// stream; `pod` names the pod there.
net::Task<void> ServePortForward(net::Loop& loop, std::unique_ptr<net::TcpStream> client,
                                 ForwardTransport transport, std::string pod, DialPort dial);

}  // namespace weir::apiserver
