#include "metricsserver/server.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <optional>
#include <utility>
#include <variant>

#include "base/strings.h"

namespace weir::metricsserver {
namespace {

// New series come in bursts, when a pod starts: one listing serves a burst.
constexpr Duration kBurst = std::chrono::milliseconds(20);

client::ListOptions LabelledConfigMaps() {
  client::ListOptions options;
  options.label_selector = fmt::format("{},{}!=false", kConfigLabel, kConfigLabel);
  return options;
}

// A callback's result for a coroutine.
template <class T>
struct Arrival {
  explicit Arrival(net::Loop& loop) : arrived(loop) {}
  net::Signal arrived;
  std::optional<Result<T>> result;
};

template <class T>
std::function<void(Result<T>)> Into(std::shared_ptr<Arrival<T>> arrival) {
  return [arrival = std::move(arrival)](Result<T> result) {
    arrival->result = std::move(result);
    arrival->arrived.Notify();
  };
}

template <class T>
net::Task<Result<T>> Await(std::shared_ptr<Arrival<T>> arrival, Duration timeout) {
  if (!arrival->result) co_await arrival->arrived.WaitFor(timeout);
  if (!arrival->result) {
    co_return Fail(Code::kTimeout, "PromQL did not answer in time");
  }
  co_return std::move(*arrival->result);
}

}  // namespace

Server::Server(net::Loop& loop, env::Clock& clock, env::Random& random, client::Client& client,
               model::Querier& querier, metricsapi::Resolver resolve, Options options)
    : loop_(loop),
      clock_(clock),
      client_(client),
      querier_(querier),
      resolve_(std::move(resolve)),
      options_(options),
      tasks_(loop, "metricsserver"),
      events_(client, tasks_, clock, random, "weir-metrics-server"),
      config_maps_(client, tasks_, random, client::refs::kConfigMaps, {}, LabelledConfigMaps()),
      catalog_(std::make_unique<metricsapi::Catalog>(metricsapi::Config{}, resolve_)),
      relist_(loop) {
  listening_ = config_maps_.AddListener(
      [this](const client::ObjectPtr& before, const client::ObjectPtr& after) {
        ConfigMapChanged(before, after);
      });
}

Server::~Server() = default;

void Server::Start() {
  config_maps_.Start();
  tasks_.Spawn(KeepListing());
}

net::Task<void> Server::Stop() { co_await tasks_.Stop(); }

Status Server::SetConfig(const std::string& source, std::string_view text) {
  auto config = metricsapi::ParseConfig(text, resolve_);
  Status status;
  if (!config) {
    status = std::unexpected(config.error());
    spdlog::error("adapter configuration {}: {}", source, config.error().message);
  }
  if (configs_.Set(source, std::move(config))) ConfigChanged();
  return status;
}

void Server::ConfigMapChanged(const client::ObjectPtr& before, const client::ObjectPtr& after) {
  if (!after) {
    if (configs_.Remove(client::KeyOf(*before))) ConfigChanged();
    return;
  }
  const std::string source = client::KeyOf(*after);
  auto config = ReadConfigMap(*after, resolve_);
  if (!config) {
    spdlog::error("adapter configuration {}: {}", source, config.error().message);
    events_.Record(*after, "Warning", "InvalidAdapterConfig", config.error().message);
  }
  if (configs_.Set(source, std::move(config))) ConfigChanged();
}

void Server::ConfigChanged() {
  config_ = configs_.Merged();
  usage_words_.clear();
  if (config_.resource_rules) usage_words_ = metricsapi::UsageWords(*config_.resource_rules);
  ++config_version_;
  relist_.Notify();
}

bool Server::Serves(std::string_view group) const {
  const auto api = metricsapi::ApiOfGroup(group);
  if (!api) return false;
  switch (*api) {
    case metricsapi::Api::kCustom:
      return !config_.rules.empty();
    case metricsapi::Api::kExternal:
      return !config_.external_rules.empty();
    case metricsapi::Api::kResource:
      return config_.resource_rules.has_value();
  }
  return false;
}

void Server::OnCommit(const model::CommitInfo& info) {
  if (!options_.immediate) return;
  bool is_new = false;
  std::string_view last;
  for (const model::Touched& touched : info.series) {
    is_new = is_new || touched.created;
    const std::string_view name = touched.labels.MetricName();
    if (name == last) continue;
    last = name;
    // A series may also come back after it had aged out of the list.
    if (listed_series_.contains(name) || ignored_series_.contains(name)) continue;
    ignored_series_.emplace(name);
    is_new = true;
  }
  if (is_new) relist_.Notify();
}

std::vector<metricsapi::MetricRef> Server::MetricsOfSeries(const std::string& series_name) const {
  return catalog_->MetricsOfSeries(series_name);
}

void Server::SetMetricsListener(std::function<void()> listener) {
  on_metrics_ = std::move(listener);
}

net::Task<void> Server::KeepListing() {
  while (!tasks_.stopping()) {
    co_await Relist();
    const bool asked = co_await relist_.WaitFor(options_.relist_interval);
    if (asked && options_.immediate) co_await net::Sleep(kBurst);
  }
}

// Lists the series of every rule. If one listing fails, all stays as it was.
net::Task<void> Server::Relist() {
  ++counters_.relists;
  const std::uint64_t version = config_version_;
  std::unique_ptr<metricsapi::Catalog> fresh;
  if (version != catalog_version_) {
    fresh = std::make_unique<metricsapi::Catalog>(config_, resolve_);
  }
  const std::vector<std::string> queries =
      fresh ? fresh->SeriesQueries() : catalog_->SeriesQueries();
  const Time start = clock_.Now() - options_.max_age;
  std::map<std::string, std::vector<model::Labels>> listing;
  for (const std::string& query : queries) {
    auto series = co_await Series(query, start);
    if (!series) {
      ++counters_.relist_failures;
      std::string failure = fmt::format("listing {}: {}", query, series.error().message);
      if (failure != last_failure_) spdlog::warn("metrics: {}", failure);
      last_failure_ = std::move(failure);
      co_return;
    }
    listing[query] = std::move(*series);
  }
  last_failure_.clear();
  if (version != config_version_) {
    relist_.Notify();  // the rules have changed meanwhile
    co_return;
  }
  catalog_version_ = version;
  TakeListing(std::move(fresh), listing);
}

void Server::TakeListing(std::unique_ptr<metricsapi::Catalog> fresh,
                         const std::map<std::string, std::vector<model::Labels>>& listing) {
  const bool replaced = fresh != nullptr;
  if (replaced) catalog_ = std::move(fresh);
  const bool changed = catalog_->Rebuild(listing) || replaced;
  listed_series_.clear();
  for (const auto& [query, series] : listing) {
    for (const model::Labels& labels : series) listed_series_.emplace(labels.MetricName());
  }
  for (const std::string& name : listed_series_) ignored_series_.erase(name);
  if (changed && on_metrics_) on_metrics_();
}

net::Task<Result<model::QueryValue>> Server::Query(std::string query) {
  auto arrival = std::make_shared<Arrival<model::QueryValue>>(loop_);
  querier_.Query(std::move(query), clock_.Now(), Into(arrival));
  co_return co_await Await(std::move(arrival), options_.timeout);
}

net::Task<Result<std::vector<model::Labels>>> Server::Series(std::string selector, Time start) {
  auto arrival = std::make_shared<Arrival<std::vector<model::Labels>>>(loop_);
  querier_.Series(std::move(selector), start, Into(arrival));
  co_return co_await Await(std::move(arrival), options_.timeout);
}

net::Task<void> Server::Handle(net::HttpRequest request, net::ResponseWriter& writer) {
  ++counters_.requests;
  const std::string accept = request.Header("accept");
  metricsapi::Reply reply = co_await Route(std::move(request));
  reply = metricsapi::Negotiated(std::move(reply), accept);
  net::HttpResponse response;
  response.status = reply.status;
  response.headers["content-type"] = std::move(reply.content_type);
  response.body = std::move(reply.body);
  // A client that has gone needs no answer.
  static_cast<void>(co_await writer.Send(std::move(response)));
}

net::Task<metricsapi::Reply> Server::Route(net::HttpRequest request) {
  const std::vector<std::string> parts = Split(request.Path(), '/');
  if (parts.size() < 3 || !Serves(parts[2])) co_return metricsapi::PageNotFound();
  metricsapi::Parsed parsed = metricsapi::ParseRequest(
      request.method, request.Path(), net::ParseQuery(request.Query()), request.Header("accept"));
  if (auto* refused = std::get_if<metricsapi::Reply>(&parsed)) co_return std::move(*refused);
  if (const auto* group = std::get_if<metricsapi::GroupDocument>(&parsed)) {
    co_return metricsapi::GroupReply(group->api);
  }
  if (const auto* list = std::get_if<metricsapi::ListDocument>(&parsed)) {
    if (list->api == metricsapi::Api::kResource) co_return metricsapi::UsageListReply();
    metricsapi::Reply reply;
    reply.body = catalog_->ResourceList(list->api == metricsapi::Api::kExternal, list->version);
    co_return reply;
  }
  if (auto* usage = std::get_if<metricsapi::UsageRequest>(&parsed)) {
    co_return co_await AnswerUsage(std::move(*usage));
  }
  co_return co_await Answer(std::move(std::get<metricsapi::MetricRequest>(parsed)));
}

net::Task<metricsapi::Reply> Server::Answer(metricsapi::MetricRequest request) {
  if (request.external) {
    std::vector<std::string> none;
    kube::Resource no_kind;
    co_return co_await AnswerNames(std::move(request), std::move(none), std::move(no_kind));
  }
  const kube::Resource* found = resolve_(request.group, ToLower(request.resource));
  if (found == nullptr) co_return metricsapi::MetricNotFound(request, false);
  kube::Resource kind = *found;  // a copy: the registry may change while we wait
  std::vector<std::string> names = {request.name};
  if (request.wildcard()) {
    auto listed = co_await ObjectNames(request, kind);
    if (!listed) {
      ++counters_.failures;
      spdlog::warn("metrics: listing {}: {}", request.ResourceText(), listed.error().message);
      co_return metricsapi::ListFailed();
    }
    if (listed->empty()) co_return metricsapi::MetricNotFound(request, false);
    names = std::move(*listed);
  }
  co_return co_await AnswerNames(std::move(request), std::move(names), std::move(kind));
}

net::Task<metricsapi::Reply> Server::AnswerNames(metricsapi::MetricRequest request,
                                                 std::vector<std::string> names,
                                                 kube::Resource kind) {
  const auto plan = metricsapi::MakePlan(request, names, *catalog_, resolve_);
  if (!plan) {
    if (plan.error().code == Code::kNotFound) co_return metricsapi::MetricNotFound(request, false);
    ++counters_.failures;
    spdlog::warn("metrics: no query for {}: {}", request.metric, plan.error().message);
    // Upstream calls it the server's failure for external metrics alone.
    co_return request.external ? metricsapi::FetchFailed()
                               : metricsapi::MetricNotFound(request, false);
  }
  const auto result = co_await Query(plan->query);
  if (!result) {
    ++counters_.failures;
    spdlog::warn("metrics: {}: {}", plan->query, result.error().message);
  }
  if (request.external) co_return metricsapi::AnswerExternal(request, result, options_.values);
  co_return metricsapi::AnswerCustom(request, *plan, names, kind, result, clock_.Now(),
                                     options_.values);
}

net::Task<Result<std::vector<std::string>>> Server::ObjectNames(metricsapi::MetricRequest request,
                                                                kube::Resource kind) {
  client::ListOptions options;
  options.label_selector = request.object_selector;
  client::ResourceRef ref{kind.group, kind.version, kind.plural};
  auto list = co_await client_.List(std::move(ref), request.ns, std::move(options));
  if (!list) co_return std::unexpected(list.error());
  std::vector<std::string> names;
  for (const Json& item : GetArray(*list, {"items"})) {
    names.push_back(GetString(item, {"metadata", "name"}));
  }
  co_return names;
}

net::Task<metricsapi::Reply> Server::AnswerUsage(metricsapi::UsageRequest request) {
  const client::ResourceRef ref = request.nodes ? client::refs::kNodes : client::refs::kPods;
  Json list = Json::object();
  if (request.name.empty()) {
    client::ListOptions options;
    options.label_selector = request.label_selector;
    auto listed = co_await client_.List(ref, request.ns, std::move(options));
    if (!listed) co_return Failed(listed.error());
    list = std::move(*listed);
  } else {
    auto found = co_await client_.Get(ref, request.ns, request.name);
    if (!found && found.error().code == Code::kNotFound) {
      co_return metricsapi::UsageObjectMissing(request);
    }
    if (!found) co_return Failed(found.error());
    list["items"] = Json::array({std::move(*found)});
  }
  std::vector<metricsapi::UsageObject> objects = metricsapi::UsageObjects(request, list);
  co_return co_await AnswerUsageOf(std::move(request), std::move(objects));
}

metricsapi::Reply Server::Failed(const Error& error) {
  ++counters_.failures;
  spdlog::warn("metrics: {}", error.message);
  return metricsapi::UsageFailed(error.message);
}

// A namespace whose usage cannot be read is left out, as upstream.
net::Task<metricsapi::Reply> Server::AnswerUsageOf(metricsapi::UsageRequest request,
                                                   std::vector<metricsapi::UsageObject> objects) {
  // A copy: the configuration may change while we wait.
  const metricsapi::ResourceRules rules =
      config_.resource_rules.value_or(metricsapi::ResourceRules());
  std::map<std::string, std::vector<std::string>> names;
  for (const metricsapi::UsageObject& object : objects) names[object.ns].push_back(object.name);
  std::map<std::string, metricsapi::Usage> usage;
  for (const auto& [ns, in_ns] : names) {
    auto plan = metricsapi::PlanUsage(rules, request.nodes, ns, in_ns, resolve_);
    Result<metricsapi::Usage> read;
    if (plan) {
      read = co_await UsageIn(std::move(*plan));
    } else {
      read = std::unexpected(plan.error());
    }
    if (read) {
      usage[ns] = std::move(*read);
    } else {
      ++counters_.failures;
      spdlog::warn("metrics: usage of {}: {}",
                   request.nodes ? "nodes" : "the pods in namespace " + ns, read.error().message);
    }
  }
  co_return metricsapi::AnswerUsage(request, rules, objects, usage, clock_.Now(), options_.values);
}

net::Task<Result<metricsapi::Usage>> Server::UsageIn(metricsapi::UsagePlan plan) {
  const auto cpu = co_await Query(plan.cpu_query);
  if (!cpu) co_return Prefixed(plan.cpu_query, cpu.error());
  const auto memory = co_await Query(plan.memory_query);
  if (!memory) co_return Prefixed(plan.memory_query, memory.error());
  co_return metricsapi::ReadUsage(plan, *cpu, *memory);
}

Json Server::Discovery(const std::string& group) const {
  if (!Serves(group)) return nullptr;
  const metricsapi::Api api = metricsapi::ApiOfGroup(group).value_or(metricsapi::Api::kCustom);
  Json resources = Json::array();
  if (api == metricsapi::Api::kResource) {
    const auto add = [&resources](std::string_view name, std::string_view kind,
                                  std::string_view scope) {
      resources.push_back({{"resource", name},
                           {"responseKind", {{"group", ""}, {"version", ""}, {"kind", kind}}},
                           {"scope", scope},
                           {"singularResource", ""},
                           {"verbs", {"get", "list"}}});
    };
    add("nodes", "NodeMetrics", "Cluster");
    add("pods", "PodMetrics", "Namespaced");
  }
  Json versions = Json::array();
  for (const std::string_view version : metricsapi::VersionsOf(api)) {
    versions.push_back({{"version", version}, {"resources", resources}, {"freshness", "Current"}});
  }
  return {{"metadata", {{"name", group}, {"creationTimestamp", nullptr}}},
          {"versions", std::move(versions)}};
}

Server::Counters Server::counters() const {
  Counters counters = counters_;
  counters.config_errors = configs_.errors().size();
  return counters;
}

}  // namespace weir::metricsserver
