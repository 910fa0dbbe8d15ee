#include "base/yaml_writer.h"

#include <string_view>

#include "base/strings.h"
#include "base/yaml.h"

namespace weir {
namespace {

bool IsControl(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

// Whether the text stands for itself without quotes: it is read back as the same string, and
// nothing in it means something to YAML.
bool IsPlain(std::string_view text) {
  if (text.empty() || text != Trim(text)) return false;
  if (std::string_view("-?:,[]{}#&*!|>'\"%@`=<").contains(text[0])) {
    // A dash or a question mark begins a plain text where no blank follows it.
    const bool indicator = (text[0] == '-' || text[0] == '?') && text.size() > 1 && text[1] != ' ';
    if (!indicator || text.starts_with("---")) return false;
  }
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (IsControl(c)) return false;
    if (c == ':' && (i + 1 == text.size() || text[i + 1] == ' ')) return false;
    if (c == '#' && i > 0 && text[i - 1] == ' ') return false;
  }
  // Numbers, booleans, null and timestamps would change their type.
  const auto read = ParseYamlDocument(text);
  if (!read || !read->is_string()) return false;
  const bool date = text.size() >= 10 && text[4] == '-' && text[7] == '-' &&
                    ParseInt(text.substr(0, 4)).has_value();
  return !date;
}

std::string Quoted(std::string_view text) {
  for (const char c : text) {
    if (IsControl(c) || c == '\'') return DumpJson(Json(text));
  }
  // go-yaml prefers double quotes for what would be read as another scalar, single ones for syntax.
  const auto read = ParseYamlDocument(text);
  const bool other_type = text.empty() || (read && !read->is_string() && !read->is_structured() &&
                                           !text.starts_with('#'));
  if (other_type || (text.size() >= 10 && text[4] == '-' && ParseInt(text.substr(0, 4)))) {
    return DumpJson(Json(text));
  }
  return "'" + std::string(text) + "'";
}

std::string Block(std::string_view text, std::size_t indent) {
  std::string out = "|";
  if (!text.ends_with('\n')) {
    out += '-';
  } else if (text.ends_with("\n\n")) {
    out += '+';
  }
  std::string_view body = text;
  if (body.ends_with('\n')) body.remove_suffix(1);
  for (const std::string& line : Split(body, '\n')) {
    out += '\n';
    if (!line.empty()) out += std::string(indent, ' ') + line;
  }
  return out;
}

bool FitsBlock(std::string_view text) {
  if (!text.contains('\n') || text.starts_with(' ') || text.starts_with('\n')) return false;
  for (const char c : text) {
    if (IsControl(c) && c != '\n') return false;
  }
  return true;
}

// A line goes on after this column at its next blank only; go-yaml's best width.
constexpr std::size_t kWidth = 80;

// Breaks a plain or quoted text, which begins at `column`, as go-yaml does; lines go on at
// `indent`.
std::string Folded(const std::string& text, std::size_t column, std::size_t indent) {
  const bool plain = text[0] != '\'' && text[0] != '"';
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool continued = (static_cast<unsigned char>(text[i]) & 0xC0U) == 0x80U;
    const bool at_edge = !plain && (i == 1 || i + 2 >= text.size());
    if (text[i] != ' ' || text[i - 1] == ' ' || column <= kWidth || at_edge ||
        (text[i + 1] == ' ' && text[0] != '"')) {
      out += text[i];
      if (!continued) ++column;
      continue;
    }
    out += '\n' + std::string(indent, ' ');
    column = indent;
    if (text[i + 1] == ' ') out += '\\';  // a double-quoted line that begins with a blank
  }
  return out;
}

std::string Scalar(const Json& value, std::size_t column, std::size_t indent) {
  if (!value.is_string()) return DumpJson(value);
  const auto& text = value.get_ref<const std::string&>();
  if (FitsBlock(text)) return Block(text, indent);
  return Folded(IsPlain(text) ? text : Quoted(text), column, indent);
}

std::size_t Column(const std::string& out) { return out.size() - (out.rfind('\n') + 1); }

bool IsEmptyOrScalar(const Json& value) { return !value.is_structured() || value.empty(); }

// Appends the value's lines; the first one continues the line under way.
// NOLINTNEXTLINE(misc-no-recursion): documents are at most 512 levels deep (ParseJson).
void Append(const Json& value, std::size_t indent, std::string& out) {
  if (IsEmptyOrScalar(value)) {
    out += Scalar(value, Column(out), indent) + '\n';
    return;
  }
  bool first = true;
  const auto begin_line = [&] {
    if (!first) out += std::string(indent, ' ');
    first = false;
  };
  if (value.is_array()) {
    for (const Json& item : value) {
      begin_line();
      out += "- ";
      Append(item, indent + 2, out);
    }
    return;
  }
  for (const auto& [key, member] : value.items()) {
    begin_line();
    out += (IsPlain(key) ? key : Quoted(key)) + ":";
    if (IsEmptyOrScalar(member)) {
      out += ' ';
      out += Scalar(member, Column(out), indent + 2) + '\n';
      continue;
    }
    // A list stands at the column of its key.
    const std::size_t inner = member.is_array() ? indent : indent + 2;
    out += '\n' + std::string(inner, ' ');
    Append(member, inner, out);
  }
}

}  // namespace

std::string ToYaml(const Json& value) {
  std::string out;
  Append(value, 0, out);
  return out;
}

}  // namespace weir
