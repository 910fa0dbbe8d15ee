#include "base/yaml.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <map>
#include <sstream>
#include <string>
#include <utility>

#include "base/strings.h"

namespace weir {
namespace {

constexpr std::size_t kMaxNodes = 1'000'000;
constexpr std::size_t kMaxRepeated = 100;
constexpr std::string_view kTagPrefix = "tag:yaml.org,2002:";

// What a document is refused for while it is built; carried through yaml-cpp as its own exceptions
// are, and caught in this file too.
struct Refusal {
  int line;
  std::string reason;
};

int LineOf(const YAML::Mark& mark) { return mark.line + 1; }

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// strconv.ParseInt with base 0, after the underscores are gone: 0x, 0o, 0b and plain 0 prefixes.
std::optional<Json> ResolveInteger(std::string_view text) {
  const bool negative = !text.empty() && text.front() == '-';
  if (!text.empty() && (text.front() == '-' || text.front() == '+')) text.remove_prefix(1);
  int base = 10;
  if (text.size() > 1 && text[0] == '0') {
    const char kind = text[1];
    base = kind == 'x' || kind == 'X' ? 16 : kind == 'b' || kind == 'B' ? 2 : 8;
    text.remove_prefix(IsDigit(kind) ? 1 : 2);
    if (base == 8 && !IsDigit(kind) && kind != 'o' && kind != 'O') return std::nullopt;
  }
  std::uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value, base);
  if (text.empty() || at != end || error != std::errc()) return std::nullopt;
  constexpr std::uint64_t kLimit = 1ULL << 63U;
  if (negative) {
    if (value > kLimit) return std::nullopt;
    return Json(static_cast<std::int64_t>(0 - value));
  }
  if (value < kLimit) return Json(static_cast<std::int64_t>(value));
  return Json(value);
}

// A number that only a float can be. Whole ones become integers, because sigs.k8s.io/yaml prints
// the float as JSON, where 1e3 is written 1000.
std::optional<Json> ResolveFloat(std::string_view text) {
  for (const char c : text) {
    if (!IsDigit(c) && std::string_view("+-.eE").find(c) == std::string_view::npos) {
      return std::nullopt;
    }
  }
  const std::optional<double> value = ParseDouble(text);
  if (!value) return std::nullopt;
  if (std::trunc(*value) == *value && std::fabs(*value) < 9.2e18) {
    return Json(static_cast<std::int64_t>(*value));
  }
  return Json(*value);
}

// The words of go-yaml's resolver; infinity and NaN have no JSON form.
std::optional<Json> ResolveWord(std::string_view text, int line) {
  struct Word {
    std::string_view text;
    bool value;
  };
  static constexpr std::array<Word, 22> kBooleans{
      {{"y", true},    {"Y", true},      {"yes", true},    {"Yes", true},    {"YES", true},
       {"true", true}, {"True", true},   {"TRUE", true},   {"on", true},     {"On", true},
       {"ON", true},   {"n", false},     {"N", false},     {"no", false},    {"No", false},
       {"NO", false},  {"false", false}, {"False", false}, {"FALSE", false}, {"off", false},
       {"Off", false}, {"OFF", false}}};
  for (const Word& word : kBooleans) {
    if (word.text == text) return Json(word.value);
  }
  if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL") {
    return Json(nullptr);
  }
  std::string_view number = text;
  if (number.front() == '+' || number.front() == '-') number.remove_prefix(1);
  for (const std::string_view word : {".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN"}) {
    if (number == word) throw Refusal{line, fmt::format("{} has no JSON form", text)};
  }
  return std::nullopt;
}

Json ResolvePlain(const std::string& text, int line) {
  if (std::optional<Json> word = ResolveWord(text, line)) return *word;
  const char first = text.front();
  if (!IsDigit(first) && first != '-' && first != '+' && first != '.') return text;
  if (std::optional<Json> integer = ResolveInteger(ReplaceAll(text, "_", ""))) return *integer;
  if (std::optional<Json> number = ResolveFloat(text)) return *number;
  return text;
}

