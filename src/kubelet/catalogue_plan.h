// The image catalogue: which local program stands for a container image (format:
// docs/formats/image-catalogue.md). Pure values.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace weir::kubelet {

struct CatalogueEntry {
  std::vector<std::string> images;   // globs
  std::vector<std::string> command;  // as an image's ENTRYPOINT
  std::vector<std::string> args;     // as an image's CMD
  std::string setup;                 // a shell script that runs first; the command takes its place
  std::map<std::string, std::string> env;
  std::string package;  // the Debian package that has the program, for the advice to install it
};

// Names that `${NAME}` may stand for in an entry's command, args and env.
inline constexpr std::string_view kPlaceholders[] = {"POD_IP",   "POD_NAME",  "POD_NAMESPACE",
                                                     "POD_UID",  "NODE_NAME", "CONTAINER_NAME",
                                                     "DATA_DIR", "WEIR",      "WEIR_BIN_DIR"};
using Placeholders = std::map<std::string, std::string, std::less<>>;

class Catalogue {
 public:
  // Reads a catalogue; errors name the file, the entry and what was expected there.
  static Result<Catalogue> Parse(std::string_view yaml, const std::string& file);
  // The one that every installation has.
  static Catalogue BuiltIn();

  // Entries of `first` are looked at before those that are here.
  void PutBefore(Catalogue first);
  // The first entry with a glob that the image's name matches, with or without its tag or digest
  // and without `docker.io/` and `library/`; null if there is none.
  const CatalogueEntry* Find(std::string_view image) const;
  // Where a person adds an entry, for messages: the file given last, else "the built-in catalogue".
  const std::string& file() const { return file_; }

 private:
  std::vector<CatalogueEntry> entries_;
  std::string file_ = "the built-in catalogue";
};

// The text with each ${NAME} replaced; one that `values` lacks stays as it is.
std::string FillPlaceholders(const std::string& text, const Placeholders& values);

// What a container runs, as Kubernetes combines an image with a container: `command` replaces the
// entry's command and args, `args` alone replaces its args. Words of the container are taken as
// they are (their $(VAR)s are expanded elsewhere). nullopt: no entry and no command, so there is
// nothing to run.
std::optional<std::vector<std::string>> BuildCommand(const Catalogue& catalogue,
                                                     const std::string& image,
                                                     const std::vector<std::string>& command,
                                                     const std::vector<std::string>& args,
                                                     const Placeholders& values);

}  // namespace weir::kubelet
