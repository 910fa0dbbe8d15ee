#include "exposition/parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <utility>

#include "base/strings.h"
#include "exposition/labels_reader.h"

namespace weir::exposition {
namespace {

struct TypeWord {
  std::string_view text;
  MetricType type;
};

constexpr std::array<TypeWord, 5> kPrometheusTypes{{{"counter", MetricType::kCounter},
                                                    {"gauge", MetricType::kGauge},
                                                    {"histogram", MetricType::kHistogram},
                                                    {"summary", MetricType::kSummary},
                                                    {"untyped", MetricType::kUnknown}}};

constexpr std::array<TypeWord, 8> kOpenMetricsTypes{
    {{"counter", MetricType::kCounter},
     {"gauge", MetricType::kGauge},
     {"histogram", MetricType::kHistogram},
     {"gaugehistogram", MetricType::kGaugeHistogram},
     {"summary", MetricType::kSummary},
     {"info", MetricType::kInfo},
     {"stateset", MetricType::kStateset},
     {"unknown", MetricType::kUnknown}}};

template <std::size_t N>
std::optional<MetricType> FindType(const std::array<TypeWord, N>& words, std::string_view text) {
  for (const TypeWord& word : words) {
    if (word.text == text) return word.type;
  }
  return std::nullopt;
}

}  // namespace

std::string_view TypeName(MetricType type) {
  return std::find_if(kOpenMetricsTypes.begin(), kOpenMetricsTypes.end(),
                      [&](const TypeWord& word) { return word.type == type; })
      ->text;
}

Result<Format> FormatOf(std::string_view content_type, std::optional<Format> fallback) {
  const std::string media = ToLower(Trim(content_type.substr(0, content_type.find(';'))));
  if (media == "text/plain") return Format::kPrometheusText;
  if (media == "application/openmetrics-text") return Format::kOpenMetrics;
  if (fallback) return *fallback;
  return Fail(Code::kInvalid,
              fmt::format("the Content-Type {} is not a metrics page; expected text/plain or "
                          "application/openmetrics-text",
                          Quote(content_type)));
}

Parser::Parser(std::string_view page, Format format, Limits limits)
    : page_(page), format_(format), limits_(limits) {}

std::unexpected<Error> Parser::FailHere(std::string_view why) const {
  return Fail(Code::kInvalid, fmt::format("line {}: {}", line_, why));
}

Result<Parser::Kind> Parser::Next() {
  return format_ == Format::kOpenMetrics ? NextOpenMetrics() : NextPrometheus();
}

Result<Parser::Kind> Parser::NextPrometheus() {
  while (true) {
    SkipBlanks();
    line_ = newlines_ + 1;
    if (AtEnd()) return Kind::kEnd;
    if (Peek() == '\n') {
      SkipLine();
      continue;
    }
    if (Peek() != '#') return Sample();
    ++at_;
    const std::size_t before = at_;
    SkipBlanks();
    for (const std::string_view keyword : {"HELP", "TYPE"}) {
      const std::string_view rest = page_.substr(at_);
      const bool blank = rest.size() > 4 && (rest[4] == ' ' || rest[4] == '\t');
      if (at_ == before || !blank || !rest.starts_with(keyword)) continue;
      at_ += keyword.size();
      SkipBlanks();
      return Metadata(keyword);
    }
    SkipLine();  // any other comment
  }
}

Result<Parser::Kind> Parser::NextOpenMetrics() {
  line_ = newlines_ + 1;
  if (AtEnd()) return FailHere("the page does not end with # EOF");
  if (Peek() == '\n') return FailHere("blank lines are not allowed in OpenMetrics");
  if (Peek() != '#') return Sample();
  if (TakeText("# EOF")) return EndOfOpenMetrics();
  for (const std::string_view keyword : {"HELP", "TYPE", "UNIT"}) {
    if (TakeText(fmt::format("# {} ", keyword))) return Metadata(keyword);
  }
  return FailHere("expected # HELP, # TYPE, # UNIT or # EOF");
}

Result<Parser::Kind> Parser::EndOfOpenMetrics() {
  if (Peek() == '\n') ++at_;
  if (!AtEnd()) return FailHere("there is text after # EOF");
  at_ = 0;  // stays at the end: calling again gives kEnd again
  page_ = "# EOF";
  return Kind::kEnd;
}

Result<Parser::Kind> Parser::Metadata(std::string_view keyword) {
  Result<std::string> name = TakeFamilyName();
  if (!name) return std::unexpected(name.error());
  family_ = std::move(*name);
  if (!AtLineEnd() && Peek() != ' ' && Peek() != '\t') {
    return FailHere(fmt::format("expected a blank after the name in # {}", keyword));
  }
  if (!AtLineEnd()) ++at_;
  const std::string_view rest = page_.substr(at_, page_.find('\n', at_) - at_);
  const bool open_metrics = format_ == Format::kOpenMetrics;
  Kind kind = Kind::kHelp;
  if (keyword == "TYPE") {
    const auto type =
        open_metrics ? FindType(kOpenMetricsTypes, rest) : FindType(kPrometheusTypes, rest);
    if (!type) return FailHere(fmt::format("invalid metric type {}", Quote(rest)));
    type_ = *type;
    kind = Kind::kType;
  } else if (keyword == "UNIT") {
    text_ = rest;
    if (!rest.empty() && !family_.ends_with(fmt::format("_{}", rest))) {
      return FailHere(
          fmt::format("unit {} is not a suffix of metric {}", Quote(rest), Quote(family_)));
    }
    kind = Kind::kUnit;
  } else {
    if (!IsUtf8(rest)) return FailHere("the help text is not valid UTF-8");
    text_ = Unescape(rest, open_metrics);
  }
  SkipLine();
  return kind;
}

Result<Parser::Kind> Parser::Sample() {
  if (++samples_ > limits_.max_samples) {
    return FailHere(
        fmt::format("the page has more than {} samples, the limit", limits_.max_samples));
  }
  const bool open_metrics = format_ == Format::kOpenMetrics;
  if (Status series = ScanSeries(); !series) return std::unexpected(series.error());
  if (open_metrics && !TakeText(" ")) return FailHere("expected one blank before the value");
  if (Status value = ReadValue(TakeWord()); !value) return std::unexpected(value.error());
  time_ms_.reset();
  if (!open_metrics) SkipBlanks();
  const bool more = !AtLineEnd() && (!open_metrics || !page_.substr(at_).starts_with(" # "));
  if (more) {
    if (open_metrics && !TakeText(" ")) return FailHere("expected one blank before the timestamp");
    if (Status time = ReadTime(TakeWord()); !time) return std::unexpected(time.error());
    if (!open_metrics) SkipBlanks();
  }
  if (open_metrics && TakeText(" # ")) {
    if (Status exemplar = SkipExemplar(); !exemplar) return std::unexpected(exemplar.error());
  }
  if (!AtLineEnd()) {
    return FailHere(fmt::format("expected the end of the line, got {}", Quote(TakeWord())));
  }
  SkipLine();
  return Kind::kSample;
}

Status Parser::ScanSeries() {
  const std::size_t start = at_;
  if (!IsNameStart(Peek()) && Peek() != '{') {
    return FailHere(fmt::format("expected a metric name, got {}", Quote(TakeWord())));
  }
  while (IsNameChar(Peek())) ++at_;
  std::size_t end = at_;
  if (format_ == Format::kPrometheusText) SkipBlanks();
  if (Peek() == '{') {
    if (Status braces = ScanBraces(); !braces) return braces;
    end = at_;
  } else if (at_ == end && format_ == Format::kPrometheusText) {
    return FailHere(fmt::format("unexpected {} after the metric name", Quote(TakeWord())));
  }
  series_ = page_.substr(start, end - start);
  if (format_ == Format::kPrometheusText) SkipBlanks();
  return {};
}

// From `{` to behind its `}`, which does not count inside quotes.
Status Parser::ScanBraces() {
  bool quoted = false;
  for (; !AtEnd(); ++at_) {
    const char c = page_[at_];
    if (c == '\n') {
      // Prometheus lets a label value hold a raw line feed.
      if (!quoted) break;
      ++newlines_;
    } else if (c == '"') {
      quoted = !quoted;
    } else if (c == '\\' && quoted && at_ + 1 < page_.size() && page_[at_ + 1] != '\n') {
      ++at_;
    } else if (c == '}' && !quoted) {
      ++at_;
      return {};
    }
  }
  return FailHere(quoted ? "a quoted text has no closing quote" : "expected '}' after the labels");
}

// Exemplars are checked for their form and left out: nothing here reads them.
Status Parser::SkipExemplar() {
  if (Peek() != '{') return FailHere("expected '{' after # of an exemplar");
  const std::size_t start = at_;
  if (Status braces = ScanBraces(); !braces) return braces;
  const std::string labels = fmt::format("x{}", page_.substr(start, at_ - start));
  if (auto read = ReadSeries(labels, limits_); !read) return FailHere(read.error().message);
  if (!TakeText(" ")) return FailHere("expected one blank before the exemplar's value");
  const double value = value_;
  const std::optional<std::int64_t> time = time_ms_;
  Status status = ReadValue(TakeWord());
  if (status && TakeText(" ")) status = ReadTime(TakeWord());
  value_ = value;
  time_ms_ = time;
  return status;
}

Status Parser::ReadValue(std::string_view word) {
  // Neither hexadecimal floats nor digit separators, though strconv knows both.
  const bool plain = word.find_first_of("pP_") == std::string_view::npos;
  const std::optional<double> value = plain ? ParseDouble(word) : std::nullopt;
  if (!value) return FailHere(fmt::format("expected a value, got {}", Quote(word)));
  value_ = *value;
  return {};
}

Status Parser::ReadTime(std::string_view word) {
  if (format_ == Format::kPrometheusText) {
    time_ms_ = ParseInt(word);
  } else if (const auto seconds = ParseDouble(word); seconds && std::fabs(*seconds) < 9e15) {
    time_ms_ = static_cast<std::int64_t>(*seconds * 1000);
  }
  if (!time_ms_) return FailHere(fmt::format("expected a timestamp, got {}", Quote(word)));
  return {};
}

Result<std::string> Parser::TakeFamilyName() {
  const std::size_t start = at_;
  if (Peek() == '"') {
    for (++at_; !AtLineEnd() && Peek() != '"'; ++at_) {
      if (Peek() == '\\' && at_ + 1 < page_.size() && page_[at_ + 1] != '\n') ++at_;
    }
    if (AtLineEnd()) return FailHere("a quoted text has no closing quote");
    ++at_;
    std::string name = Unescape(page_.substr(start + 1, at_ - start - 2), true);
    if (!IsUtf8(name)) return FailHere("the metric name is not valid UTF-8");
    return name;
  }
  while (!AtEnd() && (at_ == start ? IsNameStart(page_[at_]) : IsNameChar(page_[at_]))) ++at_;
  if (at_ == start) {
    return FailHere(fmt::format("expected a metric name, got {}", Quote(TakeWord())));
  }
  return std::string(page_.substr(start, at_ - start));
}

// Up to the next blank or line end; at most 64 bytes of it where it is no value.
std::string_view Parser::TakeWord() {
  const std::size_t start = at_;
  while (!AtLineEnd() && page_[at_] != ' ' && page_[at_] != '\t') ++at_;
  return page_.substr(start, std::min<std::size_t>(at_ - start, 64));
}

bool Parser::TakeText(std::string_view text) {
  if (!page_.substr(at_).starts_with(text)) return false;
  at_ += text.size();
  return true;
}

void Parser::SkipBlanks() {
  while (!AtEnd() && (page_[at_] == ' ' || page_[at_] == '\t')) ++at_;
}

void Parser::SkipLine() {
  at_ = std::min(page_.find('\n', at_), page_.size());
  if (AtEnd()) return;
  ++at_;
  ++newlines_;
}

Result<model::Labels> Parser::Labels() const {
  Result<model::Labels> labels = ReadSeries(series_, limits_);
  if (!labels) return FailHere(labels.error().message);
  return labels;
}

Result<Page> Parse(std::string_view page, std::string_view content_type,
                   std::optional<Format> fallback, Limits limits) {
  Result<Format> format = FormatOf(content_type, fallback);
  if (!format) return std::unexpected(format.error());
  Parser parser(page, *format, limits);
  Page parsed;
  std::map<std::string, std::size_t> places;
  const auto family = [&]() -> FamilyMetadata& {
    const auto [it, fresh] = places.emplace(parser.family(), parsed.families.size());
    if (fresh) parsed.families.emplace_back().name = parser.family();
    return parsed.families[it->second];
  };
  while (true) {
    Result<Parser::Kind> kind = parser.Next();
    if (!kind) return std::unexpected(kind.error());
    switch (*kind) {
      case Parser::Kind::kEnd:
        return parsed;
      case Parser::Kind::kType:
        family().type = parser.type();
        break;
      case Parser::Kind::kHelp:
        family().help = parser.text();
        break;
      case Parser::Kind::kUnit:
        family().unit = parser.text();
        break;
      case Parser::Kind::kSample: {
        Result<model::Labels> labels = parser.Labels();
        if (!labels) return std::unexpected(labels.error());
        parsed.samples.push_back({std::move(*labels), parser.value(), parser.time_ms()});
        break;
      }
    }
  }
}

}  // namespace weir::exposition
