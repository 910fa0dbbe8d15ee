#include "kubelet/catalogue_plan.h"

#include <algorithm>

#include "base/check.h"
#include "base/strings.h"
#include "base/yaml.h"

namespace weir::kubelet {

extern const std::string_view k_embedded_images_yaml;

namespace {

std::unexpected<Error> Bad(const std::string& where, const std::string& expected) {
  return Fail(Code::kInvalid, where + ": expected " + expected);
}

// Replaces each ${NAME}; an error names one that `values` lacks.
Result<std::string> Substitute(std::string_view text, const Placeholders& values) {
  std::string out;
  while (true) {
    const std::size_t begin = text.find("${");
    out.append(text.substr(0, begin));
    if (begin == std::string_view::npos) return out;
    const std::size_t end = text.find('}', begin);
    if (end == std::string_view::npos) {
      return Fail(Code::kInvalid, "`${` without `}` in " + Quote(text));
    }
    const std::string_view name = text.substr(begin + 2, end - begin - 2);
    const auto value = values.find(name);
    if (value == values.end()) {
      return Fail(Code::kInvalid,
                  "no placeholder ${" + std::string(name) + "}; there are " +
                      Join({std::begin(kPlaceholders), std::end(kPlaceholders)}, ", "));
    }
    out += value->second;
    text.remove_prefix(end + 1);
  }
}

Placeholders AllPlaceholders() {
  Placeholders all;
  for (const std::string_view name : kPlaceholders) all.emplace(name, "");
  return all;
}

// A string or a number or a boolean, as YAML writes arguments without quotes.
std::optional<std::string> Scalar(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number() || value.is_boolean()) return DumpJson(value);
  return std::nullopt;
}

Result<std::string> Word(const Json& value, const std::string& where) {
  const auto text = Scalar(value);
  if (!text) return Bad(where, "a string");
  if (const auto ok = Substitute(*text, AllPlaceholders()); !ok) {
    return Prefixed(where, ok.error());
  }
  return *text;
}

Result<std::vector<std::string>> Words(const Json& entry, const std::string& key,
                                       const std::string& where) {
  std::vector<std::string> words;
  const Json* list = Find(entry, key);
  if (list == nullptr || list->is_null()) return words;
  if (!list->is_array()) return Bad(where + "." + key, "a list of strings");
  for (std::size_t i = 0; i < list->size(); ++i) {
    auto word = Word((*list)[i], where + "." + key + "[" + std::to_string(i) + "]");
    if (!word) return std::unexpected(word.error());
    words.push_back(*std::move(word));
  }
  return words;
}

Result<std::vector<std::string>> Globs(const Json& entry, const std::string& where) {
  const Json* image = Find(entry, "image");
  if (image != nullptr && image->is_string()) return std::vector{image->get<std::string>()};
  auto globs = Words(entry, "image", where);
  if (globs && globs->empty()) return Bad(where + ".image", "a glob or a list of globs");
  return globs;
}

Result<CatalogueEntry> ParseEntry(const Json& json, const std::string& where) {
  if (!json.is_object()) return Bad(where, "an object with `image` and `command`");
  for (const auto& [key, value] : json.items()) {
    const std::string_view known[] = {"image", "command", "args", "setup", "env", "package"};
    if (std::ranges::find(known, key) == std::end(known)) {
      return Bad(where + "." + key, "one of image, command, args, setup, env, package");
    }
  }
  CatalogueEntry entry;
  auto images = Globs(json, where);
  if (!images) return std::unexpected(images.error());
  auto command = Words(json, "command", where);
  if (!command) return std::unexpected(command.error());
  auto args = Words(json, "args", where);
  if (!args) return std::unexpected(args.error());
  entry.images = *std::move(images);
  entry.command = *std::move(command);
  entry.args = *std::move(args);
  for (const auto& [name, value] : GetObject(json, {"env"}).items()) {
    auto word = Word(value, where + ".env." + name);
    if (!word) return std::unexpected(word.error());
    entry.env[name] = *std::move(word);
  }
  const Json* setup = Find(json, "setup");
  if (setup != nullptr && !setup->is_string()) return Bad(where + ".setup", "a shell script");
  entry.setup = GetString(json, "setup");
  if (!entry.setup.empty() && entry.command.empty()) return Bad(where + ".command", "a program");
  entry.package = GetString(json, "package");
  return entry;
}

// The reference without registry and library prefix of Docker Hub.
std::string_view ShortName(std::string_view image) {
  for (const std::string_view prefix : {"docker.io/", "index.docker.io/", "library/"}) {
    if (image.starts_with(prefix)) image.remove_prefix(prefix.size());
  }
  return image;
}

// The name without `:tag` and `@digest`; a colon before a slash is a registry's port.
std::string_view Untagged(std::string_view image) {
  image = image.substr(0, image.find('@'));
  const std::size_t slash = image.rfind('/');
  const std::size_t colon = image.find(':', slash == std::string_view::npos ? 0 : slash);
  return image.substr(0, colon);
}

// Images whose entrypoint is a script (docker-entrypoint.sh) take the program's own name as the
// first argument; the entry's command has it already.
bool RepeatsProgram(const std::vector<std::string>& command, const std::vector<std::string>& args) {
  return !command.empty() && !args.empty() && args[0] == command[0];
}

}  // namespace

