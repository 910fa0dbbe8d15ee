#include "app/scrape_files.h"

#include <fmt/format.h>

#include <filesystem>

#include "base/strings.h"

namespace weir::app {
namespace {

Result<std::vector<std::string>> PathsOf(env::FileSystem& files, const std::string& folder,
                                         const std::string& pattern) {
  const std::filesystem::path full = std::filesystem::path(folder) / pattern;
  const std::string name = full.filename().string();
  if (name.find('*') == std::string::npos) return std::vector<std::string>{full.string()};
  const std::string parent = full.has_parent_path() ? full.parent_path().string() : ".";
  const auto names = files.List(parent);
  if (!names) return std::unexpected(names.error());
  std::vector<std::string> paths;
  for (const std::string& one : *names) {
    if (GlobMatch(name, one)) paths.push_back((full.parent_path() / one).string());
  }
  return paths;
}

}  // namespace

Result<ScrapeFiles> ReadScrapeFiles(env::FileSystem& files, const std::string& path) {
  auto text = files.Read(path);
  if (!text) return std::unexpected(text.error());
  auto config = scrape::ParsePrometheusConfig(*text);
  if (!config) return Prefixed(path, config.error());
  ScrapeFiles result;
  result.lists = std::move(config->lists);
  const std::string folder = std::filesystem::path(path).parent_path().string();
  for (const std::string& pattern : config->rule_files) {
    auto paths = PathsOf(files, folder, pattern);
    if (!paths) return Prefixed(fmt::format("{}: rule_files", path), paths.error());
    for (const std::string& file : *paths) {
      auto rules = files.Read(file);
      if (!rules) return Prefixed(fmt::format("{}: rule_files", path), rules.error());
      auto groups = rules::ParseGroups(std::string_view(*rules));
      if (!groups) return Prefixed(file, groups.error());
      for (rules::Group& group : *groups) {
        if (group.interval == Duration(0)) group.interval = config->evaluation_interval;
      }
      result.groups.emplace_back(file, std::move(*groups));
    }
  }
  return result;
}

}  // namespace weir::app
