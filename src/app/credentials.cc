#include "app/credentials.h"

#include <fmt/format.h>

#include <functional>

#include "base/strings.h"

namespace weir::app {
namespace {

constexpr Duration kLifetime = std::chrono::hours(24 * 365 * 10);
constexpr Duration kRenewBefore = std::chrono::hours(24 * 30);

bool StillGood(const std::string& certificate_pem, Time now) {
  auto expiry = net::CertificateExpiry(certificate_pem);
  return expiry && *expiry - now > kRenewBefore;
}

// Whether the file has a certificate for this name or address.
bool IsFor(env::FileSystem& files, const std::string& path, const std::string& host) {
  const auto certificate = files.Read(path);
  if (!certificate) return false;
  const auto named = net::CertificateNames(*certificate, host);
  return named && *named;
}

// The pair under `path`.crt and .key, or a new one from `make`, written there.
Result<net::KeyPair> LoadOrMake(env::FileSystem& files, const std::string& path, Time now,
                                bool renew, const std::function<Result<net::KeyPair>()>& make,
                                bool* made) {
  auto certificate = files.Read(path + ".crt");
  auto key = files.Read(path + ".key");
  *made = false;
  if (!renew && certificate && key && StillGood(*certificate, now)) {
    return net::KeyPair{*certificate, *key};
  }
  auto pair = make();
  if (!pair) return Prefixed("cannot make a certificate for " + path, pair.error());
  if (auto s = files.Write(path + ".key", pair->key_pem, 0600); !s) {
    return std::unexpected(s.error());
  }
  if (auto s = files.Write(path + ".crt", pair->certificate_pem, 0644); !s) {
    return std::unexpected(s.error());
  }
  *made = true;
  return pair;
}

// One line under `path`, or a new one from `make`, written there.
Result<std::string> LoadOrMakeSecret(env::FileSystem& files, const std::string& path,
                                     const std::function<std::string()>& make) {
  auto kept = files.Read(path);
  if (kept && !Trim(*kept).empty()) return std::string(Trim(*kept));
  std::string made = make();
  if (auto s = files.Write(path, made + "\n", 0600); !s) return std::unexpected(s.error());
  return made;
}

}  // namespace

std::string MakeToken(env::Random& random) {
  return fmt::format("{:016x}{:016x}", random.Next(), random.Next());
}

Result<Credentials> LoadOrMakeCredentials(env::FileSystem& files, env::Random& random,
                                          const std::string& dir,
                                          const std::string& service_address, Time now) {
  const std::string pki = dir + "/pki";
  if (auto s = files.MakeDirs(pki, 0700); !s) return std::unexpected(s.error());
  bool new_ca = false;
  auto ca = LoadOrMake(
      files, pki + "/ca", now, false,
      [&] { return net::MakeAuthority("weir local cluster", now, kLifetime); }, &new_ca);
  if (!ca) return std::unexpected(ca.error());

  net::CertificateRequest server_request;
  server_request.common_name = "kube-apiserver";
  server_request.dns_names = {"localhost", "kubernetes", "kubernetes.default",
                              "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"};
  server_request.ip_addresses = {"127.0.0.1", service_address};
  server_request.server = true;
  net::CertificateRequest admin_request;
  admin_request.common_name = "kubernetes-admin";
  admin_request.organizations = {"system:masters"};

  Credentials result;
  result.ca_pem = ca->certificate_pem;
  bool made = false;
  const bool new_name = !IsFor(files, pki + "/apiserver.crt", service_address);
  auto server = LoadOrMake(
      files, pki + "/apiserver", now, new_ca || new_name,
      [&] { return net::IssueCertificate(*ca, server_request, now, kLifetime); }, &made);
  if (!server) return std::unexpected(server.error());
  result.server = *server;
  auto admin = LoadOrMake(
      files, pki + "/admin", now, new_ca,
      [&] { return net::IssueCertificate(*ca, admin_request, now, kLifetime); }, &made);
  if (!admin) return std::unexpected(admin.error());
  result.admin = *admin;

  auto token = LoadOrMakeSecret(files, pki + "/admin.token", [&] { return MakeToken(random); });
  if (!token) return std::unexpected(token.error());
  result.admin_token = *token;
  auto key = LoadOrMakeSecret(files, pki + "/service-accounts.key",
                              [&] { return MakeToken(random) + MakeToken(random); });
  if (!key) return std::unexpected(key.error());
  result.token_key = *key;
  return result;
}

}  // namespace weir::app
