#include "metricsapi/config_file.h"

#include <fmt/format.h>

#include <functional>
#include <initializer_list>
#include <set>
#include <utility>

#include "base/strings.h"
#include "base/yaml.h"

namespace weir::metricsapi {
namespace {

using Kind = YamlNode::Kind;

// How go-yaml names what a node is: its tag, and of a scalar the text, shortened.
std::string Describe(const YamlNode& node) {
  if (node.kind == Kind::kSequence) return "!!seq";
  if (node.kind == Kind::kMapping) return "!!map";
  constexpr std::size_t kLongest = 10;
  constexpr std::size_t kKept = 7;
  std::string_view tag = "!!str";
  if (node.scalar.is_boolean()) tag = "!!bool";
  if (node.scalar.is_number()) tag = node.scalar.is_number_integer() ? "!!int" : "!!float";
  const std::string text =
      node.text.size() > kLongest ? node.text.substr(0, kKept) + "..." : node.text;
  return fmt::format("{} `{}`", tag, text);
}

// Reads nodes into fields and gathers what does not fit, as go-yaml's UnmarshalStrict. Null leaves
// a field as it is.
class Decoder {
 public:
  struct Field {
    std::string_view name;
    std::function<void(const YamlNode&)> read;
  };

  // `type` is the Go type that messages name.
  void Struct(const YamlNode& node, std::string_view type, std::initializer_list<Field> fields) {
    if (node.IsNull()) return;
    if (node.kind != Kind::kMapping) return Mismatch(node, type);
    std::set<std::string_view> seen;
    for (std::size_t i = 0; i + 1 < node.list.size(); i += 2) {
      const YamlNode& key = node.list[i];
      const Field* known = nullptr;
      for (const Field& field : fields) {
        if (field.name == key.text) known = &field;
      }
      if (known == nullptr) {
        Add(key.line, fmt::format("field {} not found in type {}", key.text, type));
      } else if (!seen.insert(known->name).second) {
        Add(key.line, fmt::format("field {} already set in type {}", key.text, type));
      } else {
        known->read(node.list[i + 1]);
      }
    }
  }

  // Go takes every scalar for a text.
  void Text(const YamlNode& node, std::string& out) {
    if (node.IsNull()) return;
    if (node.kind != Kind::kScalar) return Mismatch(node, "string");
    out = node.text;
  }

  void Flag(const YamlNode& node, std::optional<bool>& out) {
    if (node.IsNull()) return;
    if (node.kind != Kind::kScalar || !node.scalar.is_boolean()) return Mismatch(node, "bool");
    out = node.scalar.get<bool>();
  }

  template <class T, class F>
  void List(const YamlNode& node, std::string_view type, std::vector<T>& out, const F& read) {
    if (node.IsNull()) return;
    if (node.kind != Kind::kSequence) return Mismatch(node, fmt::format("[]{}", type));
    for (const YamlNode& item : node.list) read(item, out.emplace_back());
  }

  template <class T, class F>
  void Map(const YamlNode& node, std::string_view type, std::map<std::string, T>& out,
           const F& read) {
    if (node.IsNull()) return;
    if (node.kind != Kind::kMapping) return Mismatch(node, fmt::format("map[string]{}", type));
    for (std::size_t i = 0; i + 1 < node.list.size(); i += 2) {
      const YamlNode& key = node.list[i];
      auto [entry, fresh] = out.try_emplace(key.text);
      if (!fresh) {
        Add(key.line, fmt::format("key {} already set in map", Quote(key.text)));
        continue;
      }
      read(node.list[i + 1], entry->second);
    }
  }

  // A value's own reader refuses: that ends the reading, and is all that is told.
  void Refuse(std::string message) {
    if (refusal_.empty()) refusal_ = std::move(message);
  }

  Status Finish() const {
    if (!refusal_.empty()) return Fail(Code::kInvalid, refusal_);
    if (errors_.empty()) return {};
    return Fail(Code::kInvalid, "yaml: unmarshal errors:\n" + Join(errors_, "\n"));
  }

 private:
  void Add(int line, std::string_view message) {
    errors_.push_back(fmt::format("  line {}: {}", line, message));
  }
  void Mismatch(const YamlNode& node, std::string_view type) {
    Add(node.line, fmt::format("cannot unmarshal {} into {}", Describe(node), type));
  }

