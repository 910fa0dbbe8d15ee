#include "kube/table_cells.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/strings.h"
#include "kube/quantity.h"

namespace weir::kube {
namespace {

std::string OrElse(std::string text, std::string_view fallback) {
  return text.empty() ? std::string(fallback) : text;
}

std::vector<std::string> Field(const Json& list, std::string_view key) {
  std::vector<std::string> out;
  for (const Json& item : list) out.push_back(GetString(item, key));
  return out;
}

std::vector<std::string> Strings(const Json& list) {
  std::vector<std::string> out;
  for (const Json& item : list) {
    if (item.is_string()) out.push_back(item.get<std::string>());
  }
  return out;
}

std::string ExternalIp(const Json& service) {
  const Json& spec = GetObject(service, {"spec"});
  std::string type = GetString(spec, "type");
  std::vector<std::string> external = Strings(GetArray(spec, {"externalIPs"}));
  if (type == "ExternalName") return OrElse(GetString(spec, "externalName"), "<none>");
  if (type != "LoadBalancer") return OrElse(Join(external, ","), "<none>");
  std::set<std::string> ingress;
  for (const Json& entry : GetArray(service, {"status", "loadBalancer", "ingress"})) {
    std::string ip = GetString(entry, "ip");
    std::string host = GetString(entry, "hostname");
    if (!ip.empty())
      ingress.insert(ip);
    else if (!host.empty())
      ingress.insert(host);
  }
  std::vector<std::string> all(ingress.begin(), ingress.end());
  all.insert(all.end(), external.begin(), external.end());
  return OrElse(Join(all, ","), "<pending>");
}

std::string ServicePorts(const Json& spec) {
  std::vector<std::string> out;
  for (const Json& port : GetArray(spec, {"ports"})) {
    std::string text = fmt::format("{}", GetInt(port, {"port"}, 0));
    std::int64_t node_port = GetInt(port, {"nodePort"}, 0);
    if (node_port > 0) text += fmt::format(":{}", node_port);
    out.push_back(text + "/" + GetString(port, "protocol"));
  }
  return OrElse(Join(out, ","), "<none>");
}

std::string NodeStatus(const Json& node) {
  std::string status = "Unknown";
  for (const Json& condition : GetArray(node, {"status", "conditions"})) {
    if (GetString(condition, "type") != "Ready") continue;
    status = GetString(condition, "status") == "True" ? "Ready" : "NotReady";
  }
  if (GetBool(node, {"spec", "unschedulable"}, false)) status += ",SchedulingDisabled";
  return status;
}

std::string NodeRoles(const Json& node) {
  constexpr std::string_view kPrefix = "node-role.kubernetes.io/";
  std::set<std::string> roles;
  for (const auto& [key, value] : GetObject(node, {"metadata", "labels"}).items()) {
    if (key.starts_with(kPrefix) && key.size() > kPrefix.size()) {
      roles.insert(key.substr(kPrefix.size()));
    } else if (key == "kubernetes.io/role" && value.is_string()) {
      const std::string& role = value.get_ref<const std::string&>();
      if (!role.empty()) roles.insert(role);
    }
  }
  return OrElse(Join({roles.begin(), roles.end()}, ","), "<none>");
}

std::string NodeAddress(const Json& node, std::string_view type) {
  for (const Json& address : GetArray(node, {"status", "addresses"})) {
    if (GetString(address, "type") == type) return GetString(address, "address");
  }
  return "<none>";
}

std::string EventSource(const Json& event) {
  std::string component = GetString(event, {"source", "component"});
  std::string host = GetString(event, {"source", "host"});
  if (component.empty() && host.empty()) {
    component = GetString(event, "reportingComponent");
    host = GetString(event, "reportingInstance");
  }
  return host.empty() ? component : component + ", " + host;
}

// A quantity as its status says it, in canonical form.
std::string Amount(const Json* value) {
  if (value == nullptr || value->is_null()) return "<nil>";
  std::string text = value->is_string() ? value->get<std::string>() : DumpJson(*value);
  Result<Quantity> quantity = Quantity::Parse(text);
  return quantity ? quantity->ToString() : text;
}

// `<current>/<target>` of one metric.
std::string MetricCell(const Json& metric, const Json* slot) {
  std::string type = GetString(metric, "type");
  std::string_view field = type == "External"            ? "external"
                           : type == "Pods"              ? "pods"
                           : type == "Object"            ? "object"
                           : type == "Resource"          ? "resource"
                           : type == "ContainerResource" ? "containerResource"
                                                         : std::string_view();
  if (field.empty()) return "<unknown type>";
  const Json& target = GetObject(metric, {field, "target"});
  const Json* current = slot == nullptr ? nullptr : Find(*slot, {field, "current"});
  auto pair = [&](std::string_view key, bool must_be_there) {
    const Json* value = current == nullptr ? nullptr : Find(*current, key);
    bool unknown = current == nullptr || (must_be_there && value == nullptr);
    return fmt::format("{}/{}", unknown ? "<unknown>" : Amount(value), Amount(Find(target, key)));
  };
  bool average = Find(target, "averageValue") != nullptr;
  if (type == "Pods") return pair("averageValue", false);
  if (type == "External" || type == "Object") {
    return average ? pair("averageValue", true) + " (avg)" : pair("value", false);
  }
  std::string name = GetString(metric, {field, "name"});
  if (average) return fmt::format("{}: {}", name, pair("averageValue", false));
  const Json* used = current == nullptr ? nullptr : Find(*current, "averageUtilization");
  std::optional<std::int64_t> wanted = GetInt(target, {"averageUtilization"});
  return fmt::format("{}: {}/{}", name, used == nullptr ? "<unknown>" : DumpJson(*used) + "%",
                     wanted ? fmt::format("{}%", *wanted) : "<auto>");
}

std::string HpaTargets(const Json& hpa) {
  const Json& metrics = GetArray(hpa, {"spec", "metrics"});
  const Json& current = GetArray(hpa, {"status", "currentMetrics"});
  std::vector<std::string> cells;
  cells.reserve(metrics.size());
  for (std::size_t i = 0; i < metrics.size(); ++i) {
    cells.push_back(MetricCell(metrics[i], i < current.size() ? &current[i] : nullptr));
  }
  if (cells.empty()) return "<none>";
  if (cells.size() <= 2) return Join(cells, ", ");
  return fmt::format("{}, {} + {} more...", cells[0], cells[1], cells.size() - 2);
}

}  // namespace

std::string AgeCell(const Json* timestamp, Time now) {
  if (timestamp == nullptr || !timestamp->is_string()) return "<unknown>";
  std::optional<Time> time = ParseRfc3339(timestamp->get_ref<const std::string&>());
  return time ? FormatAge(now - *time) : "<unknown>";
}

std::string CreationAge(const Json& object, Time now) {
  return AgeCell(Find(object, {"metadata", "creationTimestamp"}), now);
}

std::string LabelsCell(const Json& labels) {
  std::vector<std::string> out;
  if (labels.is_object()) {
    for (const auto& [key, value] : labels.items()) {
      out.push_back(key + "=" + (value.is_string() ? value.get<std::string>() : DumpJson(value)));
    }
  }
  return OrElse(Join(out, ","), "<none>");
}

std::string ContainerNames(const Json& pod_spec) {
  return Join(Field(GetArray(pod_spec, {"containers"}), "name"), ",");
}

std::string ContainerImages(const Json& pod_spec) {
  return Join(Field(GetArray(pod_spec, {"containers"}), "image"), ",");
}

std::string FirstThree(const std::vector<std::string>& texts, std::string_view none) {
  if (texts.empty()) return std::string(none);
  if (texts.size() <= 3) return Join(texts, ",");
  return fmt::format("{} + {} more...", Join({texts.begin(), texts.begin() + 3}, ","),
                     texts.size() - 3);
}

Json ServiceCells(const Json& service, Time now) {
  const Json& spec = GetObject(service, {"spec"});
  return Json::array({GetString(service, {"metadata", "name"}), GetString(spec, "type"),
                      OrElse(GetString(spec, "clusterIP"), "<none>"), ExternalIp(service),
                      ServicePorts(spec), CreationAge(service, now),
                      LabelsCell(GetObject(spec, {"selector"}))});
}

Json NodeCells(const Json& node, Time now) {
  const Json& info = GetObject(node, {"status", "nodeInfo"});
  return Json::array({GetString(node, {"metadata", "name"}), NodeStatus(node), NodeRoles(node),
                      CreationAge(node, now), GetString(info, "kubeletVersion"),
                      NodeAddress(node, "InternalIP"), NodeAddress(node, "ExternalIP"),
                      OrElse(GetString(info, "osImage"), "<unknown>"),
                      OrElse(GetString(info, "kernelVersion"), "<unknown>"),
                      OrElse(GetString(info, "containerRuntimeVersion"), "<unknown>")});
}

Json EventCells(const Json& event, Time now) {
  // Events of the newer API have one time, and a series where they repeat.
  auto time = [&](std::string_view key) {
    const Json* stamp = Find(event, key);
    if (stamp == nullptr || !stamp->is_string()) stamp = Find(event, "eventTime");
    return AgeCell(stamp, now);
  };
  std::string last = time("lastTimestamp");
  std::int64_t count = std::max<std::int64_t>(GetInt(event, {"count"}, 0), 1);
  if (const Json* series = Find(event, "series"); series != nullptr && series->is_object()) {
    last = AgeCell(Find(*series, "lastObservedTime"), now);
    count = GetInt(*series, {"count"}, 0);
  }
  std::string object = ToLower(GetString(event, {"involvedObject", "kind"}));
  std::string name = GetString(event, {"involvedObject", "name"});
  if (!name.empty()) object += "/" + name;
  return Json::array({last, GetString(event, "type"), GetString(event, "reason"), object,
                      GetString(event, {"involvedObject", "fieldPath"}), EventSource(event),
                      std::string(Trim(GetString(event, "message"))), time("firstTimestamp"), count,
                      GetString(event, {"metadata", "name"})});
}

Json HpaCells(const Json& hpa, Time now) {
  std::string reference = GetString(hpa, {"spec", "scaleTargetRef", "kind"}) + "/" +
                          GetString(hpa, {"spec", "scaleTargetRef", "name"});
  std::optional<std::int64_t> min = GetInt(hpa, {"spec", "minReplicas"});
  return Json::array({GetString(hpa, {"metadata", "name"}), reference, HpaTargets(hpa),
                      min ? fmt::format("{}", *min) : "<unset>",
                      GetInt(hpa, {"spec", "maxReplicas"}, 0),
                      GetInt(hpa, {"status", "currentReplicas"}, 0), CreationAge(hpa, now)});
}

namespace {

// One step of a JSONPath: `.name`, `['name']`, `[0]`, `[*]` or `[?(@.name=="text")]`.
struct PathStep {
  enum class Kind { kField, kIndex, kAll, kFilter } kind = Kind::kField;
  std::string name;
  std::string text;
  std::int64_t index = 0;
};

std::string Unquoted(std::string_view text) {
  text = Trim(text);
  bool quoted = text.size() >= 2 && (text.front() == '"' || text.front() == '\'') &&
                text.back() == text.front();
  return std::string(quoted ? text.substr(1, text.size() - 2) : text);
}

std::optional<PathStep> BracketStep(std::string_view inside) {
  PathStep step;
  if (inside == "*") {
    step.kind = PathStep::Kind::kAll;
  } else if (inside.starts_with("?(@.") && inside.ends_with(")")) {
    std::string_view condition = inside.substr(4, inside.size() - 5);
    std::size_t equals = condition.find("==");
    if (equals == std::string_view::npos) return std::nullopt;
    step.kind = PathStep::Kind::kFilter;
    step.name = std::string(Trim(condition.substr(0, equals)));
    step.text = Unquoted(condition.substr(equals + 2));
  } else if (auto index = ParseInt(inside)) {
    step.kind = PathStep::Kind::kIndex;
    step.index = *index;
  } else {
    step.name = Unquoted(inside);
  }
  return step;
}

// nullopt for what is no path of this form.
std::optional<std::vector<PathStep>> ParsePath(std::string_view path) {
  std::vector<PathStep> steps;
  while (!path.empty()) {
    if (path.front() == '[') {
      std::size_t close = path.find(']');
      if (close == std::string_view::npos) return std::nullopt;
      std::optional<PathStep> step = BracketStep(path.substr(1, close - 1));
      if (!step) return std::nullopt;
      steps.push_back(std::move(*step));
      path.remove_prefix(close + 1);
      continue;
    }
    if (path.front() != '.') return std::nullopt;
    path.remove_prefix(1);
    std::string name;
    while (!path.empty() && path.front() != '.' && path.front() != '[') {
      if (path.front() == '\\' && path.size() > 1) path.remove_prefix(1);  // `\.` is a dot
      name += path.front();
      path.remove_prefix(1);
    }
    if (!name.empty()) steps.push_back({PathStep::Kind::kField, name, {}, 0});
  }
  return steps;
}

const Json* Walk(const Json& value, const std::vector<PathStep>& steps, std::size_t at) {
  if (at == steps.size()) return &value;
  const PathStep& step = steps[at];
  switch (step.kind) {
    case PathStep::Kind::kField: {
      const Json* next = Find(value, step.name);
      return next == nullptr ? nullptr : Walk(*next, steps, at + 1);
    }
    case PathStep::Kind::kIndex: {
      std::int64_t size = value.is_array() ? std::int64_t(value.size()) : 0;
      std::int64_t index = step.index < 0 ? size + step.index : step.index;
      if (index < 0 || index >= size) return nullptr;
      return Walk(value[std::size_t(index)], steps, at + 1);
    }
    case PathStep::Kind::kAll:
    case PathStep::Kind::kFilter:
      break;
  }
  if (!value.is_array()) return nullptr;
  for (const Json& item : value) {
    bool wanted = step.kind == PathStep::Kind::kAll || GetString(item, step.name) == step.text;
    const Json* found = wanted ? Walk(item, steps, at + 1) : nullptr;
    if (found != nullptr) return found;
  }
  return nullptr;
}

Json CustomCell(const Column& column, const Json& object, Time now) {
  const Json* value = FindByJsonPath(object, column.json_path);
  if (value == nullptr || value->is_null()) return nullptr;
  if (column.type == "string") return value->is_string() ? *value : Json(DumpJson(*value));
  if (column.type == "date") {
    std::optional<Time> time =
        value->is_string() ? ParseRfc3339(value->get_ref<const std::string&>()) : std::nullopt;
    return time ? Json(FormatAge(now - *time)) : Json("<invalid>");
  }
  if (column.type == "boolean") return value->is_boolean() ? *value : Json();
  if (!value->is_number()) return nullptr;
  if (column.type == "integer" && value->is_number_float()) {
    double number = value->get<double>();
    bool fits = number > -9.2e18 && number < 9.2e18;
    return fits ? Json(static_cast<std::int64_t>(number)) : Json();
  }
  return *value;
}

}  // namespace

const Json* FindByJsonPath(const Json& object, std::string_view path) {
  if (path.starts_with('{') && path.ends_with('}')) path = path.substr(1, path.size() - 2);
  std::optional<std::vector<PathStep>> steps = ParsePath(path);
  return steps ? Walk(object, *steps, 0) : nullptr;
}

Json CustomCells(const Resource& resource, const Json& object, Time now) {
  Json cells = Json::array();
  for (const Column& column : resource.columns) {
    if (column.json_path.empty() && column.format == "name") {
      cells.push_back(GetString(object, {"metadata", "name"}));
    } else if (column.json_path.empty()) {
      cells.push_back(CreationAge(object, now));
    } else {
      cells.push_back(CustomCell(column, object, now));
    }
  }
  return cells;
}

}  // namespace weir::kube
