#include "app/preflight.h"

#include <fmt/format.h>

#include <filesystem>
#include <utility>

#include "base/strings.h"
#include "metricsapi/config.h"
#include "platform/process.h"

namespace weir::app {
namespace {

// Of the data folder's layout. A folder of another version is refused, not guessed at.
constexpr std::string_view kFormat = "1";

Status CheckFormat(env::FileSystem& files, const std::string& dir) {
  const std::string path = dir + "/format";
  auto found = files.Read(path);
  if (!found) return files.Write(path, std::string(kFormat) + "\n");
  if (Trim(*found) == kFormat) return {};
  return Fail(Code::kInvalid,
              fmt::format("{} has format {}, this weir reads format {}: use another --data-dir, or "
                          "the weir that made it",
                          dir, Trim(*found), kFormat));
}

Result<std::string> ReadNamed(env::FileSystem& files, std::string_view flag,
                              const std::string& path) {
  auto text = files.Read(path);
  if (!text) return Prefixed(flag, text.error());
  return text;
}

Status ReadFiles(const UpOptions& options, env::FileSystem& files, CheckedOptions& out) {
  for (const std::string& path : options.files) {
    auto manifests = ReadManifests(files, path);
    if (!manifests) return Prefixed("-f", manifests.error());
    out.manifests.insert(out.manifests.end(), std::make_move_iterator(manifests->begin()),
                         std::make_move_iterator(manifests->end()));
  }
  out.catalogue = kubelet::Catalogue::BuiltIn();
  if (!options.images_file.empty()) {
    auto text = ReadNamed(files, "--images", options.images_file);
    if (!text) return std::unexpected(text.error());
    auto catalogue = kubelet::Catalogue::Parse(*text, options.images_file);
    if (!catalogue) return std::unexpected(catalogue.error());
    out.catalogue.PutBefore(std::move(*catalogue));
  }
  if (!options.adapter_config_file.empty()) {
    auto text = ReadNamed(files, "--adapter-config", options.adapter_config_file);
    if (!text) return std::unexpected(text.error());
    const kube::Registry registry(!options.upstream_exact);
    auto config =
        metricsapi::ParseConfig(*text, [&registry](std::string_view group, std::string_view name) {
          return group.empty() ? registry.ResolveAnyGroup(name) : registry.Resolve(group, name);
        });
    if (!config) return Prefixed(options.adapter_config_file, config.error());
    out.adapter_config = std::move(*text);
  }
  if (!options.scrape_config_file.empty()) {
    auto scrape = ReadScrapeFiles(files, options.scrape_config_file);
    if (!scrape) return Prefixed("--scrape-config", scrape.error());
    out.scrape = std::move(*scrape);
  }
  if (!options.token_auth_file.empty()) {
    auto text = ReadNamed(files, "--token-auth-file", options.token_auth_file);
    if (!text) return std::unexpected(text.error());
    auto tokens = apiserver::ParseTokenFile(*text);
    if (!tokens) return Prefixed(options.token_auth_file, tokens.error());
    out.tokens = std::move(*tokens);
  }
  return {};
}

}  // namespace

Result<CheckedOptions> Preflight(const UpOptions& options, env::FileSystem& files) {
  UpOptions wanted = options;
  if (wanted.metrics_max_age &&
      *wanted.metrics_max_age < wanted.metrics_relist_interval.value_or(Duration(0))) {
    return Fail(Code::kInvalid, "--metrics-max-age: max age must not be less than relist interval");
  }
  if (wanted.data_dir.empty()) wanted.data_dir = DefaultDataDir();
  wanted.data_dir = std::filesystem::absolute(wanted.data_dir).lexically_normal().string();
  if (auto s = platform::CheckNamespaces(); !s) return std::unexpected(s.error());
  if (auto s = files.MakeDirs(wanted.data_dir, 0700); !s) {
    return Prefixed("--data-dir", s.error());
  }
  auto lock = platform::FileLock::Acquire(wanted.data_dir + "/lock");
  if (!lock) {
    return Prefixed(fmt::format("the data folder {} is in use (another --data-dir starts a second "
                                "cluster)",
                                wanted.data_dir),
                    lock.error());
  }
  if (auto s = CheckFormat(files, wanted.data_dir); !s) return std::unexpected(s.error());
  CheckedOptions checked{wanted, std::move(*lock), {}, {}, {}, {}, {}};
  if (auto s = ReadFiles(wanted, files, checked); !s) return std::unexpected(s.error());
  return checked;
}

}  // namespace weir::app
