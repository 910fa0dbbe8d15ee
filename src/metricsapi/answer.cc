#include "metricsapi/answer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <utility>

#include "base/json.h"
#include "base/strings.h"
#include "kube/quantity.h"

namespace weir::metricsapi {
namespace {

using kube::Requirement;
using kube::SelectorOp;

// A selector's requirement as PromQL writes it. A set of one stays a regular expression, as
// upstream; values are not escaped.
Result<std::string> RequirementMatcher(const Requirement& requirement) {
  const std::string values = Join(requirement.values, "|");
  switch (requirement.op) {
    case SelectorOp::kEquals:
      return Matcher(requirement.key, "=", values);
    case SelectorOp::kNotEquals:
      return Matcher(requirement.key, "!=", values);
    case SelectorOp::kIn:
      return Matcher(requirement.key, "=~", values);
    case SelectorOp::kNotIn:
      return Matcher(requirement.key, "!~", values);
    case SelectorOp::kExists:
      return Matcher(requirement.key, "!=", "");
    case SelectorOp::kNotExists:
      return Matcher(requirement.key, "=", "");
    case SelectorOp::kGreater:
    case SelectorOp::kLess:
      break;
  }
  return Fail(Code::kInvalid, "operator not supported by prometheus");
}

struct QueryParts {
  std::vector<std::string> matchers;
  QueryFields fields;
};

Status AddSelector(const kube::LabelSelector& selector, QueryParts& parts) {
  std::vector<const Requirement*> sorted;
  for (const Requirement& requirement : selector.requirements()) sorted.push_back(&requirement);
  std::sort(sorted.begin(), sorted.end(), [](const Requirement* a, const Requirement* b) {
    return a->key != b->key ? a->key < b->key : a < b;
  });
  for (const Requirement* requirement : sorted) {
    auto matcher = RequirementMatcher(*requirement);
    if (!matcher) return std::unexpected(matcher.error());
    parts.matchers.push_back(std::move(*matcher));
    parts.fields.label_values[requirement->key] = Join(requirement->values, "|");
  }
  return {};
}

Status AddNamespace(const Rule& rule, const std::string& ns, const Resolver& resolve,
                    QueryParts& parts) {
  auto label = rule.resources.LabelOfResource({"", "namespaces"}, resolve);
  if (!label) return std::unexpected(label.error());
  parts.matchers.push_back(Matcher(*label, "=", ns));
  parts.fields.label_values[*label] = ns;
  return {};
}

Result<std::string> Render(const Rule& rule, std::string series, QueryParts parts) {
  if (!rule.query) {
    return Fail(Code::kInvalid, "empty query produced by metrics query template");
  }
  parts.fields.series = std::move(series);
  parts.fields.label_matchers = Join(parts.matchers, ",");
  return rule.query->Render(parts.fields);
}

Result<Plan> PlanExternal(const MetricRequest& request, const Catalog& catalog,
                          const Resolver& resolve) {
  const auto source = catalog.FindExternal(request.metric);
  if (!source) return Fail(Code::kNotFound, "no such metric");
  QueryParts parts;
  if (Status added = AddSelector(request.metric_selector, parts); !added) {
    return std::unexpected(added.error());
  }
  if (source->rule->resources.namespaced && !request.ns.empty()) {
    if (Status added = AddNamespace(*source->rule, request.ns, resolve, parts); !added) {
      return std::unexpected(added.error());
    }
  }
  auto query = Render(*source->rule, source->series, std::move(parts));
  if (!query) return Prefixed(source->rule->origin, query.error());
  return Plan{std::move(*query), ""};
}

Result<Plan> PlanCustom(const MetricRequest& request, const std::vector<std::string>& names,
                        const Catalog& catalog, const Resolver& resolve) {
  const kube::Resource* kind = resolve(request.group, ToLower(request.resource));
  if (kind == nullptr) return Fail(Code::kNotFound, "no such resource");
  const GroupResource resource{kind->group, kind->plural};
  const auto source = catalog.FindCustom(resource, !request.ns.empty(), request.metric);
  if (!source) return Fail(Code::kNotFound, "no such metric");
  const Rule& rule = *source->rule;
  QueryParts parts;
  if (Status added = AddSelector(request.metric_selector, parts); !added) {
    return std::unexpected(added.error());
  }
  if (!request.ns.empty()) {
    if (Status added = AddNamespace(rule, request.ns, resolve, parts); !added) {
      return std::unexpected(added.error());
    }
  }
  auto label = rule.resources.LabelOfResource(resource, resolve);
  if (!label) return Prefixed(rule.origin, label.error());
  const std::string joined = Join(names, "|");
  parts.matchers.push_back(Matcher(*label, names.size() == 1 ? "=" : "=~", joined));
  parts.fields.label_values[*label] = joined;
  parts.fields.group_by = {*label};
  auto query = Render(rule, source->series, std::move(parts));
  if (!query) return Prefixed(rule.origin, query.error());
  return Plan{std::move(*query), std::move(*label)};
}

// metav1.ParseToLabelSelector: `=` becomes a matchLabels entry, all else an expression.
std::string SelectorDocument(const kube::LabelSelector& selector) {
  if (selector.requirements().empty()) return "null";
  std::map<std::string, std::string> labels;
  std::string expressions;
  for (const Requirement& requirement : selector.requirements()) {
    std::string_view op;
    switch (requirement.op) {
      case SelectorOp::kEquals:
        labels[requirement.key] = requirement.values.empty() ? "" : requirement.values[0];
        continue;
      case SelectorOp::kNotEquals:
      case SelectorOp::kNotIn:
        op = "NotIn";
        break;
      case SelectorOp::kIn:
        op = "In";
        break;
      case SelectorOp::kExists:
        op = "Exists";
        break;
      case SelectorOp::kNotExists:
        op = "DoesNotExist";
        break;
      case SelectorOp::kGreater:
      case SelectorOp::kLess:
        continue;  // refused before
    }
    expressions += fmt::format(R"({}{{"key":{},"operator":"{}")", expressions.empty() ? "" : ",",
                               DumpJson(Json(requirement.key)), op);
    if (!requirement.values.empty()) {
      expressions += fmt::format(R"(,"values":{})", DumpJson(Json(requirement.values)));
    }
    expressions += "}";
  }
  std::vector<std::string> members;
  if (!labels.empty())
    members.push_back(fmt::format(R"("matchLabels":{})", DumpJson(Json(labels))));
  if (!expressions.empty())
    members.push_back(fmt::format(R"("matchExpressions":[{}])", expressions));
  return "{" + Join(members, ",") + "}";
}

Reply ListReply(std::string_view kind, std::string_view group_version, const std::string& items) {
  return {200, "application/json",
          fmt::format(R"({{"kind":"{}","apiVersion":"{}","metadata":{{}},"items":[{}]}})"
                      "\n",
                      kind, group_version, items)};
}

std::string CustomItem(const MetricRequest& request, const kube::Resource& kind,
                       const std::string& name, const std::string& value, Time now) {
  std::string described = fmt::format(R"({{"kind":"{}",)", kind.kind);
  if (!request.ns.empty()) {
    described += fmt::format(R"("namespace":{},)", DumpJson(Json(request.ns)));
  }
  // The core group's version keeps the slash: upstream joins group and version plainly.
  described += fmt::format(R"("name":{},"apiVersion":"{}/{}"}})", DumpJson(Json(name)), kind.group,
                           kind.version);
  const std::string metric = DumpJson(Json(request.metric));
  const std::string selector = SelectorDocument(request.metric_selector);
  if (request.version == "v1beta1") {
    return fmt::format(
        R"({{"describedObject":{},"metricName":{},"timestamp":"{}","value":"{}","selector":{}}})",
        described, metric, FormatRfc3339(now), value, selector);
  }
  return fmt::format(
      R"({{"describedObject":{},"metric":{{"name":{},"selector":{}}},"timestamp":"{}","value":"{}"}})",
      described, metric, selector, FormatRfc3339(now), value);
}

std::string ExternalItem(const MetricRequest& request, const std::string& labels,
                         std::int64_t time_ms, const std::string& value) {
  return fmt::format(R"({{"metricName":{},"metricLabels":{},"timestamp":"{}","value":"{}"}})",
                     DumpJson(Json(request.metric)), labels, FormatRfc3339(FromUnixMillis(time_ms)),
                     value);
}

std::string LabelsDocument(const model::Labels& labels) {
  Json object = Json::object();
  for (const model::Label& label : labels) object[label.name] = label.value;
  return DumpJson(object);
}

}  // namespace

std::string Matcher(std::string_view label, std::string_view op, std::string_view value) {
  return fmt::format("{}{}{}", label, op, Quote(value));
}

std::optional<std::int64_t> MilliOf(double value, bool external, const Options& options) {
  constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();
  constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
  constexpr double kEnd = 9223372036854775808.0;  // 2^63
  const double milli = value * 1000;
  std::int64_t rounded = 0;
  if (milli > -kEnd && milli < kEnd) {
    rounded = static_cast<std::int64_t>(milli);  // towards zero, as Go's conversion
  } else if (options.upstream_exact) {
    // What Go's conversion gives on amd64; custom metrics alone look for NaN.
    rounded = std::isnan(value) && !external ? 0 : kMin;
  } else if (std::isnan(value)) {
    return std::nullopt;
  } else {
    rounded = value < 0 ? kMin : kMax;
  }
  return rounded;
}

std::optional<std::string> QuantityText(double value, bool external, const Options& options) {
  const auto milli = MilliOf(value, external, options);
  if (!milli) return std::nullopt;
  return kube::Quantity::FromMilli(*milli).ToString();
}

Result<Plan> MakePlan(const MetricRequest& request, const std::vector<std::string>& names,
                      const Catalog& catalog, const Resolver& resolve) {
  if (request.external) return PlanExternal(request, catalog, resolve);
  return PlanCustom(request, names, catalog, resolve);
}

Reply AnswerCustom(const MetricRequest& request, const Plan& plan,
                   const std::vector<std::string>& names, const kube::Resource& kind,
                   const Result<model::QueryValue>& result, Time now, const Options& options) {
  const auto* vector = result ? std::get_if<model::Vector>(&*result) : nullptr;
  if (vector == nullptr) return FetchFailed();
  std::map<std::string, double, std::less<>> values;
  for (const model::VectorSample& sample : *vector) {
    values[std::string(sample.labels.Get(plan.label))] = sample.value;
  }
  std::string items;
  for (const std::string& name : names) {
    const auto found = values.find(name);
    if (found == values.end()) continue;
    const auto value = QuantityText(found->second, false, options);
    if (!value) continue;
    if (!items.empty()) items += ",";
    items += CustomItem(request, kind, name, *value, now);
  }
  if (items.empty() && !request.wildcard()) return MetricNotFound(request, true);
  return ListReply("MetricValueList", fmt::format("{}/{}", kCustomGroup, request.version), items);
}

Reply AnswerExternal(const MetricRequest& request, const Result<model::QueryValue>& result,
                     const Options& options) {
  if (!result) return FetchFailed();
  std::string items;
  const auto add = [&](const std::string& labels, std::int64_t time_ms, double sample) {
    const auto value = QuantityText(sample, true, options);
    if (!value) return;
    if (!items.empty()) items += ",";
    items += ExternalItem(request, labels, time_ms, *value);
  };
  if (const auto* scalar = std::get_if<model::Scalar>(&*result)) {
    add("null", scalar->time_ms, scalar->value);
  } else if (const auto* vector = std::get_if<model::Vector>(&*result)) {
    for (const model::VectorSample& sample : *vector) {
      add(LabelsDocument(sample.labels), sample.time_ms, sample.value);
    }
  } else {
    return Refuse(500, "", "encountered an unexpected query result type");
  }
  return ListReply("ExternalMetricValueList", fmt::format("{}/v1beta1", kExternalGroup), items);
}

Reply MetricNotFound(const MetricRequest& request, bool with_name) {
  // Upstream names no resource for external metrics but in the namespace default.
  std::string what =
      request.external ? (request.ns == "default" ? "namespaces" : "") : request.ResourceText();
  if (with_name) what += " " + request.name;
  return Refuse(
      404, "NotFound",
      fmt::format("the server could not find the metric {} for {}", request.metric, what));
}

Reply FetchFailed() {
  return Refuse(500, "InternalError", "Internal error occurred: unable to fetch metrics",
                R"({"causes":[{"message":"unable to fetch metrics"}]})");
}

Reply ListFailed() {
  return Refuse(500, "InternalError", "Internal error occurred: unable to list matching resources",
                R"({"causes":[{"message":"unable to list matching resources"}]})");
}

}  // namespace weir::metricsapi