Json ResolveScalar(const std::string& tag, const std::string& text, int line) {
  if (tag == "!") return text;  // quoted
  if (tag == "?") return ResolvePlain(text, line);
  if (tag == fmt::format("{}str", kTagPrefix)) return text;
  if (tag == fmt::format("{}binary", kTagPrefix)) {
    std::optional<std::string> bytes = Base64Decode(text);
    if (!bytes) throw Refusal{line, "!!binary value contains invalid base64 data"};
    return *bytes;
  }
  if (tag.starts_with(kTagPrefix)) return ResolvePlain(text, line);
  return text;
}

// Turns the parser's events into JSON documents: no node graph between, so that aliases can be
// counted as they are copied.
class Builder final : public YAML::EventHandler {
 public:
  explicit Builder(std::string_view text) : rest_(text) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    // yaml-cpp takes whatever is left over after a document for the next one, and of a stray
    // bracket it makes empty documents without end.
    const int line = LineOf(mark);
    if (seen_any_ && !BeginsDocument(line)) {
      throw Refusal{line, "did not find expected <document start>"};
    }
    seen_any_ = true;
    stack_.clear();
    anchors_.clear();
    nodes_ = 0;
    document_ = YamlDocument{nullptr, 0};
  }
  void OnDocumentEnd() override {
    if (!document_.value.is_null()) documents.push_back(std::move(document_));
  }
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Put(nullptr, LineOf(mark), anchor, 1);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    auto it = anchors_.find(anchor);
    if (it == anchors_.end()) throw Refusal{LineOf(mark), "anchor's value contains itself"};
    Put(it->second.value, LineOf(mark), YAML::NullAnchor, it->second.nodes);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    const int line = LineOf(mark);
    if (!stack_.empty() && stack_.back().WantsKey() && tag == "?" && value == "<<") {
      stack_.back().is_merge = true;
      stack_.back().has_key = true;
      return;
    }
    Put(ResolveScalar(tag, value, line), line, anchor, 1);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    stack_.push_back(Frame{.value = Json::array(), .anchor = anchor, .line = LineOf(mark)});
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    stack_.push_back(Frame{.value = Json::object(), .anchor = anchor, .line = LineOf(mark)});
  }
  void OnMapEnd() override { Close(); }

  std::vector<YamlDocument> documents;

 private:
  struct Frame {
    Json value;
    YAML::anchor_t anchor = YAML::NullAnchor;
    int line = 1;
    std::size_t nodes = 1;
    std::string key{};
    bool has_key = false;
    bool is_merge = false;  // the key is `<<`
    Json merged = nullptr;  // what `<<` brings, weaker than keys of its own

    bool WantsKey() const { return value.is_object() && !has_key; }
  };
  struct Anchored {
    Json value;
    std::size_t nodes;
  };

  // Whether the line says `---`, or a `...` before it has ended the last document. Lines are asked
  // for in rising order.
  bool BeginsDocument(int line) {
    for (; line_ < line; ++line_) {
      const std::size_t end = std::min(rest_.find('\n'), rest_.size());
      const std::string_view trimmed = Trim(rest_.substr(0, end));
      if (!trimmed.empty() && !trimmed.starts_with('#')) before_ = rest_.substr(0, end);
      rest_.remove_prefix(std::min(end + 1, rest_.size()));
    }
    return rest_.starts_with("---") || before_.starts_with("...") || before_.starts_with('%');
  }

  void Close() {
    Frame frame = std::move(stack_.back());
    stack_.pop_back();
    if (frame.merged.is_object()) {
      for (auto& [key, value] : frame.merged.items()) {
        if (!frame.value.contains(key)) frame.value[key] = value;
      }
    }
    Put(std::move(frame.value), frame.line, frame.anchor, frame.nodes);
  }

  void Put(Json value, int line, YAML::anchor_t anchor, std::size_t nodes) {
    const bool kept = anchor != YAML::NullAnchor;
    nodes_ += kept ? 2 * nodes : nodes;  // an anchor keeps a copy of its own
    if (nodes_ > kMaxNodes) {
      throw Refusal{line, fmt::format("document contains excessive aliasing, or more than {} nodes",
                                      kMaxNodes)};
    }
    if (kept) anchors_[anchor] = Anchored{value, nodes};
    if (stack_.empty()) {
      document_.value = std::move(value);
      document_.line = line;
      return;
    }
    Frame& top = stack_.back();
    top.nodes += nodes;
    if (top.value.is_array()) {
      top.value.push_back(std::move(value));
    } else if (!top.has_key) {
      top.key = KeyText(value, line);
      top.has_key = true;
      if (top.value.contains(top.key) && document_.repeated_keys.size() < kMaxRepeated) {
        document_.repeated_keys.push_back(
            fmt::format("line {}: key {} already set in map", line, Quote(top.key)));
      }
    } else if (std::exchange(top.is_merge, false)) {
      Merge(top, value, line);
      top.has_key = false;
    } else {
      top.value[top.key] = std::move(value);
      top.has_key = false;
    }
  }

  // JSON's keys are strings; other scalars are spelled as sigs.k8s.io/yaml spells them.
  static std::string KeyText(const Json& key, int line) {
    if (key.is_string()) return key.get<std::string>();
    if (key.is_boolean() || key.is_number_integer()) return key.dump();
    if (key.is_number_float()) return FormatDouble(key.get<double>());
    throw Refusal{line, "a key must be a string, a number or a boolean"};
  }

  static void Merge(Frame& frame, const Json& value, int line) {
    const auto add = [&](const Json& map) {
      if (!map.is_object())
        throw Refusal{line, "map merge requires map or sequence of maps as the value"};
      if (frame.merged.is_null()) frame.merged = Json::object();
      for (auto& [key, item] : map.items()) {
        if (!frame.merged.contains(key)) frame.merged[key] = item;
      }
    };
    if (!value.is_array()) return add(value);
    for (const Json& map : value) add(map);
  }

  bool seen_any_ = false;
  std::string_view rest_;    // the text from line_ on
  std::string_view before_;  // the last line before it that says something
  int line_ = 1;
  YamlDocument document_;
  std::vector<Frame> stack_;
  std::map<YAML::anchor_t, Anchored> anchors_;
  std::size_t nodes_ = 0;
};

