#include "exposition/labels_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/strings.h"

namespace weir::exposition {
namespace {

class SeriesReader {
 public:
  SeriesReader(std::string_view text, const Limits& limits) : text_(text), limits_(limits) {}

  Result<model::Labels> Read() {
    std::string name(TakeName(true));
    if (!name.empty()) {
      if (Status added = Add(std::string(model::kMetricName), std::move(name)); !added) {
        return std::unexpected(added.error());
      }
    }
    SkipBlanks();
    if (TakeChar('{')) {
      if (Status braces = ReadBraces(); !braces) return std::unexpected(braces.error());
    }
    return Finish();
  }

 private:
  Status ReadBraces() {
    SkipBlanks();
    while (!TakeChar('}')) {
      if (Status one = ReadOne(); !one) return one;
      SkipBlanks();
      if (TakeChar(',')) {
        SkipBlanks();  // a comma before the brace is allowed
      } else if (Peek() != '}') {
        return Fail(Code::kInvalid, fmt::format("expected ',' or '}}' after a label, got {}",
                                                Quote(text_.substr(at_, 1))));
      }
    }
    return {};
  }

  // `a="b"`, `"a b"="c"`, or the metric's name alone in quotes.
  Status ReadOne() {
    const bool quoted = Peek() == '"';
    Result<std::string> name =
        quoted ? TakeQuoted() : Result<std::string>(std::string(TakeName(false)));
    if (!name) return std::unexpected(name.error());
    if (name->empty()) {
      return Fail(Code::kInvalid,
                  fmt::format("expected a label name, got {}", Quote(text_.substr(at_, 1))));
    }
    SkipBlanks();
    if (!TakeChar('=')) {
      if (quoted) return Add(std::string(model::kMetricName), std::move(*name));
      return Fail(Code::kInvalid, fmt::format("expected '=' after label name {}", Quote(*name)));
    }
    SkipBlanks();
    if (Peek() != '"') {
      return Fail(Code::kInvalid, fmt::format("the value of label {} is not quoted", Quote(*name)));
    }
    Result<std::string> value = TakeQuoted();
    if (!value) return std::unexpected(value.error());
    return Add(std::move(*name), std::move(*value));
  }

  Status Add(std::string name, std::string value) {
    if (name.size() > limits_.max_label_bytes || value.size() > limits_.max_label_bytes) {
      return Fail(Code::kInvalid, fmt::format("label {} is longer than the limit of {} bytes",
                                              Quote(name.substr(0, 64)), limits_.max_label_bytes));
    }
    if (!IsUtf8(name) || !IsUtf8(value)) {
      return Fail(Code::kInvalid, fmt::format("label {} is not valid UTF-8", Quote(name)));
    }
    if (labels_.size() >= limits_.max_labels) {
      return Fail(Code::kInvalid,
                  fmt::format("a series has more than {} labels, the limit", limits_.max_labels));
    }
    labels_.push_back({std::move(name), std::move(value)});
    return {};
  }

  Result<model::Labels> Finish() {
    std::sort(labels_.begin(), labels_.end());
    for (std::size_t i = 1; i < labels_.size(); ++i) {
      if (labels_[i].name == labels_[i - 1].name) {
        return Fail(Code::kInvalid,
                    fmt::format("label name {} is not unique", Quote(labels_[i].name)));
      }
    }
    model::Labels labels(std::move(labels_));
    if (labels.MetricName().empty()) return Fail(Code::kInvalid, "the sample has no metric name");
    return labels;
  }

  std::string_view TakeName(bool colons) {
    const std::size_t start = at_;
    while (at_ < text_.size() &&
           (at_ == start ? IsNameStart(text_[at_]) : IsNameChar(text_[at_])) &&
           (colons || text_[at_] != ':')) {
      ++at_;
    }
    return text_.substr(start, at_ - start);
  }

  Result<std::string> TakeQuoted() {
    const std::size_t start = ++at_;
    bool escaped = false;
    while (at_ < text_.size() && text_[at_] != '"') {
      escaped = escaped || text_[at_] == '\\';
      at_ += text_[at_] == '\\' ? 2U : 1U;
    }
    if (at_ >= text_.size()) return Fail(Code::kInvalid, "a quoted text has no closing quote");
    const std::string_view raw = text_.substr(start, at_++ - start);
    return escaped ? Unescape(raw, true) : std::string(raw);
  }

  void SkipBlanks() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t')) ++at_;
  }
  char Peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool TakeChar(char c) {
    if (Peek() != c || at_ >= text_.size()) return false;
    ++at_;
    return true;
  }

  std::string_view text_;
  const Limits& limits_;
  std::size_t at_ = 0;
  std::vector<model::Label> labels_;
};

}  // namespace

std::string Unescape(std::string_view text, bool quotes) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char next = text[i] == '\\' && i + 1 < text.size() ? text[i + 1] : '\0';
    if (next == '\\' || next == 'n' || (next == '"' && quotes)) {
      out += next == 'n' ? '\n' : next;
      ++i;
    } else {
      out += text[i];
    }
  }
  return out;
}

Result<model::Labels> ReadSeries(std::string_view series, const Limits& limits) {
  return SeriesReader(series, limits).Read();
}

}  // namespace weir::exposition
