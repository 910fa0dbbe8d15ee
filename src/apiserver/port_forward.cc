#include "apiserver/port_forward.h"

#include <fmt/format.h>

#include <deque>
#include <map>
#include <optional>
#include <utility>

#include "base/strings.h"
#include "net/spdy.h"
#include "net/websocket.h"

namespace weir::apiserver {
namespace {

constexpr std::string_view kProtocol = "portforward.k8s.io";
constexpr std::string_view kTunnel = "SPDY/3.1+portforward.k8s.io";
constexpr std::size_t kReadBytes = 64U << 10U;
// A client may hold a forward open for as long as it likes.
constexpr Duration kIdleMax = std::chrono::hours(4);
constexpr Duration kWriteTimeout = std::chrono::seconds(30);
constexpr std::size_t kConnectionsMax = 256;
// What waits for a pod that does not read; more than this lets the client wait.
constexpr std::size_t kQueuedBytesMax = 4U << 20U;

bool ListHas(std::string_view list, std::string_view item) {
  for (const std::string& part : Split(list, ',')) {
    if (ToLower(Trim(part)) == ToLower(item)) return true;
  }
  return false;
}

// One forwarded connection: its two streams, and what waits for the pod.
struct Forward {
  explicit Forward(net::Loop& loop) : wake(loop) {}
  std::uint32_t data_stream = 0, error_stream = 0;  // 0: not opened yet
  std::uint16_t port = 0;
  std::deque<std::string> to_pod;
  bool client_done = false;  // nothing more for the pod
  bool reset = false;
  bool ended = false;
  std::shared_ptr<net::TcpStream> pod;
  net::Signal wake;
};

class Forwarder {
 public:
  Forwarder(net::Loop& loop, std::unique_ptr<net::TcpStream> client, ForwardTransport transport,
            std::string pod, DialPort dial)
      : loop_(loop),
        client_(std::move(client)),
        tunnelled_(transport == ForwardTransport::kWebSocket),
        pod_(std::move(pod)),
        dial_(std::move(dial)),
        group_(loop, "port forward"),
        drained_(loop),
        output_(loop) {}

  net::Task<void> Run() {
    group_.Spawn(WriteOutput());
    while (!broken_) {
      const Result<std::string> bytes = co_await client_->Read(kReadBytes, kIdleMax);
      if (!bytes || bytes->empty() || !Take(*bytes)) break;
      // A pod that does not read slows its client down, not this program's memory.
      while (queued_ > kQueuedBytesMax && !broken_) {
        const bool ok = co_await drained_.Wait();
        if (!ok) broken_ = true;
      }
    }
    broken_ = true;
    for (const auto& [request, forward] : forwards_) End(*forward);
    client_->Close();
    co_await group_.Stop();
  }

 private:
  // False where the client does not speak the protocol, or has ended it.
  bool Take(const std::string& bytes) {
    Result<std::string> inner = bytes;
    if (tunnelled_) inner = socket_.Feed(bytes);
    if (!inner || !spdy_.Feed(*inner)) return false;
    while (std::optional<net::SpdyEvent> event = spdy_.Next()) TakeEvent(std::move(*event));
    output_.Notify();
    return !socket_.closed();
  }

  void TakeEvent(net::SpdyEvent event) {
    if (event.type == net::SpdyEvent::Type::kOpened) return Open(std::move(event));
    const auto it = requests_.find(event.stream);
    if (it == requests_.end()) return;  // ended already, or never opened
    const auto found = forwards_.find(it->second);
    if (found == forwards_.end() || found->second->data_stream != event.stream) return;
    Forward& forward = *found->second;
    if (event.type == net::SpdyEvent::Type::kReset) return End(forward);
    queued_ += event.data.size();
    if (!event.data.empty()) forward.to_pod.push_back(std::move(event.data));
    forward.client_done = forward.client_done || event.last;
    forward.wake.Notify();
  }

  void Open(net::SpdyEvent event) {
    const auto header = [&event](std::string_view name) {
      const auto it = event.headers.find(name);
      return it == event.headers.end() ? std::string() : it->second;
    };
    const std::string type = header("streamtype");
    const std::optional<std::int64_t> port = ParseInt(header("port"));
    std::string request = header("requestid");
    // Clients before request ids open the error stream first and the data stream after it.
    if (request.empty()) request = fmt::format("#{}", event.stream - (type == "data" ? 2U : 0U));
    const bool known = forwards_.contains(request);
    if ((type != "data" && type != "error") || !port || *port < 1 || *port > 65535 ||
        (!known && forwards_.size() >= kConnectionsMax)) {
      return spdy_.Reset(event.stream);
    }
    std::shared_ptr<Forward>& forward = forwards_[request];
    if (forward == nullptr) forward = std::make_shared<Forward>(loop_);
    std::uint32_t& stream = type == "data" ? forward->data_stream : forward->error_stream;
    if (stream != 0) return spdy_.Reset(event.stream);
    stream = event.stream;
    forward->port = static_cast<std::uint16_t>(*port);
    requests_[event.stream] = request;
    spdy_.Accept(event.stream);
    if (type == "data" && event.last) forward->client_done = true;
    if (forward->data_stream != 0 && forward->error_stream != 0) {
      group_.Spawn(Connect(request, forward));
    }
  }

  void End(Forward& forward) {
    forward.reset = true;
    if (forward.pod) forward.pod->Close();
    forward.wake.Notify();
  }

