#include "autoscale/explain.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/strings.h"

namespace weir::autoscale {
namespace {

std::string Replicas(std::int64_t count) {
  return fmt::format("{} replica{}", count, count == 1 ? "" : "s");
}

// What a record holds, under the names of its fields.
class Reader {
 public:
  explicit Reader(const Json& record) : record_(record) {}

  std::string Text(std::string_view key) const { return GetString(record_, key); }
  std::int64_t Count(JsonPath path) const { return GetInt(record_, path, 0); }
  std::string rule() const { return Text("rule"); }
  bool Is(std::string_view rule) const { return Text("rule") == rule; }
  std::int64_t to() const { return Count({"to"}); }
  std::int64_t min() const { return Count({"bounds", "minReplicas"}); }
  std::int64_t max() const { return Count({"bounds", "maxReplicas"}); }
  const Json& metrics() const { return GetArray(record_, {"metrics"}); }
  std::string Target() const {
    return GetString(record_, {"target", "kind"}) + " " + GetString(record_, {"target", "name"});
  }

  const Json& Stage(std::string_view name) const {
    for (const Json& stage : GetArray(record_, {"stages"})) {
      if (GetString(stage, "stage") == name) return stage;
    }
    static const Json kNone = Json::object();
    return kNone;
  }
  std::int64_t After(std::string_view stage) const { return GetInt(Stage(stage), {"replicas"}, 0); }
  std::string Until(std::string_view stage) const { return GetString(Stage(stage), "until"); }
  std::string Window(std::string_view key) const { return GetString(record_, {"bounds", key}); }

  const Json& Winner() const {
    for (const Json& metric : metrics()) {
      if (GetBool(metric, {"wins"}, false)) return metric;
    }
    static const Json kNone = Json::object();
    return kNone;
  }
  // The metric that first could not be read; null where all could.
  const Json* Unread() const {
    for (const Json& metric : metrics()) {
      if (!GetString(metric, "error").empty()) return &metric;
    }
    return nullptr;
  }