// Turns the parser's events into one document's nodes.
class TreeBuilder final : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark& mark) override {
    if (seen_any_) throw Refusal{LineOf(mark), "a second document begins where one is expected"};
    seen_any_ = true;
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Put({.line = LineOf(mark), .text = {}, .list = {}}, 1, anchor);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    auto it = anchors_.find(anchor);
    if (it == anchors_.end()) throw Refusal{LineOf(mark), "anchor's value contains itself"};
    Add(it->second.nodes - 1, LineOf(mark));
    Put(it->second.node, it->second.nodes, YAML::NullAnchor);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    const int line = LineOf(mark);
    Put({.line = line, .text = value, .scalar = ResolveScalar(tag, value, line), .list = {}}, 1,
        anchor);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Open(YamlNode::Kind::kSequence, mark, anchor);
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    Open(YamlNode::Kind::kMapping, mark, anchor);
  }
  void OnMapEnd() override { Close(); }

  YamlNode root;

 private:
  struct Frame {
    YamlNode node;
    YAML::anchor_t anchor;
    std::size_t nodes = 1;  // it and all below
  };
  struct Anchored {
    YamlNode node;
    std::size_t nodes;
  };

  void Open(YamlNode::Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor) {
    stack_.push_back({{.kind = kind, .line = LineOf(mark), .text = {}, .list = {}}, anchor});
  }
  void Close() {
    Frame frame = std::move(stack_.back());
    stack_.pop_back();
    Put(std::move(frame.node), frame.nodes, frame.anchor);
  }
  void Add(std::size_t nodes, int line) {
    nodes_ += nodes;
    if (nodes_ > kMaxNodes) {
      throw Refusal{line, fmt::format("document contains excessive aliasing, or more than {} nodes",
                                      kMaxNodes)};
    }
  }
  // `nodes` counts the node and all below, of which those below are in the total already.
  void Put(YamlNode node, std::size_t nodes, YAML::anchor_t anchor) {
    const bool kept = anchor != YAML::NullAnchor;
    Add(kept ? 1 + nodes : 1, node.line);
    if (kept) anchors_[anchor] = {node, nodes};
    if (stack_.empty()) {
      root = std::move(node);
    } else {
      stack_.back().nodes += nodes;
      stack_.back().node.list.push_back(std::move(node));
    }
  }

  bool seen_any_ = false;
  std::vector<Frame> stack_;
  std::map<YAML::anchor_t, Anchored> anchors_;
  std::size_t nodes_ = 0;
};

