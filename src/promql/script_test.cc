// Runs Prometheus' PromQL test scripts: series are loaded, expressions evaluated, answers listed.
// The project's own stand in tests/promql; Prometheus' are in $WEIR_UPSTREAM_DIR/promqltest.
// Each evaluation is repeated as a range query and, with `@` written onto every selector, at other
// times: that must not change the answer, and it puts the printer and the parser to the test too.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "base/strings.h"
#include "base/time.h"
#include "platform/system.h"
#include "promql/evaluator.h"
#include "promql/memory_storage.h"
#include "promql/parser.h"

namespace weir::promql {
namespace {

using model::Labels;
using model::Sample;

struct SeriesLine {
  Labels labels;
  std::vector<std::optional<double>> values;
  bool histogram = false;
};

struct Point {
  std::int64_t time_ms = 0;
  double value = 0;
};
// An answer in a form that all kinds of evaluation share.
struct Answer {
  bool failed = false;
  std::string error;
  std::optional<double> scalar;
  std::optional<std::string> string;
  std::vector<std::pair<Labels, std::vector<Point>>> series;
};

bool Almost(double a, double b) {
  if (model::IsStale(a) || model::IsStale(b)) return model::IsStale(a) && model::IsStale(b);
  if (std::isnan(a) && std::isnan(b)) return true;
  if (a == b) return true;
  constexpr double kEpsilon = 1e-6;
  const double sum = std::fabs(a) + std::fabs(b);
  const double smallest = std::numeric_limits<double>::min();
  if (a == 0 || b == 0 || sum < smallest) return std::fabs(a - b) < kEpsilon * smallest;
  return std::fabs(a - b) / std::min(sum, std::numeric_limits<double>::max()) < kEpsilon;
}

// Where the metric of a series line ends: after its braces, or at the first blank.
std::size_t MetricEnd(std::string_view line) {
  std::size_t i = 0;
  while (i < line.size() && line[i] != '{' && line[i] != ' ' && line[i] != '\t') ++i;
  const std::size_t brace = line.find_first_not_of(" \t", i);
  if (brace == std::string_view::npos || line[brace] != '{') return i;
  if (i > 0 && line.substr(brace).starts_with("{{")) return i;  // a histogram value
  char quote = 0;
  for (i = brace; i < line.size(); ++i) {
    if (quote != 0) {
      if (line[i] == '\\')
        ++i;
      else if (line[i] == quote)
        quote = 0;
    } else if (line[i] == '"' || line[i] == '\'' || line[i] == '`') {
      quote = line[i];
    } else if (line[i] == '}') {
      return i + 1;
    }
  }
  return line.size();
}

std::optional<Labels> ParseLabels(std::string_view metric) {
  if (ReplaceAll(metric, " ", "") == "{}") return Labels();
  const auto matchers = ParseSelector(metric);
  if (!matchers) return std::nullopt;
  std::vector<model::Label> labels;
  for (const model::Matcher& matcher : *matchers)
    labels.push_back({matcher.name(), matcher.value()});
  return Labels(std::move(labels));
}

// The length of the number at the beginning of the text: sign, digits, exponent, Inf, NaN.
std::size_t NumberLength(std::string_view text) {
  std::size_t i = !text.empty() && (text[0] == '-' || text[0] == '+') ? 1 : 0;
  const std::string word = ToLower(text.substr(i, 3));
  if (word == "inf" || word == "nan") return i + 3;
  while (i < text.size()) {
    const char c = text[i];
    const bool sign = (c == '-' || c == '+') && (text[i - 1] == 'e' || text[i - 1] == 'E') && i > 1;
    if ((c < '0' || c > '9') && c != '.' && c != 'e' && c != 'E' && !sign) break;
    ++i;
  }
  return i;
}

double Number(std::string_view text) {
  if (!text.empty() && text[0] == '+') text.remove_prefix(1);
  return ParseDouble(text).value_or(std::nan(""));
}

bool ParseItem(std::string_view item, std::vector<std::optional<double>>& values) {
  if (item[0] == '_') {
    const auto count = item.size() > 2 ? ParseInt(item.substr(2)) : std::optional<std::int64_t>(1);
    if (!count) return false;
    values.insert(values.end(), static_cast<std::size_t>(*count), std::nullopt);
    return true;
  }
  double value = 0;
  if (item.starts_with("stale")) {
    value = model::StaleMarker();
    item.remove_prefix(5);
  } else {
    const std::size_t length = NumberLength(item);
    if (length == 0) return false;
    value = Number(item.substr(0, length));
    item.remove_prefix(length);
  }
  double step = 0;
  if (!item.empty() && item[0] != 'x') {
    const std::size_t length = NumberLength(item);
    if (length == 0) return false;
    step = Number(item.substr(0, length));
    item.remove_prefix(length);
  }
  values.emplace_back(value);
  if (item.empty()) return true;
  const auto count = ParseInt(item.substr(1));
  if (item[0] != 'x' || !count) return false;
  for (std::int64_t i = 0; i < *count; ++i) {
    value += step;
    values.emplace_back(value);
  }
  return true;
}

std::optional<SeriesLine> ParseSeriesLine(std::string_view line) {
  const std::size_t end = MetricEnd(line);
  const auto labels = ParseLabels(line.substr(0, end));
  if (!labels) return std::nullopt;
  SeriesLine series{*labels, {}, line.find("{{") != std::string_view::npos};
  if (series.histogram) return series;
  std::istringstream items{std::string(line.substr(end))};
  for (std::string item; items >> item;) {
    if (!ParseItem(item, series.values)) return std::nullopt;
  }
  return series;
}

std::int64_t ParseMillis(std::string_view text) {
  const auto duration = text == "0" ? Result<Duration>(Duration(0)) : ParsePrometheusDuration(text);
  EXPECT_TRUE(duration.has_value()) << text;
  return duration ? std::chrono::duration_cast<std::chrono::milliseconds>(*duration).count() : 0;
}

struct EvalCommand {
  int line = 0;
  bool range = false, ordered = false, fail = false;
  std::int64_t start_ms = 0, end_ms = 0, step_ms = 0;
  std::string query;
  std::string fail_message, fail_regex;
  Answer expected;
  bool histogram = false, unreadable = false, matrix = false;
};

class Script {
 public:
  struct Counts {
    int passed = 0, failed = 0, skipped = 0;
  };