 private:
  const Json& record_;
};

// "external metric queue is 55, at a target of 10 a replica"
std::string Measured(const Json& metric) {
  const std::string name = GetString(metric, "metric");
  const std::string value = GetString(metric, "value");
  const std::string target = GetString(metric, "target");
  const std::string measure = GetString(metric, "measure");
  if (measure == "Total")
    return name + " is " + value + ", at a target of " + target + " a replica";
  if (measure == "Average") return name + " is " + value + " a pod, at a target of " + target;
  if (measure == "Utilization") {
    return name + " is at " + value + " of what the pods request, at a target of " + target;
  }
  return name + " is " + value + ", at a target of " + target;
}

std::size_t UnknownPods(const Json& metric) {
  return GetArray(metric, {"pods", "notReady"}).size() +
         GetArray(metric, {"pods", "withoutMetric"}).size();
}

std::string WhyOfMetrics(const Reader& record) {
  const Json& winner = record.Winner();
  const std::int64_t proposes = GetInt(winner, {"proposes"}, 0);
  if (record.Is("SyncPeriod")) {
    return fmt::format("{}, which asks for {}, but the last change has to work first",
                       Measured(winner), proposes);
  }
  if (record.Is("UnknownPods")) {
    const std::size_t unknown = UnknownPods(winner);
    return fmt::format(
        "{}, but {} {} not ready or without a metric, and with {} counted in nothing "
        "is certain",
        Measured(winner), unknown, unknown == 1 ? "pod is" : "pods are",
        unknown == 1 ? "it" : "them");
  }
  const bool one = record.metrics().size() < 2;
  if (record.Is("WithinTolerance")) {
    const bool above = ParseDouble(GetString(winner, "ratio")).value_or(0) > 1;
    return fmt::format("{}, within the tolerance of {}{}", Measured(winner),
                       GetString(winner, above ? "toleranceUp" : "toleranceDown"),
                       one ? "" : ", and no metric asks for more");
  }
  return fmt::format("{}, which asks for {}{}", Measured(winner), proposes,
                     one ? "" : ", and no metric asks for more");
}

std::string WhyOfStages(const Reader& record) {
  const std::int64_t wanted = record.After("Metrics");
  const std::int64_t stabilized = record.After("Stabilization");
  if (record.Is("ScaleDownStabilization")) {
    return fmt::format("the metrics ask for {}, but asked for {} within the last {}", wanted,
                       stabilized, record.Window("scaleDownWindow"));
  }
  if (record.Is("ScaleUpStabilization")) {
    return fmt::format("the metrics ask for {}, but asked for no more than {} within the last {}",
                       wanted, stabilized, record.Window("scaleUpWindow"));
  }
  const bool up = record.rule().starts_with("ScaleUp");
  const std::string_view name = up ? "scaleUp" : "scaleDown";
  if (record.rule().ends_with("Disabled")) {
    return fmt::format("the metrics ask for {}, but behavior.{}.selectPolicy is Disabled",
                       stabilized, name);
  }
  const Json& limits = record.Stage("Limits");
  const std::string policy = GetString(limits, "policy");
  if (policy.empty()) {
    return fmt::format(
        "the metrics ask for {}, but one step at most doubles the replicas, or makes "
        "them 4",
        stabilized);
  }
  return fmt::format("the metrics ask for {}, but the policy of {} in behavior.{} allows {}",
                     stabilized, policy, name, GetInt(limits, {"allowed"}, 0));
}

std::string WhyOfBounds(const Reader& record) {
  const bool upper = record.Is("MaxReplicas");
  const std::string_view field = upper ? "maxReplicas" : "minReplicas";
  const std::int64_t bound = upper ? record.max() : record.min();
  if (record.Winner().empty()) {
    return fmt::format("it has {}, and {} is {}", Replicas(record.Count({"from"})), field, bound);
  }
  return fmt::format("the metrics ask for {}, but {} is {}", record.After("Stabilization"), field,
                     bound);
}

std::string WhyUnknown(const Reader& record) {
  const Json* unread = record.Unread();
  if (unread == nullptr) return "no metric can be read";
  const Json& metrics = record.metrics();
  const bool any_read = std::ranges::any_of(
      metrics, [](const Json& metric) { return GetString(metric, "error").empty(); });
  const std::string_view others =
      metrics.size() > 2 ? ", nor can the others" : ", nor can the other";
  return fmt::format("{} cannot be read ({}){}, and what is not known lowers nothing{}",
                     GetString(*unread, "metric"), GetString(*unread, "error"),
                     any_read || metrics.size() < 2 ? "" : others,
                     any_read ? "; what is known asks for no more" : "");
}

std::string Why(const Reader& record) {
  const std::string rule = record.rule();
  if (rule == "UnknownScale") return "its scale cannot be read: " + record.Text("error");
  if (rule == "UnknownPodsOfTarget") return "its pods cannot be told: " + record.Text("error");
  if (rule == "Paused") return "the annotation weir.dev/paused pauses its autoscaler";
  if (rule == "UnknownMetric") return WhyUnknown(record);
  if (rule == "MaxReplicas" || rule == "MinReplicas") return WhyOfBounds(record);
  if (rule.starts_with("ScaleUp") || rule.starts_with("ScaleDown")) return WhyOfStages(record);
  if (rule == "TargetAtZero") {
    return record.min() == 0
               ? "it is at zero, and its autoscaler has no metric that has a value without pods"
               : fmt::format(
                     "it was set to zero, which turns an autoscaler with minReplicas {} off",
                     record.min());
  }
  return WhyOfMetrics(record);
}

std::string Outcome(const Reader& record) {
  const std::int64_t from = record.Count({"from"});
  const std::int64_t to = record.to();
  const std::string target = record.Target();
  if (record.Is("UnknownScale")) return target + " is left as it is";
  if (from == to) return fmt::format("{} stays at {}", target, Replicas(to));
  const std::string change = fmt::format("from {} to {}", from, Replicas(to));
  if (!record.Text("error").empty()) {
    return fmt::format("{} should go {}, which could not be written ({})", target, change,
                       record.Text("error"));
  }
  return fmt::format("{} goes {}", target, change);
}

// " is above 66": from where on this metric asks for more (for fewer); empty where no value does.
std::string Threshold(const Json& metric, bool more) {
  const auto text = [&](std::string_view key) { return GetString(metric, key); };
  if (more) {
    if (metric.contains("above")) return " is above " + text("above");
    return metric.contains("atLeast") ? " is " + text("atLeast") + " or more" : "";
  }
  if (metric.contains("below")) return " is below " + text("below");
  if (!metric.contains("upTo")) return "";
  return " is " + text("upTo") + (text("upTo") == "0" ? "" : " or less");
}

// What the metrics would have to be, for the number to become another one.
std::string Thresholds(const Reader& record, bool more) {
  std::vector<std::string> parts;
  for (const Json& metric : record.metrics()) {
    const std::string threshold = Threshold(metric, more);
    if (threshold.empty() && !more) return "";  // fewer take all of them
    if (threshold.empty()) continue;
    parts.push_back(GetString(metric, "metric") + threshold +
                    (UnknownPods(metric) > 0 ? " with all pods ready and measured" : ""));
  }
  return Join(parts, more ? ", or " : ", and ");
}

std::string At(std::string_view lead, const std::string& until, std::string_view otherwise) {
  return until.empty() ? fmt::format("{} {}", lead, otherwise)
                       : fmt::format("{} at {}", lead, until);
}

// The last change has to work first: when it has, where it is this direction that waits.
std::string Settles(const Reader& record, bool up) {
  const Json& winner = record.Winner();
  const bool upward = GetInt(winner, {"proposes"}, 0) > record.to();
  return record.Is("SyncPeriod") && upward == up ? GetString(winner, "settles") : "";
}

std::string More(const Reader& record) {
  if (record.to() >= record.max()) return "More only with a higher maxReplicas.";
  if (record.Is("ScaleUpDisabled")) return "More only where scaling up is not disabled.";
  if (record.Is("ScaleUpPolicy")) {
    return At("More", record.Until("Limits"), "with the next sync period") +
           ", if the metrics still ask for it.";
  }
  if (record.Is("ScaleUpStabilization")) {
    return At("More", record.Until("Stabilization"), "later") +
           ", if the metrics ask for it until then.";
  }
  if (const std::string at = Settles(record, true); !at.empty()) {
    return "More at " + at + ", if the metrics still ask for it.";
  }
  const std::string thresholds = Thresholds(record, true);
  if (!thresholds.empty()) return "More when " + thresholds + ".";
  if (record.Is("UnknownMetric")) return "More when a metric can be read and asks for it.";
  return "More when a metric asks for it.";
}

std::string Fewer(const Reader& record) {
  if (record.to() <= 0) return "";
  if (record.to() <= record.min()) return "Fewer only with a lower minReplicas.";
  if (record.Unread() != nullptr) return "Fewer only when every metric can be read.";
  if (record.Is("ScaleDownDisabled")) return "Fewer only where scaling down is not disabled.";
  if (record.Is("ScaleDownPolicy")) {
    return At("Fewer", record.Until("Limits"), "with the next sync period") +
           ", unless the metrics ask for more by then.";
  }
  if (record.Is("ScaleDownStabilization")) {
    return At("Fewer", record.Until("Stabilization"), "later") +
           ", unless the metrics ask for more by then.";
  }
  if (const std::string at = Settles(record, false); !at.empty()) {
    return "Fewer at " + at + ", if the metrics still ask for it.";
  }
  const std::string thresholds = Thresholds(record, false);
  if (thresholds.empty()) return "Fewer when all metrics ask for it.";
  const std::string window = record.Window("scaleDownWindow");
  const bool waits = !window.empty() && window != "0s";
  return "Fewer when " + thresholds + (waits ? ", for " + window : "") + ".";
}

// What would have to change.
std::string Change(const Reader& record) {
  if (record.Is("UnknownScale") || record.Is("UnknownPodsOfTarget")) {
    return "More or fewer only once that is mended.";
  }
  if (record.Is("Paused")) return "More or fewer only without the annotation.";
  if (record.Is("TargetAtZero")) return "More only when somebody sets its replicas.";
  const std::string fewer = Fewer(record);
  return More(record) + (fewer.empty() ? "" : " " + fewer);
}

void Line(std::string& text, std::string_view name, const std::string& value) {
  if (!value.empty()) text += fmt::format("  {:<11}{}\n", name, value);
}

std::string Names(const Json& names) {
  std::vector<std::string> list;
  for (const Json& name : names) {
    if (name.is_string()) list.push_back(name.get<std::string>());
  }
  return Join(list, " ");
}

std::string MetricLine(const Json& metric) {
  const std::string error = GetString(metric, "error");
  if (!error.empty()) return GetString(metric, "metric") + " cannot be read: " + error;
  std::string text = fmt::format("{}: {} (ratio {}", Measured(metric),
                                 GetInt(metric, {"counts"}, 0), GetString(metric, "ratio", "none"));
  const std::string with_unknown = GetString(metric, "ratioWithUnknownPods");
  if (!with_unknown.empty()) text += ", " + with_unknown + " with unknown pods";
  if (GetString(metric, "verdict") == "WithinTolerance") text += ", within tolerance";
  if (GetString(metric, "verdict") == "UnknownPods") text += ", held for unknown pods";
  if (metric.contains("settles")) {
    text += fmt::format(", proposes {}, counts at {}", GetInt(metric, {"proposes"}, 0),
                        GetString(metric, "settles"));
  }
  text += ")";
  const std::string time = GetString(metric, "time");
  if (!time.empty()) text += ", of " + time;
  const std::pair<const char*, const char*> groups[] = {
      {"notReady", "not ready"}, {"withoutMetric", "without the metric"}, {"ignored", "ignored"}};
  for (const auto& [key, words] : groups) {
    const Json& names = GetArray(metric, {"pods", key});
    if (!names.empty()) text += fmt::format("; {}: {}", words, Names(names));
  }
  return text;
}

std::string StagesLine(const Reader& record) {
  std::string text = fmt::format("the metrics ask for {}", record.After("Metrics"));
  const std::int64_t stabilized = record.After("Stabilization");
  text += stabilized == record.After("Metrics")
              ? ", stabilisation changes nothing"
              : fmt::format(", stabilisation makes it {} (until {})", stabilized,
                            record.Until("Stabilization"));
  const std::int64_t limited = record.After("Limits");
  text += limited == stabilized ? ", limits change nothing"
                                : fmt::format(", limits make it {}", limited);
  return text;
}

}  // namespace

std::string Summary(const Json& json) {
  if (!json.is_object() || !json.contains("rule")) {
    return "Nothing was decided: " + GetString(json, "error", "the record is empty") + ".";
  }
  const Reader record(json);
  return fmt::format("{}: {}. {}", Outcome(record), Why(record), Change(record));
}

std::string Explain(const Json& json) {
  const Reader record(json);
  std::string text = GetString(json, "summary", Summary(json)) + "\n";
  if (!json.is_object() || !json.contains("rule")) return text;
  text += "\n";
  const bool changed = GetBool(json, {"changed"}, false);
  Line(text, "decided", record.Text("time") + (changed ? "" : ", changed nothing"));
  Line(text, "rule", record.rule());
  if (GetObject(json, {"target"}).contains("replicas")) {
    Line(text, "target",
         fmt::format("{}: {} in its spec, {} in its status; {} to {} allowed", record.Target(),
                     record.Count({"target", "replicas"}),
                     record.Count({"target", "statusReplicas"}), record.min(), record.max()));
  }
  for (const Json& metric : record.metrics()) {
    Line(text, GetBool(metric, {"wins"}, false) ? "metric *" : "metric", MetricLine(metric));
  }
  if (json.contains("stages")) Line(text, "stages", StagesLine(record));
  Line(text, "look again", record.Text("lookAgain"));
  Line(text, "metric",
       GetString(json, {"hops", "metricChanged"}, "").empty()
           ? ""
           : "changed at " + GetString(json, {"hops", "metricChanged"}));
  Line(text, "written", GetString(json, {"hops", "written"}));
  return text;
}

}  // namespace weir::autoscale
