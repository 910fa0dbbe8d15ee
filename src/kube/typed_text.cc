#include "kube/typed_text.h"

#include <utility>

namespace weir::kube {
namespace {

// Characters that stand for themselves in a string of Go's encoder.
bool IsPlain(std::string_view text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte >= 0x7f || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&') {
      return false;
    }
  }
  return true;
}

void AppendString(std::string& out, std::string_view text) {
  if (IsPlain(text)) {
    out += '"';
    out += text;
    out += '"';
    return;
  }
  const std::string dumped = DumpJson(Json(text));
  for (std::size_t i = 0; i < dumped.size(); ++i) {
    const std::string_view rest = std::string_view(dumped).substr(i);
    if (rest.starts_with('<')) {
      out += "\\u003c";
    } else if (rest.starts_with('>')) {
      out += "\\u003e";
    } else if (rest.starts_with('&')) {
      out += "\\u0026";
    } else if (rest.starts_with("\xe2\x80\xa8") || rest.starts_with("\xe2\x80\xa9")) {
      out += rest[2] == '\xa8' ? "\\u2028" : "\\u2029";
      i += 2;
    } else {
      out += dumped[i];
    }
  }
}

// The type of a kind; null where that is not known.
const Type* TypeOf(const std::string& version, const std::string& kind) {
  const TypeTable& table = TypeTable::Get();
  if (version.starts_with("meta.k8s.io/")) return table.Find("meta/v1." + kind);
  return kind.empty() ? nullptr : table.FindKind(version, kind);
}

// The fields of each list of a known kind, in their order.
constexpr std::string_view kListFields[] = {"kind", "apiVersion", "metadata", "items"};

class Writer {
 public:
  explicit Writer(int indent) : indent_(static_cast<std::size_t>(indent)) {}

  std::string Take() { return std::move(out_); }

  void Typed(const Json& value, const Type& type) {
    if (!value.is_object()) {
      Untyped(value);
      return;
    }
    bool first = true;
    for (const Field& field : type.fields) {
      const Json* member = Find(value, field.name);
      if (member == nullptr) continue;
      Key(first, field.name);
      OfType(*member, field.type);
    }
    for (const auto& [name, member] : value.items()) {
      if (type.Find(name) != nullptr) continue;
      Key(first, name);
      Untyped(member);
    }
    End(first, '{', '}');
  }

  // A value whose type is left open: an object may say what it is.
  void Open(const Json& value) {
    const std::string version = value.is_object() ? GetString(value, "apiVersion") : "";
    std::string kind = value.is_object() ? GetString(value, "kind") : "";
    if (const Type* type = TypeOf(version, kind); type != nullptr) {
      Typed(value, *type);
      return;
    }
    if (kind.ends_with("List")) {
      kind.resize(kind.size() - 4);
      if (const Type* type = TypeOf(version, kind); type != nullptr) {
        ListOf(value, *type);
        return;
      }
    }
    Untyped(value);
  }

 private:
  void ListOf(const Json& value, const Type& element) {
    bool first = true;
    for (const std::string_view name : kListFields) {
      const Json* member = Find(value, name);
      if (member == nullptr) continue;
      Key(first, name);
      if (name == "metadata") {
        Typed(*member, *TypeTable::Get().Find("meta/v1.ListMeta"));
      } else if (name == "items" && member->is_array()) {
        bool none = true;
        for (const Json& item : *member) {
          Item(none, '[');
          Typed(item, element);
        }
        End(none, '[', ']');
      } else {
        Untyped(*member);
      }
    }
    End(first, '{', '}');
  }

  void Untyped(const Json& value) {
    if (value.is_object()) {
      bool first = true;
      for (const auto& [name, member] : value.items()) {
        Key(first, name);
        Untyped(member);
      }
      End(first, '{', '}');
    } else if (value.is_array()) {
      bool first = true;
      for (const Json& element : value) {
        Item(first, '[');
        Untyped(element);
      }
      End(first, '[', ']');
    } else if (value.is_string()) {
      AppendString(out_, value.get_ref<const std::string&>());
    } else if (value.is_boolean()) {
      out_ += value.get<bool>() ? "true" : "false";
    } else {
      out_ += DumpJson(value);
    }
  }

  void OfType(const Json& value, const ValueType& type) {
    const bool map = type.shape == Shape::kMap;
    if (type.shape == Shape::kOne && type.scalar == Scalar::kAny) {
      Open(value);
    } else if (type.scalar != Scalar::kMessage ||
               (type.shape != Shape::kOne && (map ? !value.is_object() : !value.is_array()))) {
      Untyped(value);
    } else if (type.shape == Shape::kOne) {
      Typed(value, TypeTable::Get().at(type.message));
    } else if (map) {
      bool first = true;
      for (const auto& [key, element] : value.items()) {
        Key(first, key);
        OfType(element, type.Element());
      }
      End(first, '{', '}');
    } else {
      bool first = true;
      for (const Json& element : value) {
        Item(first, '[');
        OfType(element, type.Element());
      }
      End(first, '[', ']');
    }
  }

  void Item(bool& first, char open) {
    out_ += first ? open : ',';
    if (first) ++depth_;
    first = false;
    Break();
  }

  void Key(bool& first, std::string_view name) {
    Item(first, '{');
    AppendString(out_, name);
    out_ += indent_ > 0 ? ": " : ":";
  }

  void End(bool empty, char open, char close) {
    if (empty) {
      out_ += open;
    } else {
      --depth_;
      Break();
    }
    out_ += close;
  }

  void Break() {
    if (indent_ == 0) return;
    out_ += '\n';
    out_.append(depth_ * indent_, ' ');
  }

  std::size_t indent_;
  std::size_t depth_ = 0;
  std::string out_;
};

}  // namespace

std::string DumpTyped(const Json& value, const Type& type, int indent) {
  Writer writer(indent);
  writer.Typed(value, type);
  return writer.Take();
}

std::string DumpObject(const Json& value, int indent) {
  Writer writer(indent);
  writer.Open(value);
  return writer.Take();
}

}  // namespace weir::kube