  Script(std::string name, std::string text) : name_(std::move(name)) {
    for (const std::string& line : Split(text, '\n')) {
      const std::string_view trimmed = Trim(line);
      lines_.emplace_back(trimmed.starts_with("#") ? std::string_view() : trimmed);
    }
  }

  Counts Run() {
    while (at_ < lines_.size()) {
      const std::string& line = lines_[at_];
      if (line.empty()) {
        ++at_;
      } else if (line == "clear") {
        storage_.Clear();
        histograms_.clear();
        ++at_;
      } else if (line.starts_with("load")) {
        Load();
      } else if (line.starts_with("eval")) {
        RunEval(ParseEval());
      } else {
        ADD_FAILURE() << name_ << ":" << at_ + 1 << ": invalid command " << line;
        ++at_;
      }
    }
    return counts_;
  }

 private:
  void Load() {
    const std::string& line = lines_[at_++];
    const std::int64_t step = ParseMillis(line.substr(line.find(' ') + 1));
    const bool classic = line.starts_with("load_with_nhcb");
    std::map<Labels, SeriesLine> block;
    for (; at_ < lines_.size() && !lines_[at_].empty(); ++at_) {
      auto series = ParseSeriesLine(lines_[at_]);
      if (!series) {
        ADD_FAILURE() << name_ << ":" << at_ + 1 << ": cannot read " << lines_[at_];
        continue;
      }
      block[series->labels] = std::move(*series);
    }
    for (const auto& [labels, series] : block) {
      if (series.histogram) histograms_.insert(labels);
      if (classic) histograms_.insert(CustomBuckets(labels));
      std::int64_t time = 0;
      for (const auto& value : series.values) {
        if (value) storage_.Add(labels, time, *value);
        time += step;
      }
    }
  }

  // The native histogram that load_with_nhcb makes of a classic one's series.
  static Labels CustomBuckets(Labels labels) {
    std::string_view name = labels.MetricName();
    for (const std::string_view suffix : {"_bucket", "_count", "_sum"}) {
      if (name.ends_with(suffix)) name.remove_suffix(suffix.size());
    }
    labels.Set(model::kMetricName, std::string(name));
    labels.Remove("le");
    return labels;
  }

  EvalCommand ParseEval() {
    EvalCommand command;
    command.line = static_cast<int>(at_) + 1;
    std::string_view rest = lines_[at_++];
    const auto word = [&rest] {
      const std::size_t end = std::min(rest.find_first_of(" \t"), rest.size());
      const std::string_view taken = rest.substr(0, end);
      rest = Trim(rest.substr(end));
      return std::string(taken);
    };
    const std::string verb = word();
    command.fail = verb == "eval_fail";
    command.ordered = verb == "eval_ordered";
    command.range = word() == "range";
    if (command.range) {
      word();
      command.start_ms = ParseMillis(word());
      word();
      command.end_ms = ParseMillis(word());
      word();
      command.step_ms = ParseMillis(word());
    } else if (rest.starts_with("at ")) {
      word();
      command.start_ms = command.end_ms = ParseMillis(word());
    }
    command.query = rest;
    ParseExpectations(command);
    return command;
  }

