#include "engine/api_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string_view>

#include "base/json.h"
#include "base/strings.h"
#include "promql/parser.h"

namespace weir::engine {
namespace {

using model::Labels;
using Matchers = std::vector<model::Matcher>;

constexpr std::int64_t kMaxPoints = 11'000;

ApiReply Success(const std::string& data) {
  return {200, "application/json", fmt::format(R"({{"status":"success","data":{}}})", data)};
}

ApiReply Failure(int status, std::string_view type, std::string_view message) {
  return {status, "application/json",
          fmt::format(R"({{"status":"error","errorType":"{}","error":{}}})", type,
                      DumpJson(Json(message)))};
}

ApiReply BadData(std::string_view message) { return Failure(400, "bad_data", message); }

ApiReply BadParameter(std::string_view name, std::string_view message) {
  return BadData(fmt::format("invalid parameter {}: {}", Quote(name), message));
}

// An evaluation's error: 422, or 503 where the storage refuses.
ApiReply Execution(const Error& error) {
  return Failure(error.code == Code::kUnavailable ? 503 : 422, "execution", error.message);
}

std::string Text(std::string_view text) { return DumpJson(Json(text)); }

// Seconds with three digits of fraction where there is one.
std::string TimeText(std::int64_t ms) {
  std::string text = ms < 0 ? "-" : "";
  const std::int64_t size = std::abs(ms);
  text += fmt::format("{}", size / 1000);
  if (size % 1000 != 0) text += fmt::format(".{:03}", size % 1000);
  return text;
}

// strconv's shortest form, with an exponent for the very small and the very large.
std::string ValueText(double value) {
  if (!std::isfinite(value)) return FormatDouble(value);
  const double size = std::fabs(value);
  const bool exponent = size != 0 && (size < 1e-6 || size >= 1e21);
  char text[400];
  const auto end =
      std::to_chars(text, text + sizeof text, value,
                    exponent ? std::chars_format::scientific : std::chars_format::fixed);
  return std::string(text, end.ptr);
}

std::string Point(std::int64_t time_ms, double value) {
  return fmt::format("[{},\"{}\"]", TimeText(time_ms), ValueText(value));
}

std::string LabelsDocument(const Labels& labels) {
  std::string text = "{";
  for (const model::Label& label : labels) {
    if (text.size() > 1) text += ",";
    text += Text(label.name) + ":" + Text(label.value);
  }
  return text + "}";
}

template <class Items, class Print>
std::string ListDocument(const Items& items, Print print) {
  std::string text = "[";
  for (const auto& item : items) {
    if (text.size() > 1) text += ",";
    text += print(item);
  }
  return text + "]";
}

std::string MatrixDocument(const model::Matrix& matrix) {
  return ListDocument(matrix, [](const model::SeriesData& series) {
    return fmt::format(R"({{"metric":{},"values":{}}})", LabelsDocument(series.labels),
                       ListDocument(series.samples, [](const model::Sample& sample) {
                         return Point(sample.time_ms, sample.value);
                       }));
  });
}

class Api {
 public:
  Api(const ApiRequest& request, Time now, const model::Queryable& storage, const RuleRunner& rules,
      const promql::EvalOptions& options)
      : request_(request), now_(now), storage_(storage), rules_(rules), options_(options) {}

  ApiReply Query() const {
    const auto at = TimeParameter("time", now_);
    if (!at) return BadParameter("time", at.error().message);
    const auto expr = promql::Parse(Parameter("query"));
    if (!expr) return BadParameter("query", expr.error().message);
    const auto value = promql::Evaluate(*expr, *at, storage_, options_);
    if (!value) return Execution(value.error());
    return Success(ResultDocument(*value));
  }

  ApiReply QueryRange() const {
    const auto start = TimeParameter("start", std::nullopt);
    if (!start) return BadParameter("start", start.error().message);
    const auto end = TimeParameter("end", std::nullopt);
    if (!end) return BadParameter("end", end.error().message);
    if (*end < *start) {
      return BadParameter("end", "end timestamp must not be before start time");
    }
    const auto step = DurationParameter("step");
    if (!step) return BadParameter("step", step.error().message);
    if (*step <= Duration(0)) {
      return BadParameter("step",
                          "zero or negative query resolution step widths are not accepted. "
                          "Try a positive integer");
    }
    if ((*end - *start) / *step > kMaxPoints) {
      return BadData(
          "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing "
          "the query resolution (?step=XX)");
    }
    const auto expr = promql::Parse(Parameter("query"));
    if (!expr) return BadParameter("query", expr.error().message);
    const auto matrix = promql::EvaluateRange(*expr, *start, *end, *step, storage_, options_);
    if (!matrix) return Execution(matrix.error());
    return Success(ResultDocument(*matrix));
  }