// yaml-cpp's reasons in the words of go-yaml, which users of kubectl know.
std::string Reason(const std::string& message) {
  struct Words {
    std::string_view from, to;
  };
  static constexpr std::array<Words, 15> kWords{{
      {"bad file", "exceeded max depth of 500"},  // its word for nesting too deep
      {"illegal map value", "mapping values are not allowed in this context"},
      {"illegal map key", "mapping keys are not allowed in this context"},
      {"illegal block entry", "block sequence entries are not allowed in this context"},
      {"end of map not found", "did not find expected key"},
      {"end of sequence not found", "did not find expected '-' indicator"},
      {"end of map flow not found", "did not find expected ',' or '}'"},
      {"end of sequence flow not found", "did not find expected ',' or ']'"},
      {"illegal flow end", "did not find expected node content"},
      {"illegal tab when looking for indentation",
       "found a tab character that violates indentation"},
      {"unknown token", "found character that cannot start any token"},
      {"illegal EOF in scalar", "found unexpected end of stream"},
      {"illegal document indicator in scalar", "found unexpected document indicator"},
      {"illegal character found while scanning alias",
       "did not find expected alphabetic or numeric character"},
      {"unknown escape character: ", "found unknown escape character "},
  }};
  for (const Words& words : kWords) {
    if (message.starts_with(words.from)) {
      return std::string(words.to) + message.substr(words.from.size());
    }
  }
  return message;
}

std::unexpected<Error> FailAt(int line, std::string_view reason) {
  return Fail(Code::kInvalid, fmt::format("line {}: {}", line, reason));
}

// Runs the parser over a text. Errors name the line.
Status Read(std::string_view text, YAML::EventHandler& builder) {
  if (!IsUtf8(text)) return Fail(Code::kInvalid, "the text is not valid UTF-8");
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const Refusal& refusal) {
    return FailAt(refusal.line, refusal.reason);
  } catch (const YAML::Exception& e) {
    return FailAt(LineOf(e.mark), Reason(e.msg));
  }
  return {};
}

}  // namespace

Result<std::vector<YamlDocument>> ParseYaml(std::string_view text) {
  // JSON is YAML, but its reader is stricter about escapes and quicker; what it refuses may still
  // be a flow mapping of YAML. Only the YAML reader knows the lines of repeated keys.
  if (Trim(text).starts_with('{')) {
    std::vector<std::string> repeated;
    Result<Json> json = ParseJson(text, &repeated);
    if (json && repeated.empty()) return std::vector{YamlDocument{std::move(*json), 1}};
  }
  Builder builder(text);
  if (Status read = Read(text, builder); !read) return std::unexpected(read.error());
  return std::move(builder.documents);
}

Result<Json> ParseYamlDocument(std::string_view text) {
  Result<std::vector<YamlDocument>> documents = ParseYaml(text);
  if (!documents) return std::unexpected(documents.error());
  if (documents->empty()) return Json(nullptr);
  if (documents->size() > 1) {
    return FailAt((*documents)[1].line, "a second document begins where one is expected");
  }
  return std::move(documents->front().value);
}

Result<YamlNode> ParseYamlNodes(std::string_view text) {
  TreeBuilder builder;
  if (Status read = Read(text, builder); !read) return std::unexpected(read.error());
  return std::move(builder.root);
}

}  // namespace weir