  void ParseExpectations(EvalCommand& command) {
    std::map<Labels, std::size_t> index;
    for (; at_ < lines_.size() && !lines_[at_].empty(); ++at_) {
      const std::string& line = lines_[at_];
      if (line.find("{{") != std::string::npos) command.histogram = true;
      if (line.starts_with("expect ") || line.starts_with("expected_fail")) {
        ParseExpect(line, command);
      } else if (const auto scalar = ParseDouble(line); scalar || ParseHex(line)) {
        command.expected.scalar = scalar ? scalar : ParseHex(line);
      } else if (auto series = ParseSeriesLine(line)) {
        std::vector<Point> points;
        std::int64_t time = command.start_ms;
        for (const auto& value : series->values) {
          if (value) points.push_back({time, *value});
          time += command.step_ms;
        }
        const auto [found, added] = index.try_emplace(series->labels, index.size());
        if (added) command.expected.series.emplace_back();
        command.expected.series[found->second] = {series->labels, std::move(points)};
      } else {
        command.unreadable = true;
      }
    }
  }

  static std::optional<double> ParseHex(std::string_view line) {
    const auto expr = line.starts_with("0") ? Parse(line) : Fail(Code::kInvalid, "");
    if (!expr) return std::nullopt;
    const auto* number = std::get_if<NumberLiteral>(&expr->node);
    return number != nullptr ? std::optional(number->value) : std::nullopt;
  }

  static void ParseExpect(const std::string& line, EvalCommand& command) {
    const auto after = [&line](std::string_view key) -> std::optional<std::string> {
      const std::size_t found = line.find(key);
      if (found == std::string::npos) return std::nullopt;
      return std::string(Trim(std::string_view(line).substr(found + key.size())));
    };
    if (line.starts_with("expect string ")) {
      const auto literal = Parse(line.substr(14));
      command.expected.string = std::get<StringLiteral>(literal->node).value;
    } else if (line.starts_with("expect range vector")) {
      command.unreadable = true;
    } else if (line.starts_with("expect ordered")) {
      command.ordered = true;
    } else if (line.starts_with("expect fail") || line.starts_with("expected_fail")) {
      command.fail = true;
      if (const auto text = after("msg:")) command.fail_message = *text;
      if (const auto text = after("expected_fail_message ")) command.fail_message = *text;
      if (const auto text = after("regex:")) command.fail_regex = *text;
      if (const auto text = after("expected_fail_regexp ")) command.fail_regex = *text;
    }
  }

  void RunEval(const EvalCommand& command) {
    const auto expr = Parse(command.query);
    if (command.histogram || command.unreadable || TouchesHistograms(expr) ||
        (!expr && expr.error().message.find("is not supported") != std::string::npos)) {
      ++counts_.skipped;
      return;
    }
    std::string fault;
    if (!expr) {
      fault = expr.error().message;
    } else if (command.range) {
      fault = Compare(command, AnswerRange(*expr, command));
    } else {
      fault = CheckInstant(command, *expr);
    }
    if (fault.empty()) {
      ++counts_.passed;
      return;
    }
    ++counts_.failed;
    ADD_FAILURE() << name_ << ":" << command.line << ": " << command.query << "\n" << fault;
  }

  bool TouchesHistograms(const Result<Expr>& expr) const {
    if (!expr || histograms_.empty()) return false;
    for (const auto& matchers : SelectorsOf(*expr)) {
      for (const Labels& labels : histograms_) {
        if (model::MatchesAll(matchers, labels)) return true;
      }
    }
    return false;
  }

  static EvalOptions Options() {
    EvalOptions options;
    options.delayed_name_removal = true;
    return options;
  }