  ApiReply Series() const {
    if (Parameter("match[]").empty()) return BadData("no match[] parameter provided");
    return WithSeries([](const std::set<Labels>& series) {
      return Success(ListDocument(series, LabelsDocument));
    });
  }

  ApiReply LabelNames() const {
    return WithSeries([](const std::set<Labels>& series) {
      std::set<std::string> names;
      for (const Labels& labels : series) {
        for (const model::Label& label : labels) names.insert(label.name);
      }
      return Success(ListDocument(names, Text));
    });
  }

  ApiReply LabelValues(const std::string& name) const {
    return WithSeries([&name](const std::set<Labels>& series) {
      std::set<std::string> values;
      for (const Labels& labels : series) {
        if (labels.Has(name)) values.emplace(labels.Get(name));
      }
      return Success(ListDocument(values, Text));
    });
  }

  ApiReply Rules() const {
    const auto groups = rules_.Groups();
    return Success(fmt::format(R"({{"groups":{}}})", ListDocument(groups, GroupText)));
  }

 private:
  std::string Parameter(std::string_view name) const {
    for (const auto& [key, value] : request_.parameters) {
      if (key == name) return value;
    }
    return {};
  }

  // Unix seconds with a fraction, or RFC 3339.
  Result<Time> TimeParameter(std::string_view name, std::optional<Time> fallback) const {
    const std::string text = Parameter(name);
    if (text.empty() && fallback) return *fallback;
    if (const auto seconds = ParseDouble(text); seconds && std::fabs(*seconds) < 9e9) {
      return FromUnixMillis(static_cast<std::int64_t>(std::round(*seconds * 1000)));
    }
    if (const auto time = ParseRfc3339(text)) return *time;
    return Fail(Code::kInvalid, fmt::format("cannot parse {} to a valid timestamp", Quote(text)));
  }

  Result<Duration> DurationParameter(std::string_view name) const {
    const std::string text = Parameter(name);
    if (const auto seconds = ParseDouble(text); seconds && std::fabs(*seconds) < 9e9) {
      return std::chrono::milliseconds(static_cast<std::int64_t>(std::round(*seconds * 1000)));
    }
    if (const auto duration = ParsePrometheusDuration(text)) return *duration;
    return Fail(Code::kInvalid, fmt::format("cannot parse {} to a valid duration", Quote(text)));
  }

  // The series that any match[] selects (all without one) between start and end.
  ApiReply WithSeries(const std::function<ApiReply(const std::set<Labels>&)>& answer) const {
    constexpr std::int64_t kFirst = std::numeric_limits<std::int64_t>::min() / 2;
    const auto start = TimeParameter("start", Time::min());
    if (!start) return BadParameter("start", start.error().message);
    const auto end = TimeParameter("end", Time::max());
    if (!end) return BadParameter("end", end.error().message);
    std::vector<Matchers> selectors;
    for (const auto& [key, text] : request_.parameters) {
      if (key != "match[]") continue;
      auto matchers = promql::ParseSelector(text);
      if (!matchers) return BadParameter("match[]", matchers.error().message);
      selectors.push_back(std::move(*matchers));
    }
    if (selectors.empty()) selectors.emplace_back();
    std::set<Labels> found;
    for (const Matchers& matchers : selectors) {
      const std::int64_t from = *start == Time::min() ? kFirst : ToUnixMillis(*start);
      const auto series = storage_.Select(matchers, from, ToUnixMillis(*end));
      if (!series) return Execution(series.error());
      for (const model::SeriesData& one : *series) found.insert(one.labels);
    }
    return answer(found);
  }

  static std::string AlertText(const Labels& labels, const rules::Alert& alert) {
    return fmt::format(
        R"({{"labels":{},"annotations":{{}},"state":"{}","activeAt":"{}","value":"{}"}})",
        LabelsDocument(labels), alert.state == rules::AlertState::kFiring ? "firing" : "pending",
        FormatRfc3339(alert.active_at), ValueText(alert.value));
  }

