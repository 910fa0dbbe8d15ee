#include "scrape/monitor_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "base/strings.h"

namespace weir::scrape {
namespace {

constexpr std::array<std::string_view, 15> kSpecFields{
    "selector",          "namespaceSelector",     "endpoints",     "jobLabel",
    "targetLabels",      "podTargetLabels",       "sampleLimit",   "targetLimit",
    "labelLimit",        "labelValueLengthLimit", "bodySizeLimit", "fallbackScrapeProtocol",
    "selectorMechanism", "serviceDiscoveryRole",  "attachMetadata"};

// followRedirects and enableHttp2 change nothing for pages served without redirects over HTTP/1.1.
constexpr std::array<std::string_view, 14> kEndpointFields{"port",
                                                           "targetPort",
                                                           "path",
                                                           "scheme",
                                                           "params",
                                                           "interval",
                                                           "scrapeTimeout",
                                                           "honorLabels",
                                                           "honorTimestamps",
                                                           "relabelings",
                                                           "metricRelabelings",
                                                           "filterRunning",
                                                           "followRedirects",
                                                           "enableHttp2"};

Status CheckFields(const Json& object, std::span<const std::string_view> known,
                   std::string_view path) {
  if (!object.is_object()) return Fail(Code::kInvalid, fmt::format("{} is not an object", path));
  for (const auto& [key, value] : object.items()) {
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      return Fail(Code::kInvalid, fmt::format("{}.{} is not supported", path, key));
    }
  }
  return {};
}

std::vector<std::string> Strings(const Json& list) {
  std::vector<std::string> strings;
  for (const Json& item : list) {
    if (item.is_string()) strings.push_back(item.get<std::string>());
  }
  return strings;
}

std::size_t Limit(const Json& spec, std::string_view key, std::size_t fallback) {
  const std::int64_t value = GetInt(spec, {key}, 0);
  return value > 0 ? static_cast<std::size_t>(value) : fallback;
}

// The duration at `key`, at least a millisecond, or the fallback where it is absent.
Result<Duration> ReadDuration(const Json& object, std::string_view key, Duration fallback,
                              const std::string& path) {
  const std::string text = GetString(object, key);
  if (text.empty()) return fallback;
  Result<Duration> duration = ParsePrometheusDuration(text);
  if (!duration) return Prefixed(fmt::format("{}.{}", path, key), duration.error());
  if (*duration < std::chrono::milliseconds(1)) {
    return Fail(Code::kInvalid, fmt::format("{}.{} must be more than 0", path, key));
  }
  return *duration;
}

// spec's part of the settings, which all endpoints share.
Result<ScrapeSettings> ReadSharedSettings(const Json& spec) {
  ScrapeSettings settings;
  Json shared = spec;
  shared.erase("endpoints");
  settings.source = DumpJson(shared);
  settings.sample_limit = Limit(spec, "sampleLimit", 0);
  settings.limits.max_labels = Limit(spec, "labelLimit", settings.limits.max_labels);
  settings.limits.max_label_bytes =
      Limit(spec, "labelValueLengthLimit", settings.limits.max_label_bytes);
  if (const std::string text = GetString(spec, "bodySizeLimit"); !text.empty()) {
    const std::optional<std::size_t> bytes = ParseByteSize(text);
    if (!bytes) {
      return Fail(Code::kInvalid,
                  fmt::format("spec.bodySizeLimit: {} is not a size such as 10MB", Quote(text)));
    }
    if (*bytes > 0) settings.body_limit = *bytes;
  }
  const std::string fallback = GetString(spec, "fallbackScrapeProtocol");
  if (fallback.starts_with("PrometheusText")) {
    settings.fallback = exposition::Format::kPrometheusText;
  } else if (fallback.starts_with("OpenMetricsText")) {
    settings.fallback = exposition::Format::kOpenMetrics;
  } else if (!fallback.empty()) {
    return Fail(Code::kInvalid,
                fmt::format("spec.fallbackScrapeProtocol: {} is not supported", Quote(fallback)));
  }
  return settings;
}

Status ReadTimes(const Json& item, const std::string& path, ScrapeSettings& settings) {
  Result<Duration> interval = ReadDuration(item, "interval", settings.interval, path);
  if (!interval) return std::unexpected(interval.error());
  Result<Duration> timeout =
      ReadDuration(item, "scrapeTimeout", std::min(settings.timeout, *interval), path);
  if (!timeout) return std::unexpected(timeout.error());
  if (*timeout > *interval) {
    return Fail(Code::kInvalid, fmt::format("{}.scrapeTimeout is longer than the interval", path));
  }
  settings.interval = *interval;
  settings.timeout = *timeout;
  return {};
}

Status ReadPort(const Json& item, const std::string& path, MonitorEndpoint& endpoint) {
  endpoint.port = GetString(item, "port");
  const Json* target = Find(item, "targetPort");
  if (target == nullptr || target->is_null()) return {};
  if (target->is_string()) {
    endpoint.target_port = target->get<std::string>();
  } else if (target->is_number_integer()) {
    endpoint.target_port = target->dump();
  } else {
    return Fail(Code::kInvalid, fmt::format("{}.targetPort is neither name nor number", path));
  }
  return {};
}

Result<MonitorEndpoint> ReadEndpoint(const Json& item, const std::string& path,
                                     ScrapeSettings settings) {
  const auto fail = [](const Status& status) { return std::unexpected(status.error()); };
  if (Status known = CheckFields(item, kEndpointFields, path); !known) return fail(known);
  MonitorEndpoint endpoint;
  if (Status port = ReadPort(item, path, endpoint); !port) return fail(port);
  if (Status times = ReadTimes(item, path, settings); !times) return fail(times);
  endpoint.path = GetString(item, "path", "/metrics");
  if (endpoint.path.empty()) endpoint.path = "/metrics";
  endpoint.scheme = ToLower(GetString(item, "scheme", "http"));
  if (endpoint.scheme != "http") {
    return Fail(Code::kInvalid,
                fmt::format("{}.scheme: {} is not supported", path, Quote(endpoint.scheme)));
  }
  for (const auto& [name, values] : GetObject(item, {"params"}).items()) {
    endpoint.params.emplace_back(name, Strings(values));
  }
  endpoint.filter_running = GetBool(item, {"filterRunning"}, true);
  settings.honor_labels = GetBool(item, {"honorLabels"}, false);
  settings.honor_timestamps = GetBool(item, {"honorTimestamps"}, true);
  auto target_rules = ParseRelabelRules(GetArray(item, {"relabelings"}), path + ".relabelings");
  if (!target_rules) return std::unexpected(target_rules.error());
  endpoint.relabelings = std::move(*target_rules);
  auto metric_rules =
      ParseRelabelRules(GetArray(item, {"metricRelabelings"}), path + ".metricRelabelings");
  if (!metric_rules) return std::unexpected(metric_rules.error());
  settings.metric_relabelings = std::move(*metric_rules);
  settings.source += DumpJson(item);
  endpoint.settings = std::make_shared<const ScrapeSettings>(std::move(settings));
  return endpoint;
}

}  // namespace

