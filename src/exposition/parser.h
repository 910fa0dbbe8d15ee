// Reads metrics pages: Prometheus' text format (0.0.4, and 1.0.0 with quoted names) and OpenMetrics
// text. What is accepted follows Prometheus' own parsers; native histograms' protobuf is not read.
// Pure, any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/labels.h"

namespace weir::exposition {

enum class Format { kPrometheusText, kOpenMetrics };

// The format that a Content-Type header names. kInvalid for an empty or unknown one where there is
// no fallback, as Prometheus 3 refuses such a scrape.
Result<Format> FormatOf(std::string_view content_type, std::optional<Format> fallback);

enum class MetricType {
  kUnknown,
  kCounter,
  kGauge,
  kHistogram,
  kGaugeHistogram,
  kSummary,
  kInfo,
  kStateset,
};

// The type's name as Prometheus' metadata API prints it.
std::string_view TypeName(MetricType type);

// What one page may hold; reaching a limit fails the page with an error that names the limit.
struct Limits {
  std::size_t max_samples = 1'000'000;
  std::size_t max_labels = 256;            // of one series
  std::size_t max_label_bytes = 64 << 10;  // of one label value or metric name
};

// Steps through a page without copying it:
//   while (true) { auto kind = parser.Next(); if (!kind) fail; if (*kind == kEnd) break; ... }
// The page outlives the parser. After an error the parser is done.
class Parser {
 public:
  Parser(std::string_view page, Format format, Limits limits = {});

  enum class Kind { kSample, kType, kHelp, kUnit, kEnd };

  // Goes on to the next record. kInvalid errors begin with `line N: `.
  Result<Kind> Next();

  // After kSample. The series as written (`name{a="b"}`): the same text is the same series, so a
  // caller can keep what it made of the labels.
  std::string_view series() const { return series_; }
  Result<model::Labels> Labels() const;
  double value() const { return value_; }
  std::optional<std::int64_t> time_ms() const { return time_ms_; }

  // After kType, kHelp and kUnit: the metric family, its type, the text of help or unit.
  const std::string& family() const { return family_; }
  MetricType type() const { return type_; }
  const std::string& text() const { return text_; }

 private:
  std::unexpected<Error> FailHere(std::string_view why) const;
  Result<Kind> NextPrometheus();
  Result<Kind> NextOpenMetrics();
  Result<Kind> Metadata(std::string_view keyword);
  Result<Kind> EndOfOpenMetrics();
  Result<Kind> Sample();
  Status ScanSeries();
  Status ScanBraces();
  Status SkipExemplar();
  Status ReadValue(std::string_view word);
  Status ReadTime(std::string_view word);
  Result<std::string> TakeFamilyName();
  std::string_view TakeWord();
  bool TakeText(std::string_view text);
  void SkipBlanks();
  void SkipLine();
  char Peek() const { return at_ < page_.size() ? page_[at_] : '\0'; }
  bool AtEnd() const { return at_ >= page_.size(); }
  bool AtLineEnd() const { return AtEnd() || page_[at_] == '\n'; }

  std::string_view page_;
  Format format_;
  Limits limits_;
  std::size_t at_ = 0;
  int line_ = 0;      // of the record under way
  int newlines_ = 0;  // in what is behind at_
  std::size_t samples_ = 0;
  std::string_view series_;
  double value_ = 0;
  std::optional<std::int64_t> time_ms_;
  std::string family_;
  MetricType type_ = MetricType::kUnknown;
  std::string text_;
};

struct ParsedSample {
  model::Labels labels;  // the metric name is __name__
  double value = 0;
  std::optional<std::int64_t> time_ms;
};

struct FamilyMetadata {
  std::string name;
  MetricType type = MetricType::kUnknown;
  std::string help;
  std::string unit;
};

struct Page {
  std::vector<ParsedSample> samples;     // in the page's order
  std::vector<FamilyMetadata> families;  // in order of first mention
};

// A whole page at once. Errors as FormatOf and Parser::Next.
Result<Page> Parse(std::string_view page, std::string_view content_type,
                   std::optional<Format> fallback = std::nullopt, Limits limits = {});

}  // namespace weir::exposition
