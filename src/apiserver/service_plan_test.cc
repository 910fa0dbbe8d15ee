#include "apiserver/service_plan.h"

#include <gtest/gtest.h>

namespace weir::apiserver {
namespace {

ServiceRange Range() { return *ParseServiceRange("127.96.0.0/29", 30000, 30003); }

std::string Address(const Json& service) { return GetString(service, {"spec", "clusterIP"}); }

std::string Ports(const Json& service) {
  std::string text;
  for (const Json& port : GetArray(service, {"spec", "ports"})) {
    text += std::to_string(GetInt(port, {"nodePort"}, 0)) + " ";
  }
  return text;
}

kubestore::ObjectPtr Stored(const Json& service) {
  return std::make_shared<const kubestore::Object>(service, "");
}

TEST(ServicePlanTest, Ranges) {
  EXPECT_EQ(Range().size, 8U);
  EXPECT_EQ(FirstAddress(Range()), "127.96.0.1");
  for (const char* bad : {"127.96.0.0", "127.96.0.0/33", "127.96.0/16", "127.96.0.1/16", "x/16"}) {
    EXPECT_FALSE(ParseServiceRange(bad, 30000, 32767)) << bad;
  }
  EXPECT_FALSE(ParseServiceRange("127.96.0.0/16", 2, 1));
}

TEST(ServicePlanTest, Allocation) {
  struct Case {
    const char* what;
    const char* service;
    const char* address;
    const char* ports;
    const char* error;
  };
  // 127.96.0.1 and node port 30001 are taken.
  const Case cases[] = {
      {"an address", R"({"spec":{"ports":[{"port":80}]}})", "127.96.0.2", "0 ", ""},
      {"headless", R"({"spec":{"clusterIP":"None"}})", "None", "", ""},
      {"no address", R"({"spec":{"type":"ExternalName","externalName":"e.com"}})", "", "", ""},
      {"a wanted one", R"({"spec":{"clusterIP":"127.96.0.5"}})", "127.96.0.5", "", ""},
      {"a taken one", R"({"spec":{"clusterIP":"127.96.0.1"}})", "127.96.0.1", "",
       "spec.clusterIPs: Invalid value: [\"127.96.0.1\"]: failed to allocate IP 127.96.0.1: "
       "provided IP is already allocated"},
      {"outside", R"({"spec":{"clusterIP":"1.2.3.4"}})", "1.2.3.4", "",
       "spec.clusterIPs: Invalid value: [\"1.2.3.4\"]: failed to allocate IP 1.2.3.4: the provided "
       "network does not match the current range"},
      {"node ports", R"({"spec":{"type":"NodePort","ports":[{"port":80},{"port":81}]}})",
       "127.96.0.2", "30002 30003 ", ""},
      {"a wanted node port", R"({"spec":{"type":"NodePort","ports":[{"port":80,"nodePort":30002},
          {"port":81}]}})",
       "127.96.0.2", "30002 30003 ", ""},
      {"a taken node port",
       R"({"spec":{"type":"NodePort","ports":[{"port":80,"nodePort":30001}]}})", "127.96.0.2",
       "30001 ",
       "spec.ports[0].nodePort: Invalid value: 30001: provided port is already allocated"},
      {"twice the same", R"({"spec":{"type":"NodePort","ports":[{"port":80,"nodePort":30002},
          {"port":81,"nodePort":30002}]}})",
       "127.96.0.2", "30002 30002 ",
       "spec.ports[1].nodePort: Invalid value: 30002: provided port is already allocated"},
      {"outside the ports", R"({"spec":{"type":"NodePort","ports":[{"port":80,"nodePort":80}]}})",
       "127.96.0.2", "80 ",
       "spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid range. The "
       "range of valid ports is 30000-30003"},
      {"more than there are", R"({"spec":{"type":"NodePort","ports":[{"port":1},{"port":2},
          {"port":3},{"port":4}]}})",
       "127.96.0.2", "30002 30003 30000 0 ",
       "spec.ports[3].nodePort: Internal error: failed to allocate a nodePort: range is full"},
  };
  const Json taken =
      *ParseJson(R"({"spec":{"clusterIPs":["127.96.0.1"],"ports":[{"port":1,"nodePort":30001}]}})");
  for (const Case& c : cases) {
    Json service = *ParseJson(c.service);
    const auto errors = AllocateService(Range(), UsedBy({Stored(taken)}, ""), 1, false, service);
    EXPECT_EQ(errors.empty() ? "" : errors[0].field + ": " + errors[0].detail, c.error) << c.what;
    EXPECT_EQ(Address(service), c.address) << c.what;
    EXPECT_EQ(Ports(service), c.ports) << c.what;
  }
}

TEST(ServicePlanTest, ADryRunLooksAtTheRangeOfAddressesAlone) {
  const Json taken =
      *ParseJson(R"({"spec":{"clusterIPs":["127.96.0.1"],"ports":[{"port":1,"nodePort":30001}]}})");
  const struct {
    const char* service;
    const char* error;
  } kCases[] = {
      {R"({"spec":{"clusterIP":"127.96.0.1"}})", ""},
      {R"({"spec":{"type":"NodePort","ports":[{"port":80,"nodePort":30001}]}})", ""},
      {R"({"spec":{"type":"NodePort","ports":[{"port":80,"nodePort":80}]}})", ""},
      {R"({"spec":{"type":"NodePort","ports":[{"port":80,"nodePort":30002},
          {"port":81,"nodePort":30002}]}})",
       "Invalid value: 30002: provided port is already allocated"},
      {R"({"spec":{"clusterIP":"1.2.3.4"}})",
       "Invalid value: [\"1.2.3.4\"]: failed to allocate IP 1.2.3.4: the provided IP (1.2.3.4) is "
       "not in the valid range. The range of valid IPs is 127.96.0.0/29"},
  };
  for (const auto& c : kCases) {
    Json service = *ParseJson(c.service);
    const auto errors = AllocateService(Range(), UsedBy({Stored(taken)}, ""), 1, true, service);
    EXPECT_EQ(errors.empty() ? "" : errors[0].detail, c.error) << c.service;
  }
}

TEST(ServicePlanTest, AnAddressRangeCanBeFull) {
  std::vector<kubestore::ObjectPtr> all;
  for (int i = 0; i < 6; ++i) {
    Json service = *ParseJson(R"({"spec":{}})");
    ASSERT_TRUE(AllocateService(Range(), UsedBy(all, ""), 4, false, service).empty());
    all.push_back(Stored(service));
  }
  Json service = *ParseJson(R"({"spec":{}})");
  EXPECT_EQ(AllocateService(Range(), UsedBy(all, ""), 4, false, service)[0].detail,
            "Internal error: failed to allocate a serviceIP: range is full");
}

}  // namespace
}  // namespace weir::apiserver
