/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "csys_host.h"

#include <stddef.h>
#include <sys/socket.h>

#include <linux/genetlink.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/inet_diag.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netfilter/nfnetlink_hook.h>
#include <linux/net_namespace.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/wireguard.h>

#define SAME(name) _Static_assert(CSYS_##name == (int)(name), #name)
SAME(NETLINK_ROUTE);
SAME(NETLINK_SOCK_DIAG);
SAME(NETLINK_NETFILTER);
SAME(NETLINK_GENERIC);
SAME(NLM_F_REQUEST);
SAME(NLM_F_ACK);
SAME(NLM_F_DUMP_INTR);
SAME(NLM_F_DUMP);
SAME(NLM_F_CAPPED);
SAME(NLM_F_ACK_TLVS);
SAME(NLM_F_EXCL);
SAME(NLM_F_CREATE);
SAME(NLMSG_NOOP);
SAME(NLMSG_ERROR);
SAME(NLMSG_DONE);
SAME(NLMSGERR_ATTR_MSG);
_Static_assert((CSYS_NLA_TYPE_MASK & 0xffff) == (NLA_TYPE_MASK & 0xffff), "NLA_TYPE_MASK");
SAME(NLA_F_NESTED);
SAME(SOCK_DIAG_BY_FAMILY);
SAME(INET_DIAG_SKV6ONLY);
SAME(INET_DIAG_LOCALS);
SAME(RTM_NEWLINK);
SAME(RTM_GETLINK);
SAME(RTM_NEWADDR);
SAME(RTM_GETADDR);
SAME(RTM_NEWROUTE);
SAME(RTM_GETROUTE);
SAME(IFLA_IFNAME);
SAME(IFLA_MTU);
SAME(IFLA_LINK);
SAME(IFLA_LINK_NETNSID);
SAME(IFLA_MASTER);
SAME(IFLA_GROUP);
SAME(IFLA_LINKINFO);
SAME(IFLA_INFO_KIND);
SAME(IFA_ADDRESS);
SAME(IFA_LOCAL);
SAME(IFA_CACHEINFO);
SAME(RTA_DST);
SAME(RTA_SRC);
SAME(RTA_IIF);
SAME(RTA_OIF);
SAME(RTA_PRIORITY);
SAME(RTA_METRICS);
SAME(RTA_TABLE);
SAME(RTA_MARK);
SAME(RTA_NH_ID);
SAME(RTM_F_CLONED);
SAME(RTAX_MTU);
SAME(RTN_UNICAST);
SAME(RTN_LOCAL);
SAME(RTN_BROADCAST);
SAME(RTN_ANYCAST);
SAME(RTN_MULTICAST);
SAME(RTNLGRP_LINK);
SAME(RTNLGRP_IPV4_IFADDR);
SAME(RTNLGRP_IPV6_IFADDR);
SAME(RTM_GETNSID);
SAME(NETNSA_NSID);
SAME(NETNSA_FD);
SAME(GENL_ID_CTRL);
SAME(CTRL_CMD_GETFAMILY);
SAME(CTRL_ATTR_FAMILY_ID);
SAME(CTRL_ATTR_FAMILY_NAME);
SAME(NFNL_SUBSYS_HOOK);
SAME(NFNL_MSG_HOOK_GET);
SAME(NFNLA_HOOK_HOOKNUM);
SAME(NFNLA_HOOK_PRIORITY);
SAME(NFNLA_HOOK_FUNCTION_NAME);
SAME(NFNLA_HOOK_CHAIN_INFO);
SAME(NFNLA_HOOK_INFO_DESC);
SAME(NFNLA_CHAIN_TABLE);
SAME(NFNLA_CHAIN_FAMILY);
SAME(NFNLA_CHAIN_NAME);
SAME(NFNLGRP_NFTABLES);
SAME(NFTA_GEN_ID);
SAME(NFTA_GEN_PROC_PID);
SAME(NFTA_GEN_PROC_NAME);
SAME(NFNL_SUBSYS_CTNETLINK);
SAME(NFNL_SUBSYS_NFTABLES);
SAME(IPCTNL_MSG_CT_NEW);
SAME(IPCTNL_MSG_CT_GET);
SAME(IPCTNL_MSG_CT_DELETE);
SAME(CTA_TUPLE_ORIG);
SAME(CTA_TUPLE_REPLY);
SAME(CTA_STATUS);
SAME(CTA_PROTOINFO);
SAME(CTA_TIMEOUT);
SAME(CTA_MARK);
SAME(CTA_COUNTERS_ORIG);
SAME(CTA_COUNTERS_REPLY);
SAME(CTA_ZONE);
SAME(CTA_TIMESTAMP);
SAME(CTA_TUPLE_IP);
SAME(CTA_TUPLE_PROTO);
SAME(CTA_IP_V4_SRC);
SAME(CTA_IP_V4_DST);
SAME(CTA_IP_V6_SRC);
SAME(CTA_IP_V6_DST);
SAME(CTA_PROTO_NUM);
SAME(CTA_PROTO_SRC_PORT);
SAME(CTA_PROTO_DST_PORT);
SAME(CTA_PROTO_ICMP_ID);
SAME(CTA_PROTO_ICMP_TYPE);
SAME(CTA_PROTO_ICMP_CODE);
SAME(CTA_PROTO_ICMPV6_ID);
SAME(CTA_PROTO_ICMPV6_TYPE);
SAME(CTA_PROTO_ICMPV6_CODE);
SAME(CTA_PROTOINFO_TCP);
SAME(CTA_PROTOINFO_TCP_STATE);
SAME(CTA_PROTOINFO_TCP_FLAGS_ORIGINAL);
SAME(CTA_PROTOINFO_TCP_FLAGS_REPLY);
SAME(IP_CT_TCP_FLAG_BE_LIBERAL);
SAME(CTA_COUNTERS_PACKETS);
SAME(CTA_COUNTERS_BYTES);
SAME(CTA_TIMESTAMP_START);
SAME(WG_CMD_GET_DEVICE);
SAME(WG_GENL_VERSION);
SAME(WGDEVICE_A_IFNAME);
SAME(WGDEVICE_A_PUBLIC_KEY);
SAME(WGDEVICE_A_LISTEN_PORT);
SAME(WGDEVICE_A_FWMARK);
SAME(WGDEVICE_A_PEERS);
SAME(WGPEER_A_PUBLIC_KEY);
SAME(WGPEER_A_ENDPOINT);
SAME(WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL);
SAME(WGPEER_A_LAST_HANDSHAKE_TIME);
SAME(WGPEER_A_RX_BYTES);
SAME(WGPEER_A_TX_BYTES);
SAME(WGPEER_A_ALLOWEDIPS);
SAME(WGALLOWEDIP_A_FAMILY);
SAME(WGALLOWEDIP_A_IPADDR);
SAME(WGALLOWEDIP_A_CIDR_MASK);

