/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Numbers and calls for reading the host: sock_diag, rtnetlink, generic netlink, WireGuard, /proc. The numbers are
   repeated here because the headers that define them clash with the C library's; csys_host.c checks every one. */
#ifndef WGFENCE_CSYS_HOST_H
#define WGFENCE_CSYS_HOST_H

#include <stddef.h>

enum {
  /* linux/netlink.h */
  CSYS_NETLINK_ROUTE = 0,
  CSYS_NETLINK_SOCK_DIAG = 4,
  CSYS_NETLINK_NETFILTER = 12,
  CSYS_NETLINK_GENERIC = 16,
  CSYS_NLM_F_REQUEST = 0x1,
  CSYS_NLM_F_ACK = 0x4,
  CSYS_NLM_F_DUMP_INTR = 0x10,
  CSYS_NLM_F_DUMP = 0x300,
  CSYS_NLM_F_CAPPED = 0x100,
  CSYS_NLM_F_ACK_TLVS = 0x200,
  CSYS_NLMSG_NOOP = 1,
  CSYS_NLMSG_ERROR = 2,
  CSYS_NLMSG_DONE = 3,
  CSYS_NLMSGERR_ATTR_MSG = 1,
  CSYS_NLA_TYPE_MASK = 0x3fff,
  CSYS_NLA_F_NESTED = 0x8000,

  /* linux/sock_diag.h, linux/inet_diag.h, the kernel's TCP states */
  CSYS_SOCK_DIAG_BY_FAMILY = 20,
  CSYS_INET_DIAG_REQ_SIZE = 56,
  CSYS_INET_DIAG_MSG_SIZE = 72,
  CSYS_INET_DIAG_SKV6ONLY = 11,
  CSYS_INET_DIAG_LOCALS = 12,
  CSYS_TCP_ESTABLISHED = 1,
  CSYS_TCP_CLOSE = 7,
  CSYS_TCP_LISTEN = 10,

  /* linux/rtnetlink.h, linux/if_link.h, linux/if_addr.h, linux/if.h */
  CSYS_RTM_NEWLINK = 16,
  CSYS_RTM_GETLINK = 18,
  CSYS_RTM_NEWADDR = 20,
  CSYS_RTM_GETADDR = 22,
  CSYS_RTM_NEWROUTE = 24,
  CSYS_RTM_GETROUTE = 26,
  CSYS_IFINFOMSG_SIZE = 16,
  CSYS_IFLA_IFNAME = 3,
  CSYS_IFLA_MTU = 4,
  CSYS_IFLA_LINK = 5,
  CSYS_IFLA_MASTER = 10,
  CSYS_IFLA_LINKINFO = 18,
  CSYS_IFLA_LINK_NETNSID = 37,
  CSYS_IFLA_INFO_KIND = 1,
  CSYS_IFF_UP = 0x1,
  CSYS_IFF_LOOPBACK = 0x8,
  CSYS_IFADDRMSG_SIZE = 8,
  CSYS_IFA_ADDRESS = 1,
  CSYS_IFA_LOCAL = 2,
  CSYS_RTMSG_SIZE = 12,
  CSYS_RTA_DST = 1,
  CSYS_RTA_SRC = 2,
  CSYS_RTA_IIF = 3,
  CSYS_RTA_OIF = 4,
  CSYS_RTA_METRICS = 8,
  CSYS_RTA_MARK = 16,
  CSYS_RTAX_MTU = 2,
  CSYS_RTN_UNICAST = 1,
  CSYS_RTN_LOCAL = 2,
  CSYS_RTN_BROADCAST = 3,
  CSYS_RTN_ANYCAST = 4,
  CSYS_RTN_MULTICAST = 5,

  /* linux/net_namespace.h */
  CSYS_RTM_GETNSID = 90,
  CSYS_RTGENMSG_SIZE = 1,
  CSYS_NETNSA_NSID = 1,
  CSYS_NETNSA_FD = 3,

  /* linux/genetlink.h */
  CSYS_GENL_ID_CTRL = 16,
  CSYS_GENL_HDRLEN = 4,
  CSYS_CTRL_CMD_GETFAMILY = 3,
  CSYS_CTRL_ATTR_FAMILY_ID = 1,
  CSYS_CTRL_ATTR_FAMILY_NAME = 2,

