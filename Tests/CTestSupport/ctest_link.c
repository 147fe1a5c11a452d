/* SPDX-License-Identifier: GPL-3.0-or-later */
#define _GNU_SOURCE
#include "ctest_link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fib_rules.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/neighbour.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

int ctest_tap(const char *name, enum ctest_layer layer) {
  struct ifreq request;
  int file = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return -errno;
  memset(&request, 0, sizeof request);
  strncpy(request.ifr_name, name, sizeof request.ifr_name - 1);
  request.ifr_flags = (short)(IFF_NO_PI | (layer == CTEST_FRAMES ? IFF_TAP : IFF_TUN));
  /* Persistent: a namespace deletes all its interfaces at once, which is faster than one by one. */
  if (ioctl(file, TUNSETIFF, &request) != 0 || ioctl(file, TUNSETPERSIST, 1) != 0) {
    int error = errno;
    close(file);
    return -error;
  }
  return file;
}

/* A netlink request under construction. */
struct message {
  struct nlmsghdr header;
  char body[512];
};

static void append(struct message *message, int type, const void *bytes, size_t length) {
  struct rtattr *attribute = (struct rtattr *)((char *)message + NLMSG_ALIGN(message->header.nlmsg_len));
  attribute->rta_type = (unsigned short)type;
  attribute->rta_len = (unsigned short)RTA_LENGTH(length);
  if (length) memcpy(RTA_DATA(attribute), bytes, length);
  message->header.nlmsg_len = (uint32_t)(NLMSG_ALIGN(message->header.nlmsg_len) + RTA_ALIGN(attribute->rta_len));
}

static void start(struct message *message, int type, int flags, const void *bytes, size_t length) {
  memset(message, 0, sizeof *message);
  message->header.nlmsg_type = (uint16_t)type;
  message->header.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
  message->header.nlmsg_len = (uint32_t)NLMSG_LENGTH(length);
  memcpy(NLMSG_DATA(&message->header), bytes, length);
}

static int request(int family, struct message *message) {
  char answer[1024];
  int file = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, family);
  int result = 0;
  if (file < 0) return errno;
  if (send(file, message, message->header.nlmsg_len, 0) < 0 || recv(file, answer, sizeof answer, 0) < 0) {
    result = errno;
  } else {
    struct nlmsgerr *error = NLMSG_DATA((struct nlmsghdr *)answer);
    result = ((struct nlmsghdr *)answer)->nlmsg_type == NLMSG_ERROR ? -error->error : EPROTO;
  }
  close(file);
  return result;
}

static size_t width(int family) { return family == AF_INET ? 4 : 16; }

int ctest_add_bridge(const char *name) {
  struct message message;
  struct ifinfomsg info = {.ifi_family = AF_UNSPEC};
  start(&message, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &info, sizeof info);
  append(&message, IFLA_IFNAME, name, strlen(name) + 1);
  struct rtattr *nest = (struct rtattr *)((char *)&message + NLMSG_ALIGN(message.header.nlmsg_len));
  append(&message, IFLA_LINKINFO, NULL, 0);
  append(&message, IFLA_INFO_KIND, "bridge", 6);
  nest->rta_len = (unsigned short)((char *)&message + message.header.nlmsg_len - (char *)nest);
  return request(NETLINK_ROUTE, &message);
}

int ctest_set_master(const char *name, const char *bridge) {
  struct message message;
  struct ifinfomsg info = {.ifi_family = AF_UNSPEC, .ifi_index = (int)if_nametoindex(name)};
  uint32_t master = if_nametoindex(bridge);
  if (info.ifi_index == 0 || master == 0) return ENODEV;
  start(&message, RTM_NEWLINK, 0, &info, sizeof info);
  append(&message, IFLA_MASTER, &master, sizeof master);
  return request(NETLINK_ROUTE, &message);
}

int ctest_set_up_without_neighbours(const char *name) {
  struct message message;
  struct ifinfomsg info = {.ifi_family = AF_UNSPEC, .ifi_index = (int)if_nametoindex(name)};
  info.ifi_flags = info.ifi_change = IFF_UP | IFF_NOARP;
  if (info.ifi_index == 0) return ENODEV;
  start(&message, RTM_NEWLINK, 0, &info, sizeof info);
  return request(NETLINK_ROUTE, &message);
}

