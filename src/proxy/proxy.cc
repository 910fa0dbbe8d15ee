#include "proxy/proxy.h"

#include <spdlog/spdlog.h>

#include <map>
#include <set>

#include "client/events.h"
#include "client/informer.h"
#include "net/tcp.h"
#include "proxy/proxy_plan.h"

namespace weir::proxy {
namespace {

using std::chrono::seconds;

constexpr Duration kRetryListen = seconds(5);
constexpr const char* kPrivileged =
    " (for ports below 1024 be root, or run `sysctl net.ipv4.ip_unprivileged_port_start=0`)";
constexpr Duration kWriteTimeout = std::chrono::minutes(5);
constexpr std::size_t kPumpBytes = std::size_t{64} << 10U;

// One address that is listened on. Connections under way share the backends.
struct Listener {
  ServicePort port;
  std::size_t next = 0;  // round robin
  std::unique_ptr<net::TcpListener> tcp;
};

// The two ends of a connection; closed when both directions are done.
// One connection; the last of its two directions to end takes it off the account.
struct Pipe {
  explicit Pipe(std::shared_ptr<std::size_t> a) : active(std::move(a)) { ++*active; }
  ~Pipe() { --*active; }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  std::shared_ptr<std::size_t> active;
  std::unique_ptr<net::TcpStream> client;
  std::unique_ptr<net::TcpStream> backend;
};

}  // namespace

class Proxy::Impl {
 public:
  Impl(net::Loop& loop, env::Clock& clock, env::Random& random, client::Client& client,
       client::SharedInformers& informers, Options options)
      : options_(options),
        loop_(loop),
        group_(loop, "proxy"),
        events_(client, group_, clock, random, "kube-proxy"),
        services_(informers.Get(client::refs::kServices)),
        slices_(informers.Get(client::refs::kEndpointSlices)),
        changed_(loop) {}

  void Start();
  net::Task<void> Stop();
  Counters counters() const;

 private:
  net::Task<void> Run();
  net::Task<bool> Apply();
  bool Open(const std::shared_ptr<Listener>& listener);
  void Accepted(const std::shared_ptr<Listener>& listener, std::unique_ptr<net::TcpStream> stream);
  net::Task<void> Serve(std::shared_ptr<Listener> listener, std::shared_ptr<Pipe> pipe);
  net::Task<bool> Connect(std::shared_ptr<Listener> listener, std::shared_ptr<Pipe> pipe);
  net::Task<void> Pump(std::shared_ptr<Pipe> pipe, bool from_client);