  Answer AnswerInstant(const Expr& expr, std::int64_t at_ms) const {
    Answer answer;
    const auto value = Evaluate(expr, FromUnixMillis(at_ms), storage_, Options());
    if (!value) {
      answer.failed = true;
      answer.error = value.error().message;
    } else if (const auto* scalar = std::get_if<model::Scalar>(&*value)) {
      answer.scalar = scalar->value;
    } else if (const auto* string = std::get_if<model::StringValue>(&*value)) {
      answer.string = string->value;
    } else if (const auto* vector = std::get_if<model::Vector>(&*value)) {
      for (const auto& sample : *vector) {
        answer.series.push_back({sample.labels, {{at_ms, sample.value}}});
      }
    } else {
      for (const auto& series : std::get<model::Matrix>(*value)) {
        std::vector<Point> points;
        for (const Sample& s : series.samples) points.push_back({s.time_ms, s.value});
        answer.series.push_back({series.labels, std::move(points)});
      }
    }
    return answer;
  }

  Answer AnswerRange(const Expr& expr, const EvalCommand& command) const {
    Answer answer;
    const auto matrix =
        EvaluateRange(expr, FromUnixMillis(command.start_ms), FromUnixMillis(command.end_ms),
                      std::chrono::milliseconds(command.step_ms), storage_, Options());
    if (!matrix) {
      answer.failed = true;
      answer.error = matrix.error().message;
      return answer;
    }
    for (const auto& series : *matrix) {
      std::vector<Point> points;
      for (const Sample& s : series.samples) points.push_back({s.time_ms, s.value});
      answer.series.push_back({series.labels, std::move(points)});
    }
    return answer;
  }

  // The instant answer read out of a range query around it.
  Answer AnswerThroughRange(const Expr& expr, std::int64_t at_ms) const {
    EvalCommand around;
    around.start_ms = at_ms - 60'000;
    around.end_ms = at_ms + 60'000;
    around.step_ms = 60'000;
    Answer answer = AnswerRange(expr, around);
    for (auto& [labels, points] : answer.series) {
      std::erase_if(points, [at_ms](const Point& p) { return p.time_ms != at_ms; });
    }
    std::erase_if(answer.series, [](const auto& series) { return series.second.empty(); });
    if (expr.type == ValueType::kScalar && answer.series.size() == 1) {
      answer.scalar = answer.series[0].second[0].value;
      answer.series.clear();
    }
    return answer;
  }

  std::string CheckInstant(const EvalCommand& command, const Expr& expr) const {
    std::string fault = Compare(command, AnswerInstant(expr, command.start_ms));
    if (!fault.empty() || command.fail || command.expected.string) return fault;
    const bool points = expr.type == ValueType::kScalar || expr.type == ValueType::kVector;
    EvalCommand unordered = command;
    unordered.ordered = false;
    if (points && !command.ordered) {
      fault = Compare(unordered, AnswerThroughRange(expr, command.start_ms));
      if (!fault.empty()) return "as a range query: " + fault;
    }
    if (!points || DependsOnTime(expr)) return "";
    return CheckPinned(command, command.start_ms);
  }

  // With `@` on every selector the answer is the same whenever it is asked.
  std::string CheckPinned(const EvalCommand& command, std::int64_t t) const {
    auto pinned = Parse(command.query);
    Pin(*pinned, t);
    const std::string text = ToString(*pinned);
    const auto reparsed = Parse(text);
    if (!reparsed) return text + ": " + reparsed.error().message;
    if (ToString(*reparsed) != text) return text + " prints as " + ToString(*reparsed);
    std::vector<std::int64_t> times = {-10 * t, 0, t / 5, t, 10 * t};
    if (t == 0) times = {-1000, 0, 1000};
    for (const std::int64_t time : times) {
      Answer answer = AnswerInstant(*reparsed, time);
      for (auto& [labels, points] : answer.series) {
        for (Point& point : points) point.time_ms = t;
      }
      const std::string fault = Compare(command, answer);
      if (!fault.empty()) return fmt::format("as {} at {} ms: {}", text, time, fault);
    }
    return "";
  }

  static void Pin(Expr& expr, std::int64_t at_ms) {
    const auto pin = [at_ms](TimeShift& shift) {
      if (shift.at != TimeShift::At::kNone) return false;
      shift.at = TimeShift::At::kTime;
      shift.at_ms = at_ms;
      return true;
    };
    if (auto* vector = std::get_if<VectorSelector>(&expr.node)) pin(vector->shift);
    if (auto* matrix = std::get_if<MatrixSelector>(&expr.node)) pin(matrix->vector.shift);
    if (auto* subquery = std::get_if<Subquery>(&expr.node)) {
      if (!pin(subquery->shift)) return;
      return;  // what is inside is pinned through the subquery's own steps
    }
    ForEachChild(expr, [at_ms](Expr& child) { Pin(child, at_ms); });
  }

