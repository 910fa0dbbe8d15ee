// What StartProcess (process.cc) and the init (pod_init.cc) have agreed on: which descriptor is
// what after the exec, and the form of the init's one report. Internal to these two files.
#pragma once

namespace weir::platform {

// The init's argv[1]: with namespaces of its own, or joining those of another child.
inline constexpr const char* kPodInitWord = "pod-init";
inline constexpr const char* kPodJoinWord = "pod-join";

// 0 is /dev/null; 1 and 2 are the program's output.
inline constexpr int kSpecFd = 3;    // a memory file with the encoded ProcessSpec
inline constexpr int kReportFd = 4;  // a socket; hung up when the parent has died
inline constexpr int kJoinFd = 5;    // pod-join: the pidfd of the child to join
inline constexpr int kInitFdCount = 6;

// The first byte of a report; the rest is a text, or a signal's number in digits.
inline constexpr char kReportError = 'E';
inline constexpr char kReportSignal = 'S';

}  // namespace weir::platform
