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

}  // namespace

std::string MakeToken(env::Random& random) {
  return fmt::format("{:016x}{:016x}", random.Next(), random.Next());
}

Result<Credentials> LoadOrMakeCredentials(env::FileSystem& files, env::Random& random,
                                          const std::string& dir, Time now) {
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
  server_request.ip_addresses = {"127.0.0.1"};
  server_request.server = true;
  net::CertificateRequest admin_request;
  admin_request.common_name = "kubernetes-admin";
  admin_request.organizations = {"system:masters"};

  Credentials result;
  result.ca_pem = ca->certificate_pem;
  bool made = false;
  auto server = LoadOrMake(
      files, pki + "/apiserver", now, new_ca,
      [&] { return net::IssueCertificate(*ca, server_request, now, kLifetime); }, &made);
  if (!server) return std::unexpected(server.error());
  result.server = *server;
  auto admin = LoadOrMake(
      files, pki + "/admin", now, new_ca,
      [&] { return net::IssueCertificate(*ca, admin_request, now, kLifetime); }, &made);
  if (!admin) return std::unexpected(admin.error());
  result.admin = *admin;

  auto token = files.Read(pki + "/admin.token");
  if (token && !Trim(*token).empty()) {
    result.admin_token = std::string(Trim(*token));
    return result;
  }
  result.admin_token = MakeToken(random);
  if (auto s = files.Write(pki + "/admin.token", result.admin_token + "\n", 0600); !s) {
    return std::unexpected(s.error());
  }
  return result;
}

}  // namespace weir::app
