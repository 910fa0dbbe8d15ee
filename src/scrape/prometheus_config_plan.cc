#include "scrape/prometheus_config_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <set>
#include <utility>

#include "base/json.h"
#include "base/strings.h"
#include "base/yaml.h"

namespace weir::scrape {
namespace {

// A mapping of the file and where it stands, with the first error that its reading met.
class Fields {
 public:
  // Null counts as an empty mapping.
  Fields(const Json& object, std::string path, std::initializer_list<std::string_view> known)
      : object_(object), path_(std::move(path)) {
    if (object.is_null()) return;
    if (!object.is_object()) {
      Refuse("", "expected a mapping");
      return;
    }
    for (const auto& [key, value] : object.items()) {
      if (std::find(known.begin(), known.end(), key) == known.end()) {
        Refuse(key, "is not supported");
      }
    }
  }

  const Status& status() const { return status_; }

  // Null where absent.
  const Json& Get(std::string_view key) const {
    static const Json kNull;
    const Json* value = object_.is_object() ? Find(object_, key) : nullptr;
    return value == nullptr ? kNull : *value;
  }

  std::string Path(std::string_view key) const {
    return path_.empty() || key.empty() ? path_ + std::string(key)
                                        : fmt::format("{}.{}", path_, key);
  }

  void Refuse(std::string_view key, std::string_view reason) {
    if (!status_) return;
    const std::string where = Path(key);
    status_ = Fail(Code::kInvalid,
                   where.empty() ? std::string(reason) : fmt::format("{}: {}", where, reason));
  }

  std::string Text(std::string_view key, std::string fallback) {
    const Json& value = Get(key);
    if (value.is_null()) return fallback;
    if (!value.is_string()) Refuse(key, "expected a text");
    return value.is_string() ? value.get<std::string>() : fallback;
  }

  bool Flag(std::string_view key, bool fallback) {
    const Json& value = Get(key);
    if (value.is_null()) return fallback;
    if (!value.is_boolean()) Refuse(key, "expected true or false");
    return value.is_boolean() ? value.get<bool>() : fallback;
  }

  std::size_t Count(std::string_view key) {
    const Json& value = Get(key);
    if (value.is_null()) return 0;
    if (value.is_number_integer() && value >= 0) return value.get<std::size_t>();
    Refuse(key, "expected a number that is not negative");
    return 0;
  }

  // Zero counts as absent, as in Prometheus.
  Duration Time(std::string_view key, Duration fallback) {
    const std::string text = Text(key, "");
    if (text.empty()) return fallback;
    const auto duration = ParsePrometheusDuration(text);
    if (!duration) Refuse(key, duration.error().message);
    return duration && *duration > Duration(0) ? *duration : fallback;
  }

  std::vector<std::string> Texts(std::string_view key) {
    const Json& list = Get(key);
    std::vector<std::string> texts;
    if (!list.is_null() && !list.is_array()) Refuse(key, "expected a list");
    if (!list.is_array()) return texts;
    for (const Json& item : list) {
      if (!item.is_string()) Refuse(key, "expected texts");
      if (item.is_string()) texts.push_back(item.get<std::string>());
    }
    return texts;
  }

  // The items of a list of mappings.
  const Json& List(std::string_view key) {
    static const Json kEmpty = Json::array();
    const Json& list = Get(key);
    if (!list.is_null() && !list.is_array()) Refuse(key, "expected a list");
    return list.is_array() ? list : kEmpty;
  }

  std::vector<RelabelRule> Relabelings(std::string_view key) {
    auto rules = ParseRelabelRules(List(key), Path(key), RelabelSpelling::kPrometheus);
    if (!rules && status_) status_ = std::unexpected(rules.error());
    return rules ? std::move(*rules) : std::vector<RelabelRule>();
  }

