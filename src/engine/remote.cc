#include <fmt/format.h>

#include <utility>

#include "engine/engine.h"

namespace weir::engine {
namespace {

std::string SecondsText(Time at) {
  return fmt::format("{:.3f}", static_cast<double>(ToUnixMillis(at)) / 1000);
}

net::Task<void> Ask(net::HttpClient& client, net::Endpoint endpoint, net::HttpRequest request,
                    Duration timeout, std::function<void(Result<net::HttpResponse>)> answer) {
  auto response = co_await client.Do(std::move(endpoint), std::move(request), timeout);
  answer(std::move(response));
}

}  // namespace

RemoteQuerier::RemoteQuerier(net::HttpClient& client, net::TaskGroup& tasks, net::Url url,
                             Duration timeout)
    : client_(client), tasks_(tasks), url_(std::move(url)), timeout_(timeout) {}

Result<std::unique_ptr<RemoteQuerier>> RemoteQuerier::Make(net::HttpClient& client,
                                                           net::TaskGroup& tasks,
                                                           const std::string& base_url,
                                                           Duration timeout) {
  auto url = net::ParseUrl(base_url);
  if (!url) return Prefixed("Prometheus URL", url.error());
  while (url->target.ends_with('/')) url->target.pop_back();
  return std::unique_ptr<RemoteQuerier>(new RemoteQuerier(client, tasks, std::move(*url), timeout));
}

void RemoteQuerier::Get(std::string path,
                        std::vector<std::pair<std::string, std::string>> parameters,
                        Answer answer) {
  net::HttpRequest request;
  request.target = url_.target + path + "?" + net::BuildQuery(parameters);
  request.headers["accept"] = "application/json";
  tasks_.Spawn(Ask(client_, url_.endpoint, std::move(request), timeout_, std::move(answer)));
}

void RemoteQuerier::Query(std::string query, Time at,
                          std::function<void(Result<model::QueryValue>)> done) {
  Get("/api/v1/query", {{"query", std::move(query)}, {"time", SecondsText(at)}},
      [done = std::move(done)](Result<net::HttpResponse> response) {
        if (!response) return done(std::unexpected(response.error()));
        done(ParseQueryAnswer(response->status, response->body));
      });
}

void RemoteQuerier::Series(std::string selector, Time start,
                           std::function<void(Result<std::vector<model::Labels>>)> done) {
  Get("/api/v1/series", {{"match[]", std::move(selector)}, {"start", SecondsText(start)}},
      [done = std::move(done)](Result<net::HttpResponse> response) {
        if (!response) return done(std::unexpected(response.error()));
        done(ParseSeriesAnswer(response->status, response->body));
      });
}

}  // namespace weir::engine
