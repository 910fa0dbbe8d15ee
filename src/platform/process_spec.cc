// The bytes in which StartProcess hands a ProcessSpec to the init:
//
//   spec   := list(argv) list(env: name, value, name, value ...) text(working_dir)
//             list(mounts: source, target, "ro"|"rw", ...) text(hostname)
//   list   := count:u32 text*
//   text   := length:u32 byte*
//
// Numbers are little-endian. Both sides are the same program, so there is no version.
#include <optional>

#include "platform/process.h"

namespace weir::platform {
namespace {

void PutNumber(std::string& out, std::size_t value) {
  for (int shift = 0; shift < 32; shift += 8) {
    out.push_back(static_cast<char>((value >> shift) & 0xFFU));
  }
}

void PutText(std::string& out, std::string_view text) {
  PutNumber(out, text.size());
  out.append(text);
}

void PutList(std::string& out, const std::vector<std::string>& list) {
  PutNumber(out, list.size());
  for (const std::string& text : list) PutText(out, text);
}

// Reads from the front of a view; `ok` turns false at the first byte that is missing.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  std::string Text() {
    const std::size_t length = Number();
    if (!ok_ || length > rest_.size()) return Fail();
    std::string text(rest_.substr(0, length));
    rest_.remove_prefix(length);
    return text;
  }

  std::vector<std::string> List() {
    std::vector<std::string> list;
    const std::size_t count = Number();
    for (std::size_t i = 0; ok_ && i < count; ++i) list.push_back(Text());
    return list;
  }

  bool AtEnd() const { return ok_ && rest_.empty(); }

 private:
  std::size_t Number() {
    if (rest_.size() < 4) {
      ok_ = false;
      return 0;
    }
    std::size_t value = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      value |= std::size_t{static_cast<unsigned char>(rest_[i])} << (8 * i);
    }
    rest_.remove_prefix(4);
    return value;
  }

  std::string Fail() {
    ok_ = false;
    return {};
  }

  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace

std::string EncodeProcessSpec(const ProcessSpec& spec) {
  std::vector<std::string> env;
  for (const auto& [name, value] : spec.env) {
    env.push_back(name);
    env.push_back(value);
  }
  std::vector<std::string> mounts;
  for (const BindMount& mount : spec.mounts) {
    mounts.push_back(mount.source);
    mounts.push_back(mount.target);
    mounts.emplace_back(mount.read_only ? "ro" : "rw");
  }
  std::string out;
  PutList(out, spec.argv);
  PutList(out, env);
  PutText(out, spec.working_dir);
  PutList(out, mounts);
  PutText(out, spec.hostname);
  return out;
}

Result<ProcessSpec> DecodeProcessSpec(std::string_view bytes) {
  Reader reader(bytes);
  ProcessSpec spec;
  spec.argv = reader.List();
  const std::vector<std::string> env = reader.List();
  spec.working_dir = reader.Text();
  const std::vector<std::string> mounts = reader.List();
  spec.hostname = reader.Text();
  if (!reader.AtEnd() || env.size() % 2 != 0 || mounts.size() % 3 != 0) {
    return Fail(Code::kInvalid, "not a process specification of " + std::to_string(bytes.size()) +
                                    " bytes: expected exactly the form of process_spec.cc");
  }
  for (std::size_t i = 0; i < env.size(); i += 2) spec.env[env[i]] = env[i + 1];
  for (std::size_t i = 0; i < mounts.size(); i += 3) {
    spec.mounts.push_back({mounts[i], mounts[i + 1], mounts[i + 2] == "ro"});
  }
  return spec;
}

}  // namespace weir::platform
