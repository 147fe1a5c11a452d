/* SPDX-License-Identifier: GPL-3.0-or-later */
#define _GNU_SOURCE
#include "ctest_packet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

int ctest_frame_socket(const char *interface) {
  int file = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (file < 0) return -errno;
  int on = 1;
  int room = 4 << 20;
  struct sockaddr_ll name = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
  name.sll_ifindex = (int)if_nametoindex(interface);
  setsockopt(file, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
  if (name.sll_ifindex == 0 || setsockopt(file, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on) != 0 ||
      bind(file, (struct sockaddr *)&name, sizeof name) != 0) {
    int error = errno;
    close(file);
    return -error;
  }
  return file;
}

int ctest_raw_socket(int family, int protocol) {
  int file = socket(family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
  return file < 0 ? -errno : file;
}

int ctest_raw_send(int socket, int family, const uint8_t *address, const void *packet, size_t length) {
  struct sockaddr_in name = {.sin_family = AF_INET};
  struct sockaddr_in6 name6 = {.sin6_family = AF_INET6};
  memcpy(&name.sin_addr, address, sizeof name.sin_addr);
  if (family == AF_INET6) memcpy(&name6.sin6_addr, address, sizeof name6.sin6_addr);
  ssize_t sent = family == AF_INET6 ? sendto(socket, packet, length, 0, (struct sockaddr *)&name6, sizeof name6)
                                    : sendto(socket, packet, length, 0, (struct sockaddr *)&name, sizeof name);
  return sent < 0 ? errno : 0;
}

int ctest_hardware_address(const char *interface, uint8_t *address) {
  struct ifreq request;
  int file = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  int result = 0;
  if (file < 0) return errno;
  memset(&request, 0, sizeof request);
  strncpy(request.ifr_name, interface, sizeof request.ifr_name - 1);
  if (ioctl(file, SIOCGIFHWADDR, &request) != 0) {
    result = errno;
  } else {
    memcpy(address, request.ifr_hwaddr.sa_data, 6);
  }
  close(file);
  return result;
}
