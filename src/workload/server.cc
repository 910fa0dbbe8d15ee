#include "workload/server.h"

#include <prometheus/text_serializer.h>

#include <utility>

namespace weir::workload {
namespace {

net::HttpServerOptions ListenOn(const net::ListenAddress& listen) {
  net::HttpServerOptions options;
  options.address = listen.address;
  options.port = listen.port;
  return options;
}

}  // namespace

prometheus::Counter& AddCounter(prometheus::Registry& registry, const std::string& name,
                                const std::string& help, const prometheus::Labels& labels) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add(labels);
}

prometheus::Gauge& AddGauge(prometheus::Registry& registry, const std::string& name,
                            const std::string& help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add({});
}

std::optional<net::HttpResponse> StatusPage(const net::HttpRequest& request,
                                            const prometheus::Registry& registry) {
  const bool metrics = request.Path() == "/metrics";
  if (!metrics && request.Path() != "/healthz") return std::nullopt;
  if (request.method != "GET" && request.method != "HEAD") {
    net::HttpResponse refused = net::HttpResponse::Text(405, "expected GET\n");
    refused.headers["allow"] = "GET";
    return refused;
  }
  if (!metrics) return net::HttpResponse::Text(200, "ok\n");
  net::HttpResponse page =
      net::HttpResponse::Text(200, prometheus::TextSerializer().Serialize(registry.Collect()));
  page.headers["content-type"] = "text/plain; version=0.0.4; charset=utf-8";
  return page;
}

Server::Server(net::Loop& loop, const net::ListenAddress& listen,
               const prometheus::Registry& registry, Handler others, Observer answered)
    : registry_(registry),
      others_(std::move(others)),
      answered_(std::move(answered)),
      http_(loop, ListenOn(listen),
            [this](net::HttpRequest request, net::Peer, net::ResponseWriter& writer) {
              return Answer(std::move(request), &writer);
            }) {}

net::Task<void> Server::Answer(net::HttpRequest request, net::ResponseWriter* writer) {
  const std::string path(request.Path());
  std::optional<net::HttpResponse> response = StatusPage(request, registry_);
  if (!response && others_) {
    response = co_await others_(std::move(request));
  } else if (!response) {
    response = net::HttpResponse::Text(404, "not found; /metrics, /healthz\n");
  }
  if (answered_) answered_(path, response->status);
  std::ignore = co_await writer->Send(std::move(*response));
}

}  // namespace weir::workload
