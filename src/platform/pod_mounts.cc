#include "platform/pod_mounts.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <set>
#include <string>
#include <system_error>
#include <utility>

namespace weir::platform {
namespace {

namespace fs = std::filesystem;

// What a pod writes into a mirrored folder is kept in memory; this bounds it.
constexpr const char* kTmpfsOptions = "mode=755,size=64m";

std::unexpected<Error> SystemError(const std::string& what) {
  return Fail(Code::kUnavailable, what + ": " + std::generic_category().message(errno));
}

Status MakeFile(const std::string& path) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return SystemError("cannot make " + path);
  close(fd);
  return {};
}

// Shows what is at `from` (a file or a folder with all that is mounted in it) at `to` too.
Status ShowEntry(const std::string& from, const std::string& to) {
  struct stat info{};
  if (lstat(from.c_str(), &info) != 0) return {};  // gone meanwhile
  if (S_ISLNK(info.st_mode)) {
    std::error_code error;
    fs::copy_symlink(from, to, error);
    return {};
  }
  if (S_ISDIR(info.st_mode)) {
    if (mkdir(to.c_str(), info.st_mode & 07777U) != 0) return SystemError("cannot make " + to);
  } else if (auto ok = MakeFile(to); !ok) {
    return ok;
  }
  if (mount(from.c_str(), to.c_str(), nullptr, MS_BIND | MS_REC, nullptr) != 0) {
    return SystemError("cannot bind " + from);
  }
  return {};
}

std::vector<std::string> Names(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    names.push_back(it->path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

// Makes mount points that the machine does not have. A folder that lacks one is first mirrored: an
// empty memory file system takes its place, with every entry of the folder bound into it.
class MountPoints {
 public:
  // Makes sure that `target` exists, as a folder or a file.
  Status Ensure(const std::string& target, bool folder) {
    struct stat info{};
    if (stat(target.c_str(), &info) == 0) return {};
    const std::string parent = fs::path(target).parent_path().string();
    if (auto ok = Ensure(parent, true); !ok) return ok;
    if (!Writable(parent)) {
      if (auto ok = parent == "/" ? MirrorRoot() : Mirror(parent); !ok) return ok;
    }
    if (!folder) {
      if (auto ok = MakeFile(target); !ok) return ok;
    } else if (mkdir(target.c_str(), 0755) != 0) {
      return SystemError("cannot make the mount point " + target);
    }
    own_.insert(target);
    return {};
  }

  // What is in this folder from now on belongs to the pod.
  void AddVolume(const std::string& target) { volumes_.push_back(target); }

 private:
  bool Writable(const std::string& folder) const {
    return own_.contains(folder) || std::ranges::any_of(volumes_, [&](const std::string& volume) {
             return folder == volume || folder.starts_with(volume + "/");
           });
  }

  Status Mirror(const std::string& folder) {
    const int old = open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (old < 0) return SystemError("cannot open " + folder);
    const std::string before = "/proc/self/fd/" + std::to_string(old);
    const std::vector<std::string> names = Names(folder);
    if (mount("tmpfs", folder.c_str(), "tmpfs", 0, kTmpfsOptions) != 0) {
      close(old);
      return SystemError("cannot mirror " + folder);
    }
    Status status;
    for (const std::string& name : names) {
      status = ShowEntry(before + "/" + name, folder + "/" + name);
      if (!status) break;
    }
    close(old);
    own_.insert(folder);
    return status;
  }

  // As Mirror, for the root, which only pivot_root can replace. The new one is built where /proc
  // is, since that is mounted anew anyway.
  Status MirrorRoot() {
    const std::string root = "/proc";
    const std::vector<std::string> names = Names("/");
    if (mount("tmpfs", root.c_str(), "tmpfs", 0, kTmpfsOptions) != 0) {
      return SystemError("cannot mirror /");
    }
    for (const std::string& name : names) {
      if (name == "proc") continue;
      if (auto ok = ShowEntry("/" + name, root + "/" + name); !ok) return ok;
    }
    const std::string old = root + "/.weir-old-root";
    if (mkdir((root + "/proc").c_str(), 0555) != 0 || mkdir(old.c_str(), 0700) != 0) {
      return SystemError("cannot mirror /");
    }
    if (syscall(SYS_pivot_root, root.c_str(), old.c_str()) != 0 || chdir("/") != 0) {
      return SystemError("cannot change the root");
    }
    // The new /proc before the old root goes: in a user namespace the kernel grants it only while
    // another one is fully visible.
    if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) != 0) {
      return SystemError("cannot mount /proc");
    }
    umount2("/.weir-old-root", MNT_DETACH);
    rmdir("/.weir-old-root");
    own_.insert("/");
    return {};
  }

  std::set<std::string> own_;         // folders that this pod alone has
  std::vector<std::string> volumes_;  // bound sources that may be written
};

// A bind mount takes read-only only from a remount, which must repeat the flags that a user
// namespace may not drop.
Status MakeReadOnly(const std::string& target) {
  struct statvfs info{};
  if (statvfs(target.c_str(), &info) != 0) return SystemError("cannot examine " + target);
  unsigned long flags = MS_REMOUNT | MS_BIND | MS_RDONLY;
  if ((info.f_flag & ST_NOSUID) != 0) flags |= MS_NOSUID;
  if ((info.f_flag & ST_NODEV) != 0) flags |= MS_NODEV;
  if ((info.f_flag & ST_NOEXEC) != 0) flags |= MS_NOEXEC;
  if ((info.f_flag & ST_NOATIME) != 0) flags |= MS_NOATIME;
  if ((info.f_flag & ST_RELATIME) != 0) flags |= MS_RELATIME;
  if (mount(nullptr, target.c_str(), nullptr, flags, nullptr) != 0) {
    return SystemError("cannot make " + target + " read-only");
  }
  return {};
}

Status Bind(const BindMount& bind, MountPoints& points) {
  struct stat info{};
  if (stat(bind.source.c_str(), &info) != 0) return SystemError("cannot mount " + bind.source);
  const std::string target = fs::path(bind.target).lexically_normal().string();
  if (!target.starts_with('/') || target == "/") {
    return Fail(Code::kInvalid,
                "cannot mount on " + bind.target + ": expected an absolute path below /");
  }
  if (auto ok = points.Ensure(target, S_ISDIR(info.st_mode)); !ok) return ok;
  if (mount(bind.source.c_str(), target.c_str(), nullptr, MS_BIND | MS_REC, nullptr) != 0) {
    return SystemError("cannot mount " + bind.source + " on " + target);
  }
  if (bind.read_only) return MakeReadOnly(target);
  points.AddVolume(target);
  return {};
}

}  // namespace

Status SetUpMounts(std::vector<BindMount> mounts) {
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    return SystemError("cannot detach the mount namespace");
  }
  std::ranges::sort(mounts, {}, [](const BindMount& m) {
    return std::pair<std::size_t, std::string>(m.target.size(), m.target);
  });
  MountPoints points;
  for (const BindMount& bind : mounts) {
    if (auto ok = Bind(bind, points); !ok) return ok;
  }
  // Refused in some containers, where parts of /proc are hidden: the pod then sees the machine's.
  mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr);
  return {};
}

}  // namespace weir::platform