/* Sizes, and the offsets of the fields that Swift reads or writes. */
#define AT(type, field, offset) _Static_assert(offsetof(struct type, field) == (offset), #type "." #field)
_Static_assert(sizeof(struct inet_diag_req_v2) == CSYS_INET_DIAG_REQ_SIZE, "inet_diag_req_v2");
AT(inet_diag_req_v2, idiag_states, 4);
AT(inet_diag_req_v2, id, 8);
_Static_assert(sizeof(struct inet_diag_msg) == CSYS_INET_DIAG_MSG_SIZE, "inet_diag_msg");
AT(inet_diag_msg, idiag_state, 1);
AT(inet_diag_msg, id.idiag_sport, 4);
AT(inet_diag_msg, id.idiag_dport, 6);
AT(inet_diag_msg, id.idiag_src, 8);
AT(inet_diag_msg, id.idiag_dst, 24);
AT(inet_diag_msg, id.idiag_if, 40);
AT(inet_diag_msg, idiag_inode, 68);
_Static_assert(sizeof(struct ifinfomsg) == CSYS_IFINFOMSG_SIZE, "ifinfomsg");
AT(ifinfomsg, ifi_type, 2);
AT(ifinfomsg, ifi_index, 4);
AT(ifinfomsg, ifi_flags, 8);
_Static_assert(sizeof(struct ifaddrmsg) == CSYS_IFADDRMSG_SIZE, "ifaddrmsg");
AT(ifaddrmsg, ifa_prefixlen, 1);
AT(ifaddrmsg, ifa_index, 4);
_Static_assert(sizeof(struct rtmsg) == CSYS_RTMSG_SIZE, "rtmsg");
AT(rtmsg, rtm_dst_len, 1);
AT(rtmsg, rtm_src_len, 2);
AT(rtmsg, rtm_type, 7);
_Static_assert(sizeof(struct rtgenmsg) == CSYS_RTGENMSG_SIZE, "rtgenmsg");
_Static_assert(GENL_HDRLEN == CSYS_GENL_HDRLEN, "GENL_HDRLEN");
_Static_assert(sizeof(struct nlmsghdr) == 16, "nlmsghdr");