std::optional<std::size_t> ParseByteSize(std::string_view text) {
  struct Unit {
    std::string_view name;
    unsigned shift;
  };
  static constexpr std::array<Unit, 8> kUnits{{{"B", 0},
                                               {"", 0},
                                               {"KB", 10},
                                               {"KiB", 10},
                                               {"MB", 20},
                                               {"MiB", 20},
                                               {"GB", 30},
                                               {"GiB", 30}}};
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const std::optional<std::int64_t> count = ParseInt(text.substr(0, digits));
  if (!count || *count > (std::int64_t{1} << 32)) return std::nullopt;
  for (const Unit& unit : kUnits) {
    if (unit.name == text.substr(digits)) return static_cast<std::size_t>(*count) << unit.shift;
  }
  return std::nullopt;
}

Result<Monitor> ParseMonitor(const Json& object) {
  const auto fail = [](const Error& error) { return std::unexpected(error); };
  const Json& spec = GetObject(object, {"spec"});
  if (Status known = CheckFields(spec, kSpecFields, "spec"); !known) return fail(known.error());
  Monitor monitor;
  monitor.ns = GetString(object, {"metadata", "namespace"});
  monitor.name = GetString(object, {"metadata", "name"});
  Result<kube::LabelSelector> selector =
      kube::LabelSelector::FromJson(GetObject(spec, {"selector"}));
  if (!selector) return Prefixed("spec.selector", selector.error());
  monitor.selector = std::move(*selector);
  monitor.any_namespace = GetBool(spec, {"namespaceSelector", "any"}, false);
  monitor.namespaces = Strings(GetArray(spec, {"namespaceSelector", "matchNames"}));
  if (monitor.namespaces.empty()) monitor.namespaces = {monitor.ns};
  monitor.job_label = GetString(spec, "jobLabel");
  monitor.target_labels = Strings(GetArray(spec, {"targetLabels"}));
  monitor.pod_target_labels = Strings(GetArray(spec, {"podTargetLabels"}));
  monitor.target_limit = Limit(spec, "targetLimit", 0);
  Result<ScrapeSettings> settings = ReadSharedSettings(spec);
  if (!settings) return fail(settings.error());
  const Json& endpoints = GetArray(spec, {"endpoints"});
  for (std::size_t i = 0; i < endpoints.size(); ++i) {
    auto endpoint = ReadEndpoint(endpoints[i], fmt::format("spec.endpoints[{}]", i), *settings);
    if (!endpoint) return fail(endpoint.error());
    monitor.endpoints.push_back(std::move(*endpoint));
  }
  return monitor;
}

}  // namespace weir::scrape