Result<Catalogue> Catalogue::Parse(std::string_view yaml, const std::string& file) {
  const auto document = ParseYamlDocument(yaml);
  if (!document) return Prefixed(file, document.error());
  Catalogue catalogue;
  catalogue.file_ = file;
  if (document->is_null()) return catalogue;
  const Json* images = weir::Find(*document, "images");
  if (images == nullptr || !images->is_array()) return Bad(file, "a list `images`");
  for (std::size_t i = 0; i < images->size(); ++i) {
    auto entry = ParseEntry((*images)[i], file + ": images[" + std::to_string(i) + "]");
    if (!entry) return std::unexpected(entry.error());
    catalogue.entries_.push_back(*std::move(entry));
  }
  return catalogue;
}

Catalogue Catalogue::BuiltIn() {
  auto catalogue = Parse(k_embedded_images_yaml, "the built-in catalogue");
  WEIR_CHECK(catalogue.has_value());
  return *std::move(catalogue);
}

void Catalogue::PutBefore(Catalogue first) {
  entries_.insert(entries_.begin(), first.entries_.begin(), first.entries_.end());
  file_ = first.file_;
}

const CatalogueEntry* Catalogue::Find(std::string_view image) const {
  const std::string_view name = ShortName(image);
  for (const CatalogueEntry& entry : entries_) {
    for (const std::string& glob : entry.images) {
      if (GlobMatch(glob, image) || GlobMatch(glob, name) || GlobMatch(glob, Untagged(name))) {
        return &entry;
      }
    }
  }
  return nullptr;
}

std::string FillPlaceholders(const std::string& text, const Placeholders& values) {
  auto filled = Substitute(text, values);
  return filled ? *std::move(filled) : text;
}

std::optional<std::vector<std::string>> BuildCommand(const Catalogue& catalogue,
                                                     const std::string& image,
                                                     const std::vector<std::string>& command,
                                                     const std::vector<std::string>& args,
                                                     const Placeholders& values) {
  std::vector<std::string> argv = command;
  if (!command.empty()) {
    argv.insert(argv.end(), args.begin(), args.end());
    return argv;
  }
  const CatalogueEntry* entry = catalogue.Find(image);
  if (entry == nullptr) return std::nullopt;
  if (!entry->setup.empty()) argv = {"sh", "-euc", entry->setup + "\nexec \"$@\"", "sh"};
  for (const std::string& word : entry->command) argv.push_back(FillPlaceholders(word, values));
  if (args.empty()) {
    for (const std::string& word : entry->args) argv.push_back(FillPlaceholders(word, values));
  } else {
    argv.insert(argv.end(), args.begin() + (RepeatsProgram(entry->command, args) ? 1 : 0),
                args.end());
  }
  if (argv.empty()) return std::nullopt;
  return argv;
}

}  // namespace weir::kubelet
