/* SPDX-License-Identifier: GPL-3.0-or-later */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ctest_link.h"

union name {
  struct sockaddr any;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
};

static socklen_t fill(union name *name, int family, const uint8_t *address, uint16_t port) {
  memset(name, 0, sizeof *name);
  if (family == AF_INET) {
    name->v4.sin_family = AF_INET;
    name->v4.sin_port = htons(port);
    if (address) memcpy(&name->v4.sin_addr, address, 4);
    return sizeof name->v4;
  }
  name->v6.sin6_family = AF_INET6;
  name->v6.sin6_port = htons(port);
  if (address) memcpy(&name->v6.sin6_addr, address, 16);
  return sizeof name->v6;
}

static int fail(int file) {
  int error = errno;
  close(file);
  return -error;
}

int ctest_server_socket(int protocol, uint16_t port) {
  union name name;
  socklen_t length = fill(&name, AF_INET6, NULL, port);
  int kind = protocol == IPPROTO_TCP ? SOCK_STREAM : SOCK_DGRAM;
  int off = 0;
  int file = socket(AF_INET6, kind | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (file < 0) return -errno;
  setsockopt(file, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  if (bind(file, &name.any, length) != 0) return fail(file);
  if (kind == SOCK_STREAM && listen(file, 128) != 0) return fail(file);
  return file;
}

int ctest_server_socket_at(int family, const uint8_t *address, uint16_t port) {
  union name name;
  socklen_t length = fill(&name, family, address, port);
  int file = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (file < 0) return -errno;
  if (bind(file, &name.any, length) != 0) return fail(file);
  return file;
}

int ctest_server_socket_of(int protocol, int family, const uint8_t *address, uint16_t port) {
  union name name;
  socklen_t length = fill(&name, family, address, port);
  int kind = protocol == IPPROTO_TCP ? SOCK_STREAM : SOCK_DGRAM;
  int on = 1;
  int file = socket(family, kind | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (file < 0) return -errno;
  setsockopt(file, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (family == AF_INET6) setsockopt(file, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  if (kind == SOCK_DGRAM && family == AF_INET) setsockopt(file, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
  if (kind == SOCK_DGRAM && family == AF_INET6) setsockopt(file, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on);
  if (bind(file, &name.any, length) != 0) return fail(file);
  if (kind == SOCK_STREAM && listen(file, 1024) != 0) return fail(file);
  return file;
}

/* Sends a datagram back. The control message that says where it was sent to also says from where the answer is sent. */
static void answer(int file) {
  union name name;
  char bytes[2048], control[128];
  struct iovec part = {.iov_base = bytes, .iov_len = sizeof bytes};
  struct msghdr message = {.msg_name = &name, .msg_namelen = sizeof name, .msg_iov = &part, .msg_iovlen = 1};
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t count = recvmsg(file, &message, 0);
  if (count < 0) return;
  part.iov_len = (size_t)count;
  for (struct cmsghdr *one = CMSG_FIRSTHDR(&message); one; one = CMSG_NXTHDR(&message, one)) {
    /* By the route to the sender, not by the interface through which it came. */
    if (one->cmsg_level == IPPROTO_IP && one->cmsg_type == IP_PKTINFO) {
      struct in_pktinfo *info = (struct in_pktinfo *)CMSG_DATA(one);
      info->ipi_ifindex = 0;
      info->ipi_spec_dst = info->ipi_addr;
    } else if (one->cmsg_level == IPPROTO_IPV6 && one->cmsg_type == IPV6_PKTINFO) {
      ((struct in6_pktinfo *)CMSG_DATA(one))->ipi6_ifindex = 0;
    }
  }
  sendmsg(file, &message, 0);
}

void ctest_answer_datagrams(const int *files, int count, int stop) {
  struct pollfd *polled = calloc((size_t)count + 1, sizeof *polled);
  if (!polled) return;
  for (int index = 0; index < count; index++) polled[index] = (struct pollfd){.fd = files[index], .events = POLLIN};
  /* Of this thread alone: who waits for an answer must not wait for the machine's other work. */
  setpriority(PRIO_PROCESS, (id_t)gettid(), -15);
  polled[count] = (struct pollfd){.fd = stop, .events = POLLIN};
  while (poll(polled, (nfds_t)count + 1, -1) >= 0 || errno == EINTR) {
    if (polled[count].revents) break;
    for (int index = 0; index < count; index++)
      if (polled[index].revents) answer(files[index]);
  }
  free(polled);
}

int ctest_join_group(const char *name, int family, const uint8_t *group) {
  struct group_req request;
  memset(&request, 0, sizeof request);
  request.gr_interface = if_nametoindex(name);
  fill((union name *)&request.gr_group, family, group, 0);
  int file = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (file < 0) return -errno;
  if (setsockopt(file, family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6, MCAST_JOIN_GROUP, &request, sizeof request) != 0)
    return fail(file);
  return file;
}

int ctest_source_address(int family, const uint8_t *destination, uint32_t mark, uint8_t *source) {
  union name name;
  socklen_t length = fill(&name, family, destination, 9);
  int result = 0;
  int file = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (file < 0) return errno;
  if (mark) setsockopt(file, SOL_SOCKET, SO_MARK, &mark, sizeof mark);
  if (connect(file, &name.any, length) != 0 || getsockname(file, &name.any, &length) != 0) {
    result = errno;
  } else if (family == AF_INET) {
    memcpy(source, &name.v4.sin_addr, 4);
  } else {
    memcpy(source, &name.v6.sin6_addr, 16);
  }
  close(file);
  return result;
}

int ctest_raw_send_marked(int family, const uint8_t *address, uint32_t mark, const char *name, const void *packet,
                          size_t length) {
  union name target;
  socklen_t size = fill(&target, family, address, 0);
  int on = 1;
  int file = socket(family, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
  int result = 0;
  if (file < 0) return errno;
  if (mark) setsockopt(file, SOL_SOCKET, SO_MARK, &mark, sizeof mark);
  setsockopt(file, SOL_SOCKET, SO_BROADCAST, &on, sizeof on);
  if (name[0]) setsockopt(file, SOL_SOCKET, SO_BINDTODEVICE, name, (socklen_t)strlen(name));
  if (sendto(file, packet, length, 0, &target.any, size) < 0) result = errno;
  close(file);
  return result;
}

int ctest_raw_socket6(int protocol) {
  int on = 1;
  int file = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
  if (file < 0) return -errno;
  setsockopt(file, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on);
  return file;
}

long ctest_raw_receive6(int socket, void *buffer, size_t room, uint8_t *source, uint8_t *destination) {
  struct sockaddr_in6 name;
  char control[128];
  struct iovec part = {.iov_base = buffer, .iov_len = room};
  struct msghdr message = {.msg_name = &name, .msg_namelen = sizeof name, .msg_iov = &part, .msg_iovlen = 1};
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t count = recvmsg(socket, &message, 0);
  if (count < 0) return -errno;
  memcpy(source, &name.sin6_addr, 16);
  memset(destination, 0, 16);
  for (struct cmsghdr *one = CMSG_FIRSTHDR(&message); one; one = CMSG_NXTHDR(&message, one))
    if (one->cmsg_level == IPPROTO_IPV6 && one->cmsg_type == IPV6_PKTINFO)
      memcpy(destination, &((struct in6_pktinfo *)CMSG_DATA(one))->ipi6_addr, 16);
  return count;
}