 private:
  const Json& object_;
  std::string path_;
  Status status_;
};

struct Global {
  Duration scrape_interval = std::chrono::minutes(1);
  Duration scrape_timeout{0};
  Duration evaluation_interval = std::chrono::minutes(1);
};

Result<Global> ReadGlobal(const Json& object) {
  Fields fields(object, "global",
                {"scrape_interval", "scrape_timeout", "evaluation_interval", "external_labels"});
  Global global;
  global.scrape_interval = fields.Time("scrape_interval", global.scrape_interval);
  global.scrape_timeout = fields.Time(
      "scrape_timeout", std::min<Duration>(std::chrono::seconds(10), global.scrape_interval));
  global.evaluation_interval = fields.Time("evaluation_interval", global.evaluation_interval);
  if (global.scrape_timeout > global.scrape_interval) {
    fields.Refuse("scrape_timeout", "global scrape timeout greater than scrape interval");
  }
  if (!fields.status()) return std::unexpected(fields.status().error());
  return global;
}

void ReadParams(Fields& fields, StaticTargets& list) {
  const Json& params = fields.Get("params");
  if (params.is_null()) return;
  if (!params.is_object()) return fields.Refuse("params", "expected a mapping");
  for (const auto& [name, values] : params.items()) {
    std::vector<std::string> texts;
    for (const Json& value : values) {
      if (value.is_string()) texts.push_back(value.get<std::string>());
    }
    if (!values.is_array() || texts.size() != values.size()) {
      fields.Refuse("params." + name, "expected a list of texts");
    }
    list.params.emplace_back(name, std::move(texts));
  }
}

// What all addresses of a job share.
Result<StaticTargets> ReadJob(Fields& fields, const Global& global) {
  StaticTargets list;
  list.job = fields.Text("job_name", "");
  if (list.job.empty()) fields.Refuse("job_name", "is required");
  list.scheme = fields.Text("scheme", "http");
  if (list.scheme != "http") {
    fields.Refuse("scheme", fmt::format("{} is not supported", Quote(list.scheme)));
  }
  list.path = fields.Text("metrics_path", "/metrics");
  ReadParams(fields, list);
  ScrapeSettings& settings = list.settings;
  settings.interval = fields.Time("scrape_interval", global.scrape_interval);
  settings.timeout =
      fields.Time("scrape_timeout", std::min(global.scrape_timeout, settings.interval));
  if (settings.timeout > settings.interval) {
    fields.Refuse("scrape_timeout", "scrape timeout greater than scrape interval");
  }
  settings.honor_labels = fields.Flag("honor_labels", false);
  settings.honor_timestamps = fields.Flag("honor_timestamps", true);
  settings.sample_limit = fields.Count("sample_limit");
  settings.metric_relabelings = fields.Relabelings("metric_relabel_configs");
  list.relabelings = fields.Relabelings("relabel_configs");
  if (!fields.status()) return std::unexpected(fields.status().error());
  return list;
}

Status ReadStatic(const Json& object, const std::string& path, StaticTargets& list) {
  Fields fields(object, path, {"targets", "labels"});
  list.addresses = fields.Texts("targets");
  for (const std::string& address : list.addresses) {
    if (address.empty() || address.contains('/')) {
      fields.Refuse("targets", fmt::format("{} is not a valid hostname", Quote(address)));
    }
  }
  const Json& labels = fields.Get("labels");
  if (!labels.is_null() && !labels.is_object()) fields.Refuse("labels", "expected a mapping");
  if (labels.is_object()) {
    for (const auto& [name, value] : labels.items()) {
      if (!value.is_string()) fields.Refuse("labels." + name, "expected a text");
      if (value.is_string()) list.labels.Set(name, value.get<std::string>());
    }
  }
  return fields.status();
}

Status ReadScrapeConfig(const Json& object, const std::string& path, const Global& global,
                        std::set<std::string>& jobs, PrometheusConfig& config) {
  Fields fields(object, path,
                {"job_name", "scrape_interval", "scrape_timeout", "metrics_path", "scheme",
                 "params", "honor_labels", "honor_timestamps", "sample_limit", "static_configs",
                 "relabel_configs", "metric_relabel_configs"});
  auto job = ReadJob(fields, global);
  if (!job) return std::unexpected(job.error());
  if (!jobs.insert(job->job).second) {
    return Fail(Code::kInvalid, fmt::format("{}: found multiple scrape configs with job name {}",
                                            path, Quote(job->job)));
  }
  const Json& lists = fields.List("static_configs");
  if (!fields.status()) return fields.status();
  for (std::size_t i = 0; i < lists.size(); ++i) {
    StaticTargets list = *job;
    Status read = ReadStatic(lists[i], fmt::format("{}.static_configs[{}]", path, i), list);
    if (!read) return read;
    config.lists.push_back(std::move(list));
  }
  return {};
}

}  // namespace

Result<PrometheusConfig> ParsePrometheusConfig(std::string_view yaml) {
  auto document = ParseYamlDocument(yaml);
  if (!document) return std::unexpected(document.error());
  Fields fields(*document, "", {"global", "rule_files", "scrape_configs"});
  PrometheusConfig config;
  config.rule_files = fields.Texts("rule_files");
  const Json& jobs = fields.List("scrape_configs");
  if (!fields.status()) return std::unexpected(fields.status().error());
  auto global = ReadGlobal(fields.Get("global"));
  if (!global) return std::unexpected(global.error());
  config.evaluation_interval = global->evaluation_interval;
  std::set<std::string> names;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    Status read =
        ReadScrapeConfig(jobs[i], fmt::format("scrape_configs[{}]", i), *global, names, config);
    if (!read) return std::unexpected(read.error());
  }
  return config;
}

}  // namespace weir::scrape