  std::vector<std::string> errors_;
  std::string refusal_;
};

void ReadMapping(Decoder& decoder, const YamlNode& node, MappingText& out) {
  const auto resource = [&](const YamlNode& n, GroupResourceText& item) {
    decoder.Struct(n, "config.GroupResource",
                   {{"group", [&](const YamlNode& v) { decoder.Text(v, item.group); }},
                    {"resource", [&](const YamlNode& v) { decoder.Text(v, item.resource); }}});
  };
  decoder.Struct(node, "config.ResourceMapping",
                 {{"template", [&](const YamlNode& n) { decoder.Text(n, out.label_template); }},
                  {"overrides",
                   [&](const YamlNode& n) {
                     decoder.Map(n, "config.GroupResource", out.overrides, resource);
                   }},
                  {"namespaced", [&](const YamlNode& n) { decoder.Flag(n, out.namespaced); }}});
}

void ReadFilter(Decoder& decoder, const YamlNode& node, FilterText& out) {
  decoder.Struct(node, "config.RegexFilter",
                 {{"is", [&](const YamlNode& n) { decoder.Text(n, out.is); }},
                  {"isNot", [&](const YamlNode& n) { decoder.Text(n, out.is_not); }}});
}

void ReadRule(Decoder& decoder, const YamlNode& node, RuleText& out) {
  const auto name = [&](const YamlNode& n) {
    decoder.Struct(n, "config.NameMapping",
                   {{"matches", [&](const YamlNode& v) { decoder.Text(v, out.name_matches); }},
                    {"as", [&](const YamlNode& v) { decoder.Text(v, out.name_as); }}});
  };
  const auto filter = [&](const YamlNode& n, FilterText& item) { ReadFilter(decoder, n, item); };
  decoder.Struct(
      node, "config.DiscoveryRule",
      {{"seriesQuery", [&](const YamlNode& n) { decoder.Text(n, out.series_query); }},
       {"seriesFilters",
        [&](const YamlNode& n) { decoder.List(n, "config.RegexFilter", out.filters, filter); }},
       {"resources", [&](const YamlNode& n) { ReadMapping(decoder, n, out.resources); }},
       {"name", name},
       {"metricsQuery", [&](const YamlNode& n) { decoder.Text(n, out.metrics_query); }}});
}

void ReadResourceRule(Decoder& decoder, const YamlNode& node, ResourceRuleText& out) {
  decoder.Struct(
      node, "config.ResourceRule",
      {{"containerQuery", [&](const YamlNode& n) { decoder.Text(n, out.container_query); }},
       {"nodeQuery", [&](const YamlNode& n) { decoder.Text(n, out.node_query); }},
       {"resources", [&](const YamlNode& n) { ReadMapping(decoder, n, out.resources); }},
       {"containerLabel", [&](const YamlNode& n) { decoder.Text(n, out.container_label); }}});
}

void ReadWindow(Decoder& decoder, const YamlNode& node, Duration& out) {
  if (node.IsNull()) return;
  std::string text;
  decoder.Text(node, text);
  const auto window = ParsePrometheusDuration(text);
  if (!window) return decoder.Refuse(window.error().message);
  out = *window;
}

void ReadResourceRules(Decoder& decoder, const YamlNode& node,
                       std::optional<ResourceRulesText>& out) {
  if (node.IsNull()) return;
  ResourceRulesText& rules = out.emplace();
  decoder.Struct(
      node, "config.ResourceRules",
      {{"cpu", [&](const YamlNode& n) { ReadResourceRule(decoder, n, rules.cpu); }},
       {"memory", [&](const YamlNode& n) { ReadResourceRule(decoder, n, rules.memory); }},
       {"window", [&](const YamlNode& n) { ReadWindow(decoder, n, rules.window); }}});
}

}  // namespace

Result<ConfigText> DecodeConfig(std::string_view yaml) {
  constexpr std::string_view kContext = "unable to parse metrics discovery config";
  const auto document = ParseYamlNodes(yaml);
  if (!document) return Prefixed(fmt::format("{}: yaml", kContext), document.error());
  Decoder decoder;
  ConfigText config;
  const auto rule = [&](const YamlNode& n, RuleText& item) { ReadRule(decoder, n, item); };
  decoder.Struct(
      *document, "config.MetricsDiscoveryConfig",
      {{"rules",
        [&](const YamlNode& n) { decoder.List(n, "config.DiscoveryRule", config.rules, rule); }},
       {"resourceRules",
        [&](const YamlNode& n) { ReadResourceRules(decoder, n, config.resource_rules); }},
       {"externalRules", [&](const YamlNode& n) {
          decoder.List(n, "config.DiscoveryRule", config.external_rules, rule);
        }}});
  if (Status read = decoder.Finish(); !read) return Prefixed(kContext, read.error());
  return config;
}

}  // namespace weir::metricsapi
