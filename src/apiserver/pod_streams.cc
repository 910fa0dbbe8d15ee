// Subresources of pods that take their connection over.
#include <fmt/format.h>

#include <utility>

#include "apiserver/api.h"
#include "apiserver/pod_plan.h"
#include "apiserver/port_forward.h"
#include "kube/status.h"

namespace weir::apiserver {
namespace {

constexpr Duration kDialTimeout = std::chrono::seconds(5);

// The pod's programs listen on the pod's own address.
net::Task<Result<std::unique_ptr<net::TcpStream>>> Dial(std::string address, std::uint16_t port) {
  auto stream = co_await net::TcpConnect(std::move(address), port, kDialTimeout);
  co_return stream;
}

Json NoHost(const std::string& pod) {
  return kube::StatusBadRequest(fmt::format("pod {} does not have a host assigned", pod));
}

}  // namespace

Reply Server::Impl::RefuseStream(const Call& call) const {
  const auto pod = store.Get(KeyOf(call, call.info.name));
  if (pod == nullptr) return Reply::Error(kube::StatusNotFound(*call.resource, call.info.name));
  const auto container = LogContainer(pod->value, QueryValue(call.query, "container"));
  if (!container) return Reply::Error(container.error());
  if (GetString(pod->value, {"spec", "nodeName"}).empty()) {
    return Reply::Error(NoHost(call.info.name));
  }
  return Reply::Error(NotServed(call.info.ResourceAndSubresource()));
}

net::Task<void> Server::Impl::PortForward(std::shared_ptr<Call> call, net::ResponseWriter& writer) {
  const auto pod = store.Get(KeyOf(*call, call->info.name));
  const auto transport = ForwardTransportOf(call->request);
  std::optional<Json> refusal;
  if (pod == nullptr) {
    refusal = kube::StatusNotFound(*call->resource, call->info.name);
  } else if (GetString(pod->value, {"spec", "nodeName"}).empty()) {
    refusal = NoHost(call->info.name);
  } else if (!transport) {
    refusal = kube::StatusBadRequest(transport.error().message);
  } else if (GetString(pod->value, {"status", "podIP"}).empty()) {
    refusal = kube::StatusBadRequest(
        fmt::format("unable to forward port because pod is not running. Current status={}",
                    GetString(pod->value, {"status", "phase"})));
  }
  if (refusal) {
    co_await SendNow(call, Reply::Error(std::move(*refusal)), writer);
    co_return;
  }
  Count(*call, 101, Duration(0));
  net::Headers headers = ForwardAnswer(*transport, call->request);
  auto stream = co_await writer.Upgrade(std::move(headers));
  if (!stream) {
    Reply error = Reply::Error(kube::StatusBadRequest(stream.error().message));
    co_await SendNow(call, std::move(error), writer);
    co_return;
  }
  DialPort dial = [address = GetString(pod->value, {"status", "podIP"})](std::uint16_t port) {
    return Dial(address, port);
  };
  std::string name = call->info.name;
  co_await ServePortForward(loop, std::move(*stream), *transport, std::move(name), std::move(dial));
}

}  // namespace weir::apiserver
