#include "metricsapi/usage.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <tuple>
#include <utility>

#include "base/strings.h"
#include "kube/quantity.h"

namespace weir::metricsapi {
namespace {

constexpr std::string_view kGroupVersion = "metrics.k8s.io/v1beta1";

struct Amounts {
  std::int64_t cpu_milli = 0;
  std::int64_t memory_milli = 0;
};

std::string CpuText(std::int64_t milli) { return kube::Quantity::FromMilli(milli).ToString(); }
std::string MemoryText(std::int64_t milli) {
  return kube::Quantity::FromMilli(milli, kube::Quantity::Format::kBinarySi).ToString();
}

std::string UsageDocument(const Amounts& amounts) {
  return fmt::format(R"({{"cpu":"{}","memory":"{}"}})", CpuText(amounts.cpu_milli),
                     MemoryText(amounts.memory_milli));
}

// One object's usage.
struct Item {
  const UsageObject* object = nullptr;
  std::int64_t time_ms = 0;  // the earliest sample's
  Amounts total;
  std::map<std::string, Amounts> containers;
};

std::int64_t SaturatingAdd(std::int64_t a, std::int64_t b) {
  std::int64_t sum = 0;
  if (!__builtin_add_overflow(a, b, &sum)) return sum;
  return a < 0 ? std::numeric_limits<std::int64_t>::min()
               : std::numeric_limits<std::int64_t>::max();
}

std::int64_t Milli(double value, const Options& options) {
  return MilliOf(value, false, options).value_or(0);
}

std::optional<Item> ItemOf(const UsageRequest& request, const ResourceRules& rules,
                           const UsageObject& object, const std::map<std::string, Usage>& usage,
                           const Options& options) {
  const auto in_ns = usage.find(object.ns);
  if (in_ns == usage.end()) return std::nullopt;
  const auto cpu = in_ns->second.cpu.find(object.name);
  const auto memory = in_ns->second.memory.find(object.name);
  if (cpu == in_ns->second.cpu.end() || memory == in_ns->second.memory.end()) return std::nullopt;
  Item item;
  item.object = &object;
  item.time_ms = std::min(cpu->second[0].time_ms, memory->second[0].time_ms);
  if (request.nodes) {
    item.total = {Milli(cpu->second[0].value, options), Milli(memory->second[0].value, options)};
    return item;
  }
  for (const model::VectorSample& sample : cpu->second) {
    item.time_ms = std::min(item.time_ms, sample.time_ms);
    item.containers[std::string(sample.labels.Get(rules.cpu.container_label))].cpu_milli =
        Milli(sample.value, options);
  }
  for (const model::VectorSample& sample : memory->second) {
    item.time_ms = std::min(item.time_ms, sample.time_ms);
    item.containers[std::string(sample.labels.Get(rules.memory.container_label))].memory_milli =
        Milli(sample.value, options);
  }
  for (const auto& [name, amounts] : item.containers) {
    item.total.cpu_milli = SaturatingAdd(item.total.cpu_milli, amounts.cpu_milli);
    item.total.memory_milli = SaturatingAdd(item.total.memory_milli, amounts.memory_milli);
  }
  return item;
}

std::string Metadata(const UsageObject& object, Time now) {
  std::string text = fmt::format(R"({{"name":{})", DumpJson(Json(object.name)));
  if (!object.ns.empty()) text += fmt::format(R"(,"namespace":{})", DumpJson(Json(object.ns)));
  text += fmt::format(R"(,"creationTimestamp":"{}")", FormatRfc3339(now));
  if (!object.labels.empty()) text += fmt::format(R"(,"labels":{})", DumpJson(object.labels));
  return text + "}";
}

// The document's members, without braces.
std::string Members(const UsageRequest& request, const Item& item, Duration window, Time now) {
  std::string text =
      fmt::format(R"("metadata":{},"timestamp":"{}","window":"{}",)", Metadata(*item.object, now),
                  FormatRfc3339(FromUnixMillis(item.time_ms)), FormatGoDuration(window));
  if (request.nodes) return text + fmt::format(R"("usage":{})", UsageDocument(item.total));
  std::string containers;
  for (const auto& [name, amounts] : item.containers) {
    containers += fmt::format(R"({}{{"name":{},"usage":{}}})", containers.empty() ? "" : ",",
                              DumpJson(Json(name)), UsageDocument(amounts));
  }
  return text + fmt::format(R"("containers":[{}])", containers);
}

Reply Document(std::string_view members) {
  return {200, "application/json", fmt::format("{{{}}}\n", members)};
}

Reply Table(const std::vector<Item>& items, Duration window, Time now) {
  // Upstream takes the columns from the first row.
  const auto column = [](std::string_view name, std::string_view format, std::string_view about) {
    return fmt::format(
        R"({{"name":"{}","type":"string","format":"{}","description":"{}","priority":0}})", name,
        format, about);
  };
  std::string columns = "null";
  if (!items.empty()) {
    columns = fmt::format("[{},{},{},{}]", column("Name", "name", "Name of the resource"),
                          column("cpu", "quantity", ""), column("memory", "quantity", ""),
                          column("Window", "duration", ""));
  }
  std::string rows;
  for (const Item& item : items) {
    rows += fmt::format(
        R"({}{{"cells":[{},"{}","{}","{}"],"object":{{"kind":"PartialObjectMetadata",)"
        R"("apiVersion":"meta.k8s.io/v1","metadata":{}}}}})",
        rows.empty() ? "" : ",", DumpJson(Json(item.object->name)), CpuText(item.total.cpu_milli),
        MemoryText(item.total.memory_milli), FormatGoDuration(window), Metadata(*item.object, now));
  }
  return Document(fmt::format(R"("kind":"Table","apiVersion":"meta.k8s.io/v1","metadata":{{}},)"
                              R"("columnDefinitions":{},"rows":[{}])",
                              columns, rows));
}

Result<std::pair<std::string, std::string>> QueryOf(const ResourceRule& rule, bool nodes,
                                                    const std::string& ns,
                                                    const std::vector<std::string>& names,
                                                    const Resolver& resolve) {
  const auto& query = nodes ? rule.node_query : rule.container_query;
  if (!query) return Fail(Code::kInvalid, "empty query produced by metrics query template");
  QueryFields fields;
  std::vector<std::string> matchers;
  const auto add = [&](const std::string& label, std::string_view op, const std::string& value) {
    matchers.push_back(Matcher(label, op, value));
    fields.label_values[label] = value;
  };
  if (!ns.empty()) {
    auto label = rule.resources.LabelOfResource({"", "namespaces"}, resolve);
    if (!label) return std::unexpected(label.error());
    add(*label, "=", ns);
  }
  auto label = rule.resources.LabelOfResource({"", nodes ? "nodes" : "pods"}, resolve);
  if (!label) return std::unexpected(label.error());
  add(*label, names.size() == 1 ? "=" : "=~", Join(names, "|"));
  fields.label_matchers = Join(matchers, ",");
  fields.group_by = {*label};
  if (!nodes) fields.group_by.push_back(rule.container_label);
  auto text = query->Render(fields);
  if (!text) return std::unexpected(text.error());
  return std::pair{std::move(*text), std::move(*label)};
}

Status Group(const model::QueryValue& value, const std::string& label,
             std::map<std::string, model::Vector, std::less<>>& out) {
  const auto* vector = std::get_if<model::Vector>(&value);
  if (vector == nullptr) {
    return Fail(Code::kInvalid, "invalid or empty value of non-vector type returned");
  }
  for (model::VectorSample sample : *vector) {
    if (std::isnan(sample.value) || sample.value < 0) sample.value = 0;
    const std::string key(sample.labels.Get(label));
    out[key].push_back(std::move(sample));
  }
  return {};
}

}  // namespace

std::vector<UsageObject> UsageObjects(const UsageRequest& request, const Json& list) {
  std::vector<UsageObject> objects;
  for (const Json& item : GetArray(list, {"items"})) {
    UsageObject object{GetString(item, {"metadata", "namespace"}),
                       GetString(item, {"metadata", "name"}),
                       GetObject(item, {"metadata", "labels"})};
    const bool selected = std::all_of(
        request.fields.begin(), request.fields.end(), [&](const kube::FieldRequirement& field) {
          const std::string& value = field.key == "metadata.name" ? object.name : object.ns;
          return (value == field.value) == field.equal;
        });
    if (selected) objects.push_back(std::move(object));
  }
  std::sort(objects.begin(), objects.end(), [](const UsageObject& a, const UsageObject& b) {
    return std::tie(a.ns, a.name) < std::tie(b.ns, b.name);
  });
  return objects;
}

std::set<std::string, std::less<>> UsageWords(const ResourceRules& rules) {
  std::set<std::string, std::less<>> words;
  for (const ResourceRule* rule : {&rules.cpu, &rules.memory}) {
    if (!rule->container_query) continue;
    for (std::string& word : rule->container_query->LiteralWords()) words.insert(std::move(word));
  }
  return words;
}

Result<UsagePlan> PlanUsage(const ResourceRules& rules, bool nodes, const std::string& ns,
                            const std::vector<std::string>& names, const Resolver& resolve) {
  auto cpu = QueryOf(rules.cpu, nodes, ns, names, resolve);
  if (!cpu) return Prefixed("resourceRules.cpu", cpu.error());
  auto memory = QueryOf(rules.memory, nodes, ns, names, resolve);
  if (!memory) return Prefixed("resourceRules.memory", memory.error());
  return UsagePlan{std::move(cpu->first), std::move(memory->first), std::move(cpu->second),
                   std::move(memory->second)};
}

Result<Usage> ReadUsage(const UsagePlan& plan, const model::QueryValue& cpu,
                        const model::QueryValue& memory) {
  Usage usage;
  if (Status read = Group(cpu, plan.cpu_label, usage.cpu); !read) {
    return std::unexpected(read.error());
  }
  if (Status read = Group(memory, plan.memory_label, usage.memory); !read) {
    return std::unexpected(read.error());
  }
  return usage;
}

Reply AnswerUsage(const UsageRequest& request, const ResourceRules& rules,
                  const std::vector<UsageObject>& objects,
                  const std::map<std::string, Usage>& usage, Time now, const Options& options) {
  std::vector<Item> items;
  for (const UsageObject& object : objects) {
    if (auto item = ItemOf(request, rules, object, usage, options)) {
      items.push_back(std::move(*item));
    }
  }
  const std::string_view kind = request.nodes ? "NodeMetrics" : "PodMetrics";
  if (!request.name.empty() && items.empty()) {
    const std::string resource = request.nodes ? "nodemetrics" : "podmetrics";
    const std::string name = request.nodes ? request.name : request.ns + "/" + request.name;
    return Refuse(404, "NotFound",
                  fmt::format("{}.{} {} not found", resource, kResourceGroup, Quote(name)),
                  fmt::format(R"({{"name":{},"group":"{}","kind":"{}"}})", DumpJson(Json(name)),
                              kResourceGroup, resource));
  }
  if (request.table) return Table(items, rules.window, now);
  if (!request.name.empty()) {
    return Document(fmt::format(R"("kind":"{}","apiVersion":"{}",{})", kind, kGroupVersion,
                                Members(request, items[0], rules.window, now)));
  }
  std::string list;
  for (const Item& item : items) {
    list +=
        fmt::format("{}{{{}}}", list.empty() ? "" : ",", Members(request, item, rules.window, now));
  }
  return Document(fmt::format(R"("kind":"{}List","apiVersion":"{}","metadata":{{}},"items":[{}])",
                              kind, kGroupVersion, list));
}

Reply UsageObjectMissing(const UsageRequest& request) {
  // Upstream's own words: of pods the plural, of nodes the singular.
  const std::string_view what = request.nodes ? "node" : "pods";
  return Refuse(404, "NotFound", fmt::format("{} {} not found", what, Quote(request.name)),
                fmt::format(R"({{"name":{},"kind":"{}"}})", DumpJson(Json(request.name)), what));
}

Reply UsageFailed(std::string_view message) { return Refuse(500, "", message); }

}  // namespace weir::metricsapi