  Options options_;
  std::shared_ptr<std::size_t> active_ = std::make_shared<std::size_t>(0);  // connections
  net::Loop& loop_;
  net::TaskGroup group_;
  client::EventRecorder events_;
  client::Informer& services_;
  client::Informer& slices_;
  net::Signal changed_;
  std::map<Address, std::shared_ptr<Listener>> listeners_;
  std::set<Address> failed_;  // told about already
  Counters counters_;
  std::vector<client::Informer::Registration> listening_;
};

void Proxy::Impl::Start() {
  const auto notify = [this](const client::ObjectPtr&, const client::ObjectPtr&) {
    changed_.Notify();
  };
  listening_.push_back(services_.AddListener(notify));
  listening_.push_back(slices_.AddListener(notify));
  group_.Spawn(Run());
}

net::Task<void> Proxy::Impl::Run() {
  if (const bool synced = co_await services_.WaitSynced(); !synced) co_return;
  if (const bool synced = co_await slices_.WaitSynced(); !synced) co_return;
  bool all_open = co_await Apply();
  while (!group_.stopping()) {
    if (!all_open) {
      co_await changed_.WaitFor(kRetryListen);
    } else if (const bool notified = co_await changed_.Wait(); !notified) {
      co_return;  // cancelled
    }
    all_open = co_await Apply();
  }
}

// Brings the listeners to what the plan wants; false where one could not be opened.
net::Task<bool> Proxy::Impl::Apply() {
  std::map<Address, ServicePort> wanted;
  for (ServicePort& port : PlanServicePorts(services_.List(), slices_.List())) {
    // Without a backend nothing listens: clients are refused.
    if (!port.backends.empty()) wanted.emplace(port.listen, std::move(port));
  }
  std::vector<std::shared_ptr<Listener>> closing;
  for (auto it = listeners_.begin(); it != listeners_.end();) {
    if (wanted.contains(it->first)) {
      ++it;
      continue;
    }
    closing.push_back(it->second);
    it = listeners_.erase(it);
  }
  for (const auto& listener : closing) co_await listener->tcp->Stop();
  bool all_open = true;
  for (auto& [address, port] : wanted) {
    const auto known = listeners_.find(address);
    if (known != listeners_.end()) {
      known->second->port = std::move(port);
      continue;
    }
    auto listener = std::make_shared<Listener>();
    listener->port = std::move(port);
    if (Open(listener)) {
      listeners_[address] = std::move(listener);
    } else {
      all_open = false;
    }
  }
  co_return all_open;
}

bool Proxy::Impl::Open(const std::shared_ptr<Listener>& listener) {
  const ServicePort& port = listener->port;
  // The listener holds itself no longer than the TcpListener lives.
  const std::weak_ptr<Listener> weak = listener;
  listener->tcp =
      std::make_unique<net::TcpListener>(loop_, port.listen.ip, port.listen.port,
                                         [this, weak](std::unique_ptr<net::TcpStream> stream) {
                                           if (const auto alive = weak.lock())
                                             Accepted(alive, std::move(stream));
                                         });
  const Status ok = listener->tcp->Start();
  if (ok) {
    failed_.erase(port.listen);
    return true;
  }
  ++counters_.listen_failures;
  if (!failed_.insert(port.listen).second) return false;
  const std::string message = "port " + (port.port_name.empty() ? "" : port.port_name + " ") +
                              "is not served: " + ok.error().message + "; tried again every 5 s" +
                              (ok.error().code == Code::kForbidden ? kPrivileged : "");
  spdlog::warn("proxy: service {}/{}: {}", port.ns, port.service, message);
  if (const auto service = services_.Get(port.ns, port.service)) {
    events_.Record(*service, "Warning", "ListenFailed", message);
  }
  return false;
}

void Proxy::Impl::Accepted(const std::shared_ptr<Listener>& listener,
                           std::unique_ptr<net::TcpStream> stream) {
  ++counters_.connections;
  if (*active_ >= options_.max_connections) {
    ++counters_.refused;
    stream->Close();
    return;
  }
  auto pipe = std::make_shared<Pipe>(active_);
  pipe->client = std::move(stream);
  group_.Spawn(Serve(listener, std::move(pipe)));
}

net::Task<void> Proxy::Impl::Serve(std::shared_ptr<Listener> listener, std::shared_ptr<Pipe> pipe) {
  if (const bool connected = co_await Connect(listener, pipe); connected) {
    listener.reset();
    group_.Spawn(Pump(pipe, false));
    co_await Pump(pipe, true);
  } else {
    pipe->client->Close();
  }
}

// Tries each backend once, beginning with the one whose turn it is.
net::Task<bool> Proxy::Impl::Connect(std::shared_ptr<Listener> listener,
                                     std::shared_ptr<Pipe> pipe) {
  const std::vector<Address> backends = listener->port.backends;
  const std::size_t first = listener->next++;
  for (std::size_t i = 0; i < backends.size(); ++i) {
    const Address& backend = backends[(first + i) % backends.size()];
    auto stream = co_await net::TcpConnect(backend.ip, backend.port, options_.connect_timeout);
    if (stream) {
      pipe->backend = *std::move(stream);
      co_return true;
    }
    if (stream.error().code == Code::kCancelled) co_return false;
    ++counters_.retries;
  }
  ++counters_.unreachable;
  spdlog::debug("proxy: no backend of {}/{} answers", listener->port.ns, listener->port.service);
  co_return false;
}

// One direction until its end of stream, which is passed on as such; an error ends both.
net::Task<void> Proxy::Impl::Pump(std::shared_ptr<Pipe> pipe, bool from_client) {
  net::TcpStream& from = from_client ? *pipe->client : *pipe->backend;
  net::TcpStream& to = from_client ? *pipe->backend : *pipe->client;
  while (true) {
    auto bytes = co_await from.Read(kPumpBytes, options_.idle_timeout);
    if (!bytes) break;
    if (bytes->empty()) {
      to.ShutdownWrite();
      co_return;
    }
    const Status written = co_await to.Write(*std::move(bytes), kWriteTimeout);
    if (!written) break;
  }
  from.Close();
  to.Close();
}

net::Task<void> Proxy::Impl::Stop() {
  listening_.clear();
  std::map<Address, std::shared_ptr<Listener>> listeners;
  listeners.swap(listeners_);
  for (const auto& [address, listener] : listeners) co_await listener->tcp->Stop();
  co_await group_.Stop();
  // A listener that Apply opened meanwhile.
  listeners.swap(listeners_);
  for (const auto& [address, listener] : listeners) co_await listener->tcp->Stop();
}

Proxy::Counters Proxy::Impl::counters() const {
  Counters counters = counters_;
  counters.listeners = listeners_.size();
  counters.active = *active_;
  return counters;
}

Proxy::Proxy(net::Loop& loop, env::Clock& clock, env::Random& random, client::Client& client,
             client::SharedInformers& informers, Options options)
    : impl_(std::make_unique<Impl>(loop, clock, random, client, informers, options)) {}

Proxy::~Proxy() = default;
void Proxy::Start() { impl_->Start(); }
net::Task<void> Proxy::Stop() { return impl_->Stop(); }
Proxy::Counters Proxy::counters() const { return impl_->counters(); }

}  // namespace weir::proxy