  static bool DependsOnTime(const Expr& expr) {
    static constexpr std::array kUnsafe = {"days_in_month(", "day_of_month(", "day_of_week(",
                                           "day_of_year(",   "hour(",         "minute(",
                                           "month(",         "year(",         "predict_linear(",
                                           "time(",          "timestamp("};
    const std::string text = ToString(expr);
    return std::any_of(kUnsafe.begin(), kUnsafe.end(),
                       [&text](const char* name) { return text.find(name) != std::string::npos; });
  }

  static std::string Text(const Answer& answer) {
    if (answer.failed) return "error: " + answer.error;
    if (answer.scalar) return "scalar " + FormatDouble(*answer.scalar);
    if (answer.string) return "string " + *answer.string;
    std::string text;
    for (const auto& [labels, points] : answer.series) {
      text += "  " + labels.ToString();
      for (const Point& p : points) text += fmt::format(" {}@{}", FormatDouble(p.value), p.time_ms);
      text += "\n";
    }
    return text;
  }

  static bool SamePoints(const std::vector<Point>& a, const std::vector<Point>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Point& x, const Point& y) {
      return x.time_ms == y.time_ms && Almost(x.value, y.value);
    });
  }

  // Empty where the answer is the expected one.
  static std::string Compare(const EvalCommand& command, const Answer& answer) {
    const Answer& expected = command.expected;
    const std::string wrong = fmt::format("expected\n{}got\n{}", Text(expected), Text(answer));
    if (command.fail != answer.failed) {
      return command.fail ? "expected a failure, got\n" + Text(answer) : Text(answer);
    }
    if (command.fail) {
      if (!command.fail_message.empty() && answer.error != command.fail_message) {
        return fmt::format("expected \"{}\", got \"{}\"", command.fail_message, answer.error);
      }
      if (command.fail_regex.empty()) return "";
      const auto regex = model::Matcher::Make(model::MatchType::kRegex, "error",
                                              ".*(?:" + command.fail_regex + ").*");
      return regex && regex->Matches(std::string_view(answer.error)) ? "" : answer.error;
    }
    if (expected.scalar || answer.scalar) {
      const bool same =
          expected.scalar && answer.scalar && Almost(*expected.scalar, *answer.scalar);
      return same ? "" : wrong;
    }
    if (expected.string != answer.string) return wrong;
    if (expected.series.size() != answer.series.size()) return wrong;
    for (std::size_t i = 0; i < expected.series.size(); ++i) {
      const auto& [labels, points] = expected.series[i];
      const auto found = std::find_if(answer.series.begin(), answer.series.end(),
                                      [&](const auto& series) { return series.first == labels; });
      if (found == answer.series.end() || !SamePoints(points, found->second)) return wrong;
      if (command.ordered && found - answer.series.begin() != static_cast<std::ptrdiff_t>(i)) {
        return "order: " + wrong;
      }
    }
    return "";
  }

  std::string name_;
  std::vector<std::string> lines_;
  std::size_t at_ = 0;
  MemoryStorage storage_;
  std::set<Labels> histograms_;
  Counts counts_;
};

Script::Counts RunFile(const std::filesystem::path& path) {
  std::ifstream in(path);
  const std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  return Script(path.filename().string(), text).Run();
}

std::vector<std::filesystem::path> Scripts(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".test") paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

TEST(PromqlScript, OwnScriptsPassWithoutSkips) {
  const auto paths = Scripts(std::filesystem::path(WEIR_SOURCE_DIR) / "tests/promql");
  ASSERT_FALSE(paths.empty());
  for (const auto& path : paths) {
    const Script::Counts counts = RunFile(path);
    EXPECT_GT(counts.passed, 0) << path;
    EXPECT_EQ(counts.skipped, 0) << path;
  }
}

// Prometheus' own scripts, where they are at hand. What needs native histograms or functions that
// are not supported is skipped and counted.
TEST(PromqlScript, PrometheusScripts) {
  const std::string folder = platform::GetEnv("WEIR_UPSTREAM_DIR") + "/promqltest";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "no scripts below WEIR_UPSTREAM_DIR";
  int passed = 0;
  // Features that Prometheus itself has switched off by default.
  const std::set<std::string> experimental = {"duration_expression.test", "type_and_unit.test"};
  for (const auto& path : Scripts(folder)) {
    if (experimental.contains(path.filename().string())) continue;
    const Script::Counts counts = RunFile(path);
    passed += counts.passed;
    fmt::print("{}: {} passed, {} failed, {} skipped\n", path.filename().string(), counts.passed,
               counts.failed, counts.skipped);
  }
  EXPECT_GT(passed, 0);
}

}  // namespace
}  // namespace weir::promql
