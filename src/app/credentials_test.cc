#include "app/credentials.h"

#include <gtest/gtest.h>

namespace weir::app {
namespace {

const Time kNow = Time(std::chrono::seconds(1'800'000'000));

class CredentialsTest : public ::testing::Test {
 protected:
  Credentials Load(const std::string& service_address, Time now = kNow) {
    auto credentials = LoadOrMakeCredentials(files_, random_, "/data", service_address, now);
    EXPECT_TRUE(credentials) << credentials.error().message;
    return credentials.value_or(Credentials());
  }

  env::MemoryFileSystem files_;
  env::SeededRandom random_{1};
};

TEST_F(CredentialsTest, TheServersCertificateIsForServiceKubernetes) {
  const Credentials made = Load("127.96.0.1");
  for (const char* host :
       {"127.0.0.1", "127.96.0.1", "localhost", "kubernetes", "kubernetes.default",
        "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"}) {
    EXPECT_TRUE(*net::CertificateNames(made.server.certificate_pem, host)) << host;
  }
  EXPECT_FALSE(*net::CertificateNames(made.server.certificate_pem, "127.97.0.1"));
}

TEST_F(CredentialsTest, WhatIsGoodIsKept) {
  const Credentials made = Load("127.96.0.1");
  const Credentials same = Load("127.96.0.1");
  EXPECT_EQ(same.server.certificate_pem, made.server.certificate_pem);
  EXPECT_EQ(same.admin_token, made.admin_token);
  // Another address needs another certificate, of the same authority.
  const Credentials moved = Load("127.97.0.1");
  EXPECT_TRUE(*net::CertificateNames(moved.server.certificate_pem, "127.97.0.1"));
  EXPECT_EQ(moved.ca_pem, made.ca_pem);
  EXPECT_EQ(moved.admin.certificate_pem, made.admin.certificate_pem);
  EXPECT_EQ(moved.token_key, made.token_key);
  // What ends soon is made anew.
  const Credentials later = Load("127.97.0.1", kNow + std::chrono::hours(24 * 365 * 10));
  EXPECT_NE(later.ca_pem, made.ca_pem);
  EXPECT_NE(later.server.certificate_pem, moved.server.certificate_pem);
}

}  // namespace
}  // namespace weir::app