  net::Task<void> Connect(std::string request, std::shared_ptr<Forward> forward) {
    auto pod = co_await dial_(forward->port);
    std::string error;
    if (!pod) {
      error = fmt::format("error forwarding port {} to pod {}, uid : {}", forward->port, pod_,
                          pod.error().message);
    } else if (!forward->reset) {
      forward->pod = std::move(*pod);
      group_.Spawn(ToPod(forward));
      co_await FromPod(forward);
    }
    forward->ended = true;
    End(*forward);
    for (const std::string& piece : forward->to_pod) queued_ -= piece.size();
    forward->to_pod.clear();
    if (!broken_) {
      spdy_.Send(forward->data_stream, "", true);
      spdy_.Send(forward->error_stream, error, true);
      output_.Notify();
    }
    drained_.Notify();
    requests_.erase(forward->data_stream);
    requests_.erase(forward->error_stream);
    forwards_.erase(request);
  }

  net::Task<void> FromPod(std::shared_ptr<Forward> forward) {
    const std::shared_ptr<net::TcpStream> pod = forward->pod;
    while (!forward->reset && !broken_) {
      const Result<std::string> bytes = co_await pod->Read(kReadBytes, kIdleMax);
      if (!bytes || bytes->empty() || forward->reset || broken_) break;
      spdy_.Send(forward->data_stream, *bytes, false);
      writing_ = true;
      output_.Notify();
      // One piece at a time: the client's pace is the pod's.
      while (writing_ && !broken_ && !forward->reset) {
        const bool ok = co_await written_.Wait();
        if (!ok) co_return;
      }
    }
  }

  net::Task<void> ToPod(std::shared_ptr<Forward> forward) {
    const std::shared_ptr<net::TcpStream> pod = forward->pod;
    while (!forward->reset && !forward->ended) {
      if (!forward->to_pod.empty()) {
        std::string piece = std::move(forward->to_pod.front());
        forward->to_pod.pop_front();
        queued_ -= piece.size();
        const Status written = co_await pod->Write(std::move(piece), kIdleMax);
        drained_.Notify();
        if (!written) co_return End(*forward);
        continue;
      }
      if (forward->client_done) co_return pod->ShutdownWrite();
      const bool ok = co_await forward->wake.Wait();
      if (!ok) co_return;
    }
  }

  net::Task<void> WriteOutput() {
    while (!broken_) {
      std::string bytes = spdy_.TakeOutput();
      if (tunnelled_) {
        if (!bytes.empty()) socket_.Send(bytes);
        bytes = socket_.TakeOutput();
      }
      if (bytes.empty()) {
        writing_ = false;
        written_.Notify();
        const bool ok = co_await output_.Wait();
        if (!ok) co_return;
        continue;
      }
      writing_ = true;
      const Status written = co_await client_->Write(std::move(bytes), kWriteTimeout);
      if (!written) {
        broken_ = true;
        client_->Close();  // ends the read
      }
    }
    written_.Notify();
    drained_.Notify();
  }

  net::Loop& loop_;
  std::shared_ptr<net::TcpStream> client_;
  const bool tunnelled_;
  const std::string pod_;
  const DialPort dial_;
  net::SpdySession spdy_;
  net::WebSocketCodec socket_;
  net::TaskGroup group_;
  net::Signal drained_;  // something reached a pod
  net::Signal output_;   // there may be something for the client
  net::Signal written_{loop_};
  std::map<std::string, std::shared_ptr<Forward>> forwards_;  // by request id
  std::map<std::uint32_t, std::string> requests_;             // of streams
  std::size_t queued_ = 0;
  bool writing_ = false;
  bool broken_ = false;
};

}  // namespace

Result<ForwardTransport> ForwardTransportOf(const net::HttpRequest& request) {
  const std::string upgrade = ToLower(request.Header("upgrade"));
  if (request.method == "GET" && upgrade == "websocket") {
    if (!ListHas(request.Header("sec-websocket-protocol"), kTunnel)) {
      return Fail(
          Code::kInvalid,
          fmt::format("unable to upgrade websocket connection: expected protocol {}", kTunnel));
    }
    if (request.Header("sec-websocket-key").empty()) {
      return Fail(Code::kInvalid, "websocket: no Sec-WebSocket-Key");
    }
    return ForwardTransport::kWebSocket;
  }
  if (upgrade != "spdy/3.1") {
    return Fail(Code::kInvalid, fmt::format("unable to upgrade: missing upgrade headers in request:"
                                            " expected Upgrade: SPDY/3.1, found {}",
                                            Quote(request.Header("upgrade"))));
  }
  const std::string offered = request.Header("x-stream-protocol-version");
  if (!ListHas(offered, kProtocol)) {
    return Fail(Code::kInvalid,
                fmt::format("unable to upgrade: unable to negotiate protocol: client supports [{}],"
                            " server accepts [{}]",
                            offered, kProtocol));
  }
  return ForwardTransport::kSpdy;
}

net::Headers ForwardAnswer(ForwardTransport transport, const net::HttpRequest& request) {
  if (transport == ForwardTransport::kSpdy) {
    return {{"Connection", "Upgrade"},
            {"Upgrade", "SPDY/3.1"},
            {"X-Stream-Protocol-Version", std::string(kProtocol)}};
  }
  return {{"Connection", "Upgrade"},
          {"Upgrade", "websocket"},
          {"Sec-WebSocket-Accept", net::WebSocketAccept(request.Header("sec-websocket-key"))},
          {"Sec-WebSocket-Protocol", std::string(kTunnel)}};
}

net::Task<void> ServePortForward(net::Loop& loop, std::unique_ptr<net::TcpStream> client,
                                 ForwardTransport transport, std::string pod, DialPort dial) {
  Forwarder forwarder(loop, std::move(client), transport, std::move(pod), std::move(dial));
  co_await forwarder.Run();
}

}  // namespace weir::apiserver
