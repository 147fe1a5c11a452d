/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Numbers and structures for finding everything besides nf_tables that decides on packets. csys_hidden.c checks the
   numbers that the system's headers define. */
#ifndef WGFENCE_CSYS_HIDDEN_H
#define WGFENCE_CSYS_HIDDEN_H

#include <stdint.h>

enum {
  /* linux/rtnetlink.h, linux/pkt_sched.h, linux/pkt_cls.h */
  CSYS_RTM_GETQDISC = 38,
  CSYS_RTM_GETTFILTER = 46,
  CSYS_TCMSG_SIZE = 20,
  CSYS_TCA_KIND = 1,
  CSYS_TCA_OPTIONS = 2,
  CSYS_TCA_BPF_NAME = 7,
  CSYS_TC_INGRESS = (int)0xfffffff2,
  CSYS_TC_EGRESS = (int)0xfffffff3,

  /* linux/if_link.h */
  CSYS_IFLA_XDP = 43,
  CSYS_IFLA_XDP_ATTACHED = 2,
  CSYS_IFLA_XDP_PROG_ID = 4,
  CSYS_IFLA_INFO_DATA = 2,
  CSYS_IFLA_BR_NF_CALL_IPTABLES = 36,
  CSYS_IFLA_BR_NF_CALL_IP6TABLES = 37,

  /* linux/bpf.h; all but the last are newer than the headers of Debian 12 */
  CSYS_BPF_TCX_INGRESS = 46,
  CSYS_BPF_TCX_EGRESS = 47,
  CSYS_BPF_NETKIT_PRIMARY = 54,
  CSYS_BPF_NETKIT_PEER = 55,
  CSYS_BPF_SK_LOOKUP = 36,

  /* linux/bpf.h: commands of bpf(2), and a link type of Linux 6.4, which is newer than those headers */
  CSYS_BPF_PROG_QUERY = 16,
  CSYS_BPF_OBJ_GET_INFO_BY_FD = 15,
  CSYS_BPF_LINK_GET_FD_BY_ID = 30,
  CSYS_BPF_LINK_GET_NEXT_ID = 31,
  CSYS_BPF_LINK_TYPE_NETFILTER = 10,

  /* linux/netfilter_ipv4/ip_tables.h, linux/netfilter_ipv6/ip6_tables.h, linux/netfilter_arp/arp_tables.h: the numbers of
     hooks, the offset of the hook mask, which follows the table's name, and the offset of the entries */
  CSYS_XT_TABLE_MAXNAMELEN = 32,
  CSYS_IPT_SO_GET_INFO = 64,
  CSYS_IPT_SO_GET_ENTRIES = 65,
  CSYS_IP6T_SO_GET_INFO = 64,
  CSYS_IP6T_SO_GET_ENTRIES = 65,
  CSYS_ARPT_SO_GET_INFO = 96,
  CSYS_IPT_HOOKS = 5,
  CSYS_ARPT_HOOKS = 3,
  CSYS_IPT_GETINFO_HOOKS = 32,
  CSYS_IPT_GETENTRIES_SIZE = 40,

  /* linux/netfilter/nf_tables.h */
  CSYS_NFT_MSG_GETFLOWTABLE = 23,
  CSYS_NFTA_FLOWTABLE_TABLE = 1,
  CSYS_NFTA_FLOWTABLE_NAME = 2,
};

/* union bpf_attr for BPF_PROG_QUERY: the part that every kernel has. */
struct csys_bpf_query {
  uint32_t target;
  uint32_t kind;
  uint32_t flags;
  uint32_t attach_flags;
  uint64_t identifiers;
  uint32_t count;
  uint32_t padding;
};

/* union bpf_attr for BPF_LINK_GET_NEXT_ID and BPF_LINK_GET_FD_BY_ID. */
struct csys_bpf_identifier {
  uint32_t number;
  uint32_t next;
  uint32_t flags;
  uint32_t padding;
};

/* union bpf_attr for BPF_OBJ_GET_INFO_BY_FD. */
struct csys_bpf_information {
  uint32_t descriptor;
  uint32_t length;
  uint64_t address;
};

/* struct bpf_link_info of Linux 6.4. The headers of Debian 12 lack its netfilter part. */
struct csys_bpf_link {
  uint32_t type;
  uint32_t identifier;
  uint32_t program;
  uint32_t padding;
  uint32_t family; /* NFPROTO_ */
  uint32_t hook;   /* NF_INET_ */
  int32_t priority;
  uint32_t flags;
};

/* Calls bpf(2), for which the C library has no function except the variadic syscall(2). Returns -1 with errno set
   if it fails. Writes nothing behind `size` bytes. The kernel does: from Linux 6.6 on, BPF_PROG_QUERY of TCX writes 8 bytes
   at byte 56, whatever the size. Source: bpf_mprog_query of kernel/bpf/mprog.c. */
long csys_bpf(int command, void *attributes, unsigned int size);

#endif