int ctest_add_address(const char *name, int family, const uint8_t *address, int length, uint32_t lifetime) {
  struct message message;
  struct ifaddrmsg info = {.ifa_family = (unsigned char)family, .ifa_prefixlen = (unsigned char)length};
  uint32_t flags = IFA_F_NODAD;
  struct ifa_cacheinfo life = {.ifa_prefered = lifetime, .ifa_valid = lifetime};
  info.ifa_index = if_nametoindex(name);
  if (info.ifa_index == 0) return ENODEV;
  start(&message, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &info, sizeof info);
  append(&message, IFA_LOCAL, address, width(family));
  append(&message, IFA_ADDRESS, address, width(family));
  append(&message, IFA_FLAGS, &flags, sizeof flags);
  if (lifetime) append(&message, IFA_CACHEINFO, &life, sizeof life);
  return request(NETLINK_ROUTE, &message);
}

int ctest_add_route(const char *name, int family, const uint8_t *network, int length, const uint8_t *gateway) {
  struct message message;
  struct rtmsg info = {.rtm_family = (unsigned char)family, .rtm_dst_len = (unsigned char)length};
  uint32_t output = if_nametoindex(name);
  if (output == 0) return ENODEV;
  info.rtm_table = RT_TABLE_MAIN;
  info.rtm_protocol = RTPROT_STATIC;
  info.rtm_type = RTN_UNICAST;
  info.rtm_scope = gateway || family == AF_INET6 ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
  start(&message, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &info, sizeof info);
  if (length) append(&message, RTA_DST, network, width(family));
  if (gateway) append(&message, RTA_GATEWAY, gateway, width(family));
  append(&message, RTA_OIF, &output, sizeof output);
  return request(NETLINK_ROUTE, &message);
}

/* Packets without a mark; routes that are not the default route. */
enum rule { UNMARKED, SPECIFIC };

static int add_rule(int family, uint32_t table, uint32_t mark, enum rule rule) {
  struct message message;
  uint32_t length = 0;
  struct fib_rule_hdr info = {.family = (uint8_t)family, .action = FR_ACT_TO_TBL};
  if (rule == UNMARKED) info.flags = FIB_RULE_INVERT;
  start(&message, RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, &info, sizeof info);
  append(&message, FRA_TABLE, &table, sizeof table);
  if (rule == UNMARKED) append(&message, FRA_FWMARK, &mark, sizeof mark);
  if (rule == SPECIFIC) append(&message, FRA_SUPPRESS_PREFIXLEN, &length, sizeof length);
  return request(NETLINK_ROUTE, &message);
}

int ctest_route_unmarked(const char *name, int family, uint32_t mark) {
  struct message message;
  uint32_t table = 51820, output = if_nametoindex(name);
  struct rtmsg info = {.rtm_family = (unsigned char)family, .rtm_protocol = RTPROT_STATIC, .rtm_type = RTN_UNICAST};
  if (output == 0) return ENODEV;
  info.rtm_scope = family == AF_INET6 ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
  start(&message, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &info, sizeof info);
  append(&message, RTA_TABLE, &table, sizeof table);
  append(&message, RTA_OIF, &output, sizeof output);
  int result = request(NETLINK_ROUTE, &message);
  if (result == 0) result = add_rule(family, table, mark, UNMARKED);
  /* A rule that is added later is asked first. */
  return result ? result : add_rule(family, RT_TABLE_MAIN, 0, SPECIFIC);
}

int ctest_add_neighbour(const char *name, int family, const uint8_t *address, const uint8_t *hardware) {
  struct message message;
  struct ndmsg info = {.ndm_family = (unsigned char)family, .ndm_state = NUD_PERMANENT};
  info.ndm_ifindex = (int)if_nametoindex(name);
  if (info.ndm_ifindex == 0) return ENODEV;
  start(&message, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, &info, sizeof info);
  append(&message, NDA_DST, address, width(family));
  append(&message, NDA_LLADDR, hardware, 6);
  return request(NETLINK_ROUTE, &message);
}

int ctest_flush_connections(void) {
  struct message message;
  struct nfgenmsg info = {.nfgen_family = AF_UNSPEC};
  start(&message, NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE, 0, &info, sizeof info);
  return request(NETLINK_NETFILTER, &message);
}
