#include "metricsapi/template.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <utility>

#include "base/strings.h"

namespace weir::metricsapi {
namespace {

struct Piece {
  bool action = false;
  std::string_view text;  // of an action, without delimiters and blanks
};

// Cuts a template into text and actions, with `<<-` and `->>` trimming blanks as in Go. `name` is
// the template's in Go's messages.
Result<std::vector<Piece>> Cut(std::string_view text, std::string_view name) {
  const std::string_view whole = text;
  std::vector<Piece> pieces;
  bool trim_next = false;
  while (!text.empty()) {
    const std::size_t open = text.find("<<");
    std::string_view before = text.substr(0, open);
    if (trim_next) {
      before.remove_prefix(std::min(before.find_first_not_of(" \t\r\n"), before.size()));
    }
    trim_next = false;
    if (open == std::string_view::npos) {
      pieces.push_back({false, before});
      break;
    }
    const std::size_t close = text.find(">>", open);
    if (close == std::string_view::npos) {
      const auto lines = std::count(whole.begin(), whole.end(), '\n');
      return Fail(Code::kInvalid, fmt::format("template: {}:{}: unclosed action", name, lines + 1));
    }
    std::string_view action = text.substr(open + 2, close - open - 2);
    if (action.starts_with("- ")) {
      before = before.substr(0, before.find_last_not_of(" \t\r\n") + 1);
      action.remove_prefix(2);
    }
    if (action.ends_with(" -")) {
      trim_next = true;
      action.remove_suffix(2);
    }
    if (!before.empty()) pieces.push_back({false, before});
    pieces.push_back({true, Trim(action)});
    text.remove_prefix(close + 2);
  }
  return pieces;
}

bool IsWordChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// Go's words for what RE2 refuses.
std::string_view GoWords(re2::RE2::ErrorCode code) {
  switch (code) {
    case re2::RE2::NoError:
      break;
    case re2::RE2::ErrorInternal:
      return "regexp/syntax: internal error";
    case re2::RE2::ErrorBadEscape:
      return "invalid escape sequence";
    case re2::RE2::ErrorBadCharClass:
      return "invalid character class";
    case re2::RE2::ErrorBadCharRange:
      return "invalid character class range";
    case re2::RE2::ErrorMissingBracket:
      return "missing closing ]";
    case re2::RE2::ErrorMissingParen:
      return "missing closing )";
    case re2::RE2::ErrorUnexpectedParen:
      return "unexpected )";
    case re2::RE2::ErrorTrailingBackslash:
      return "trailing backslash at end of expression";
    case re2::RE2::ErrorRepeatArgument:
      return "missing argument to repetition operator";
    case re2::RE2::ErrorRepeatSize:
      return "invalid repeat count";
    case re2::RE2::ErrorRepeatOp:
      return "invalid nested repetition operator";
    case re2::RE2::ErrorBadPerlOp:
      return "invalid or unsupported Perl syntax";
    case re2::RE2::ErrorBadUTF8:
      return "invalid UTF-8";
    case re2::RE2::ErrorBadNamedCapture:
      return "invalid named capture";
    case re2::RE2::ErrorPatternTooLarge:
      return "expression too large";
  }
  return "";
}

Result<std::shared_ptr<const re2::RE2>> Compile(std::string_view expression) {
  re2::RE2::Options options;
  options.set_log_errors(false);
  auto regex = std::make_shared<const re2::RE2>(
      re2::StringPiece(expression.data(), expression.size()), options);
  if (!regex->ok()) {
    return Fail(Code::kInvalid, fmt::format("error parsing regexp: {}: `{}`",
                                            GoWords(regex->error_code()), regex->error_arg()));
  }
  return regex;
}

std::vector<re2::StringPiece> FirstMatch(const re2::RE2& regex, std::string_view text) {
  std::vector<re2::StringPiece> groups(static_cast<std::size_t>(regex.NumberOfCapturingGroups()) +
                                       1);
  const re2::StringPiece piece(text.data(), text.size());
  if (!regex.Match(piece, 0, piece.size(), re2::RE2::UNANCHORED, groups.data(),
                   static_cast<int>(groups.size()))) {
    groups.clear();
  }
  return groups;
}

}  // namespace

Result<QueryTemplate::Part> QueryTemplate::ParseAction(std::string_view action) {
  if (action == ".Series") return Part{Field::kSeries, ""};
  if (action == ".LabelMatchers") return Part{Field::kLabelMatchers, ""};
  if (action == ".LabelValuesByName") return Part{Field::kLabelValues, ""};
  if (action == ".GroupBy") return Part{Field::kGroupBy, ""};
  if (action == ".GroupBySlice") return Part{Field::kGroupBySlice, ""};
  constexpr std::string_view kIndex = "index .LabelValuesByName ";
  if (action.starts_with(kIndex)) {
    const std::string_view key = Trim(action.substr(kIndex.size()));
    const bool quoted = key.size() >= 2 && (key.front() == '"' || key.front() == '`') &&
                        key.back() == key.front() &&
                        key.find_first_of("\\\"`", 1) == key.size() - 1;
    if (quoted) return Part{Field::kLabelValue, std::string(key.substr(1, key.size() - 2))};
  }
  return Fail(Code::kInvalid,
              fmt::format("action <<{}>> is not supported: expected .Series, .LabelMatchers, "
                          ".LabelValuesByName, .GroupBy, .GroupBySlice or index "
                          ".LabelValuesByName \"label\"",
                          action));
}

Result<QueryTemplate> QueryTemplate::Parse(std::string_view text) {
  const auto context = [text] {
    return fmt::format("unable to parse metrics query template {}", Quote(text));
  };
  auto pieces = Cut(text, "metrics-query");
  if (!pieces) return Prefixed(context(), pieces.error());
  QueryTemplate result;
  for (const Piece& piece : *pieces) {
    if (!piece.action) {
      result.parts_.push_back({Field::kText, std::string(piece.text)});
      continue;
    }
    auto part = ParseAction(piece.text);
    if (!part) return Prefixed(context(), part.error());
    result.parts_.push_back(std::move(*part));
  }
  return result;
}

Result<std::string> QueryTemplate::Render(const QueryFields& fields) const {
  std::string query;
  for (const Part& part : parts_) {
    switch (part.field) {
      case Field::kText:
        query += part.text;
        break;
      case Field::kSeries:
        query += fields.series;
        break;
      case Field::kLabelMatchers:
        query += fields.label_matchers;
        break;
      case Field::kGroupBy:
        query += Join(fields.group_by, ",");
        break;
      case Field::kGroupBySlice:
        query += "[" + Join(fields.group_by, " ") + "]";
        break;
      case Field::kLabelValue: {
        const auto found = fields.label_values.find(part.text);
        if (found != fields.label_values.end()) query += found->second;
        break;
      }
      case Field::kLabelValues: {
        std::vector<std::string> entries;
        entries.reserve(fields.label_values.size());
        for (const auto& [name, value] : fields.label_values) entries.push_back(name + ":" + value);
        query += "map[" + Join(entries, " ") + "]";
        break;
      }
    }
  }
  if (query.empty()) {
    return Fail(Code::kInvalid, "empty query produced by metrics query template");
  }
  return query;
}

std::vector<std::string> QueryTemplate::LiteralWords() const {
  std::vector<std::string> words;
  for (const Part& part : parts_) {
    if (part.field != Field::kText) continue;
    std::string word;
    for (const char c : part.text + " ") {
      if (IsWordChar(c) || c == ':') {
        word.push_back(c);
      } else if (!word.empty()) {
        words.push_back(std::exchange(word, {}));
      }
    }
  }
  return words;
}

Result<LabelTemplate> LabelTemplate::Parse(std::string_view text) {
  auto pieces = Cut(text, "resource-label");
  if (!pieces) {
    return Prefixed(fmt::format("unable to parse label template {}", Quote(text)), pieces.error());
  }
  LabelTemplate result;
  bool has_resource = false;
  for (const Piece& piece : *pieces) {
    if (!piece.action) {
      result.parts_.push_back({Part::kText, std::string(piece.text)});
    } else if (piece.text == ".Group") {
      result.parts_.push_back({Part::kGroup, ""});
    } else if (piece.text == ".Resource") {
      result.parts_.push_back({Part::kResource, ""});
      has_resource = true;
    } else {
      return Fail(Code::kInvalid,
                  fmt::format("unable to parse label template {}: action <<{}>> is not supported: "
                              "expected .Group or .Resource",
                              Quote(text), piece.text));
    }
  }
  const std::string context =
      fmt::format("unable to generate label format from template {}", Quote(text));
  if (!has_resource) {
    return Fail(Code::kInvalid,
                context + ": must include at least `{{.Resource}}` in the label template");
  }
  auto regex = Compile("^" + result.Render("(?P<group>.+?)", "(?P<resource>.+?)") + "$");
  if (!regex) return Prefixed(context, regex.error());
  result.regex_ = std::move(*regex);
  return result;
}

std::string LabelTemplate::Render(std::string_view group, std::string_view resource) const {
  std::string text;
  for (const Part& part : parts_) {
    switch (part.kind) {
      case Part::kText:
        text += part.text;
        break;
      case Part::kGroup:
        text += group;
        break;
      case Part::kResource:
        text += resource;
        break;
    }
  }
  return text;
}

std::string LabelTemplate::Label(std::string_view group, std::string_view singular) const {
  return Render(ReplaceAll(ReplaceAll(group, ".", "_"), "-", "_"), singular);
}

std::optional<LabelTemplate::Match> LabelTemplate::Read(std::string_view label) const {
  const auto groups = FirstMatch(*regex_, label);
  if (groups.empty()) return std::nullopt;
  Match match;
  for (const auto& [name, index] : regex_->NamedCapturingGroups()) {
    const re2::StringPiece piece = groups[static_cast<std::size_t>(index)];
    std::string& target = name == "group" ? match.group : match.resource;
    target.assign(piece.data() == nullptr ? "" : piece.data(), piece.size());
  }
  return match;
}

Result<Pattern> Pattern::Make(std::string_view expression) {
  auto regex = Compile(expression);
  if (!regex) return std::unexpected(regex.error());
  Pattern pattern;
  pattern.regex_ = std::move(*regex);
  return pattern;
}

bool Pattern::Matches(std::string_view text) const {
  return re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *regex_);
}

int Pattern::groups() const { return regex_->NumberOfCapturingGroups(); }

std::optional<std::string> Pattern::Expand(std::string_view text, std::string_view as) const {
  const auto groups = FirstMatch(*regex_, text);
  if (groups.empty()) return std::nullopt;
  const auto value = [&](std::string_view name) -> std::string {
    std::optional<std::size_t> index;
    if (const auto number = ParseInt(name)) {
      index = static_cast<std::size_t>(*number);
    } else {
      const auto& names = regex_->NamedCapturingGroups();
      const auto found = names.find(std::string(name));
      if (found != names.end()) index = static_cast<std::size_t>(found->second);
    }
    if (!index || *index >= groups.size() || groups[*index].data() == nullptr) return "";
    return std::string(groups[*index].data(), groups[*index].size());
  };
  return ExpandTemplate(as, value);
}

}  // namespace weir::metricsapi
