#include "env/file_system.h"

#include <set>
#include <utility>

namespace weir::env {
namespace {

std::unexpected<Error> NotFound(const std::string& path) {
  return Fail(Code::kNotFound, path + ": no such file or directory");
}

std::string FolderPrefix(const std::string& path) {
  return path.ends_with('/') ? path : path + '/';
}

}  // namespace

Result<std::string> MemoryFileSystem::Read(const std::string& path) {
  auto it = files_.find(path);
  if (it == files_.end()) return NotFound(path);
  return it->second;
}

Status MemoryFileSystem::Write(const std::string& path, std::string content, unsigned) {
  files_[path] = std::move(content);
  return {};
}

Status MemoryFileSystem::Append(const std::string& path, std::string_view content) {
  files_[path] += content;
  return {};
}

Result<std::vector<std::string>> MemoryFileSystem::List(const std::string& path) {
  const std::string prefix = FolderPrefix(path);
  std::set<std::string> names;
  for (auto it = files_.lower_bound(prefix); it != files_.end() && it->first.starts_with(prefix);
       ++it) {
    const std::string rest = it->first.substr(prefix.size());
    names.insert(rest.substr(0, rest.find('/')));
  }
  if (names.empty()) return NotFound(path);
  return std::vector<std::string>(names.begin(), names.end());
}

Status MemoryFileSystem::MakeDirs(const std::string&, unsigned) { return {}; }

Status MemoryFileSystem::Remove(const std::string& path) {
  if (files_.erase(path) == 0) return NotFound(path);
  return {};
}

bool MemoryFileSystem::Exists(const std::string& path) {
  if (files_.contains(path)) return true;
  const std::string prefix = FolderPrefix(path);
  auto it = files_.lower_bound(prefix);
  return it != files_.end() && it->first.starts_with(prefix);
}

}  // namespace weir::env