  /* linux/netfilter/nfnetlink.h, linux/netfilter/nfnetlink_hook.h */
  CSYS_NFNL_SUBSYS_HOOK = 12,
  CSYS_NFNL_MSG_HOOK_GET = 0,
  CSYS_NFNLA_HOOK_HOOKNUM = 1,
  CSYS_NFNLA_HOOK_FUNCTION_NAME = 4,
  CSYS_NFNLA_HOOK_CHAIN_INFO = 6,
  CSYS_NFNLA_HOOK_INFO_DESC = 1,
  CSYS_NFNLA_CHAIN_TABLE = 1,
  CSYS_NFNLA_CHAIN_FAMILY = 2,
  CSYS_NFNLA_CHAIN_NAME = 3,

  /* linux/netfilter/nfnetlink_conntrack.h */
  CSYS_NFNL_SUBSYS_CTNETLINK = 1,
  CSYS_NFNL_SUBSYS_NFTABLES = 10,
  CSYS_IPCTNL_MSG_CT_NEW = 0,
  CSYS_IPCTNL_MSG_CT_GET = 1,
  CSYS_CTA_TUPLE_ORIG = 1,
  CSYS_CTA_TUPLE_REPLY = 2,
  CSYS_CTA_STATUS = 3,
  CSYS_CTA_PROTOINFO = 4,
  CSYS_CTA_TIMEOUT = 7,
  CSYS_CTA_MARK = 8,
  CSYS_CTA_COUNTERS_ORIG = 9,
  CSYS_CTA_COUNTERS_REPLY = 10,
  CSYS_CTA_ZONE = 18,
  CSYS_CTA_TIMESTAMP = 20,
  CSYS_CTA_TUPLE_IP = 1,
  CSYS_CTA_TUPLE_PROTO = 2,
  CSYS_CTA_IP_V4_SRC = 1,
  CSYS_CTA_IP_V4_DST = 2,
  CSYS_CTA_IP_V6_SRC = 3,
  CSYS_CTA_IP_V6_DST = 4,
  CSYS_CTA_PROTO_NUM = 1,
  CSYS_CTA_PROTO_SRC_PORT = 2,
  CSYS_CTA_PROTO_DST_PORT = 3,
  CSYS_CTA_PROTO_ICMP_ID = 4,
  CSYS_CTA_PROTO_ICMP_TYPE = 5,
  CSYS_CTA_PROTO_ICMP_CODE = 6,
  CSYS_CTA_PROTO_ICMPV6_ID = 7,
  CSYS_CTA_PROTO_ICMPV6_TYPE = 8,
  CSYS_CTA_PROTO_ICMPV6_CODE = 9,
  CSYS_CTA_PROTOINFO_TCP = 1,
  CSYS_CTA_PROTOINFO_TCP_STATE = 1,
  CSYS_CTA_COUNTERS_PACKETS = 1,
  CSYS_CTA_COUNTERS_BYTES = 2,
  CSYS_CTA_TIMESTAMP_START = 1,

  /* linux/wireguard.h */
  CSYS_WG_CMD_GET_DEVICE = 0,
  CSYS_WG_GENL_VERSION = 1,
  CSYS_WGDEVICE_A_IFNAME = 2,
  CSYS_WGDEVICE_A_PUBLIC_KEY = 4,
  CSYS_WGDEVICE_A_LISTEN_PORT = 6,
  CSYS_WGDEVICE_A_FWMARK = 7,
  CSYS_WGDEVICE_A_PEERS = 8,
  CSYS_WGPEER_A_PUBLIC_KEY = 1,
  CSYS_WGPEER_A_ENDPOINT = 4,
  CSYS_WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL = 5,
  CSYS_WGPEER_A_LAST_HANDSHAKE_TIME = 6,
  CSYS_WGPEER_A_RX_BYTES = 7,
  CSYS_WGPEER_A_TX_BYTES = 8,
  CSYS_WGPEER_A_ALLOWEDIPS = 9,
  CSYS_WGALLOWEDIP_A_FAMILY = 1,
  CSYS_WGALLOWEDIP_A_IPADDR = 2,
  CSYS_WGALLOWEDIP_A_CIDR_MASK = 3,

  /* sys/socket.h */
  CSYS_AF_INET = 2,
  CSYS_AF_INET6 = 10,
  CSYS_SOCKADDR_STORAGE_SIZE = 128,
};

/* Puts the calling thread into the network namespace of an open nsfs file, for good. Returns 0, or errno. */
int csys_enter_network_namespace(int fd);

/* Connects a close-on-exec stream socket to a path within so many milliseconds. The descriptor does not block.
   Returns it, or -errno (ENAMETOOLONG beyond 107 bytes, ETIMEDOUT). */
int csys_unix_connect(const char *path, int timeout_ms);

/* Milliseconds of the monotonic clock. */
long long csys_monotonic_ms(void);

#endif
