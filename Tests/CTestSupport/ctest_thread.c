/* SPDX-License-Identifier: GPL-3.0-or-later */
#define _GNU_SOURCE
#include "ctest_thread.h"

#include <errno.h>
#include <linux/capability.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

int ctest_unshare_network_namespace(void) { return unshare(CLONE_NEWNET) == 0 ? 0 : errno; }

int ctest_unshare_host_name(void) { return unshare(CLONE_NEWUTS) == 0 ? 0 : errno; }

int ctest_enter_network_namespace(int file) { return setns(file, CLONE_NEWNET) == 0 ? 0 : errno; }

int ctest_set_interface_up(const char *name) {
  struct ifreq request;
  int file = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  int result = 0;
  if (file < 0) return errno;
  memset(&request, 0, sizeof request);
  strncpy(request.ifr_name, name, sizeof request.ifr_name - 1);
  if (ioctl(file, SIOCGIFFLAGS, &request) != 0) {
    result = errno;
  } else {
    request.ifr_flags |= IFF_UP;
    if (ioctl(file, SIOCSIFFLAGS, &request) != 0) result = errno;
  }
  close(file);
  return result;
}

int ctest_drop_capabilities(void) {
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
  memset(data, 0, sizeof data);
  return syscall(SYS_capset, &header, data) == 0 ? 0 : errno;
}

int ctest_unshare_mount_namespace(void) {
  if (unshare(CLONE_NEWNS) != 0) return errno;
  return mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 ? 0 : errno;
}

int ctest_open_memory_file(void) {
  return memfd_create("wgfence", MFD_CLOEXEC | MFD_ALLOW_SEALING);
}

int64_t ctest_thread_user_microseconds(void) {
  struct rusage usage;
  if (getrusage(RUSAGE_THREAD, &usage) != 0) return 0;
  return (int64_t)usage.ru_utime.tv_sec * 1000000 + usage.ru_utime.tv_usec;
}