  static std::string RuleText(const RuleRunner::GroupView& group, std::size_t index) {
    const rules::Rule& rule = group.state->group().rules[index];
    const std::string& error = (*group.errors)[index];
    std::string text = "{";
    const auto& alerts = group.state->alerts(index);
    if (rule.alerting) {
      const bool firing = std::ranges::any_of(alerts, [](const auto& entry) {
        return entry.second.state == rules::AlertState::kFiring;
      });
      text += fmt::format(R"("state":"{}",)",
                          firing ? "firing" : (alerts.empty() ? "inactive" : "pending"));
    }
    text += fmt::format(R"("name":{},"query":{},)", Text(rule.name), Text(rule.query));
    if (rule.alerting) {
      text += fmt::format(R"("duration":{},"keepFiringFor":{},"annotations":{},"alerts":{},)",
                          ValueText(ToSeconds(rule.hold)), ValueText(ToSeconds(rule.keep_firing)),
                          LabelsDocument(Labels(rule.annotations)),
                          ListDocument(alerts, [](const auto& entry) {
                            return AlertText(entry.first, entry.second);
                          }));
    }
    text += fmt::format(R"("labels":{},"health":"{}",)", LabelsDocument(Labels(rule.labels)),
                        error.empty() ? "ok" : "err");
    if (!error.empty()) text += fmt::format(R"("lastError":{},)", Text(error));
    return text + fmt::format(R"("lastEvaluation":"{}","type":"{}"}})",
                              FormatRfc3339(group.last_evaluation),
                              rule.alerting ? "alerting" : "recording");
  }

  static std::string GroupText(const RuleRunner::GroupView& group) {
    std::vector<std::string> rules;
    for (std::size_t i = 0; i < group.state->group().rules.size(); ++i) {
      rules.push_back(RuleText(group, i));
    }
    return fmt::format(
        R"({{"name":{},"file":{},"rules":[{}],"interval":{},"limit":{},"lastEvaluation":"{}"}})",
        Text(group.state->group().name), Text(group.source), Join(rules, ","),
        ValueText(ToSeconds(group.interval)), group.state->group().limit,
        FormatRfc3339(group.last_evaluation));
  }

  const ApiRequest& request_;
  Time now_;
  const model::Queryable& storage_;
  const RuleRunner& rules_;
  const promql::EvalOptions& options_;
};

}  // namespace

ApiReply AnswerApi(const ApiRequest& request, Time now, const model::Queryable& storage,
                   const RuleRunner& rules, const promql::EvalOptions& options) {
  const Api api(request, now, storage, rules, options);
  const bool get = request.method == "GET" || request.method == "HEAD";
  const bool form = get || request.method == "POST";
  const std::string& path = request.path;
  if (form && path == "/api/v1/query") return api.Query();
  if (form && path == "/api/v1/query_range") return api.QueryRange();
  if (form && path == "/api/v1/series") return api.Series();
  if (form && path == "/api/v1/labels") return api.LabelNames();
  if (get && path == "/api/v1/rules") return api.Rules();
  if (get && path == "/-/ready") return {200, "text/plain; charset=utf-8", "Weir is Ready.\n"};
  if (get && path == "/-/healthy") return {200, "text/plain; charset=utf-8", "Weir is Healthy.\n"};
  const std::vector<std::string> parts = Split(path, '/');
  if (get && parts.size() == 6 && path.starts_with("/api/v1/label/") && parts[5] == "values") {
    if (const auto name = PercentDecode(parts[4], false); name && !name->empty()) {
      return api.LabelValues(*name);
    }
  }
  return {404, "text/plain; charset=utf-8", "404 page not found\n"};
}

std::string ResultDocument(const model::QueryValue& value) {
  const auto document = [](std::string_view type, const std::string& result) {
    return fmt::format(R"({{"resultType":"{}","result":{}}})", type, result);
  };
  if (const auto* scalar = std::get_if<model::Scalar>(&value)) {
    return document("scalar", Point(scalar->time_ms, scalar->value));
  }
  if (const auto* string = std::get_if<model::StringValue>(&value)) {
    return document("string",
                    fmt::format("[{},{}]", TimeText(string->time_ms), Text(string->value)));
  }
  if (const auto* matrix = std::get_if<model::Matrix>(&value)) {
    return document("matrix", MatrixDocument(*matrix));
  }
  return document(
      "vector", ListDocument(std::get<model::Vector>(value), [](const model::VectorSample& sample) {
        return fmt::format(R"({{"metric":{},"value":{}}})", LabelsDocument(sample.labels),
                           Point(sample.time_ms, sample.value));
      }));
}

}  // namespace weir::engine
