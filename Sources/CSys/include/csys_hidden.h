/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What decides on packets beside nf_tables: numbers and calls to find it. csys_hidden.c checks the numbers that the
   system's headers know. */
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

  /* linux/bpf.h; all but the last are younger than the headers of Debian 12 */
  CSYS_BPF_TCX_INGRESS = 46,
  CSYS_BPF_TCX_EGRESS = 47,
  CSYS_BPF_NETKIT_PRIMARY = 54,
  CSYS_BPF_NETKIT_PEER = 55,
  CSYS_BPF_SK_LOOKUP = 36,

  /* linux/netfilter/nf_tables.h */
  CSYS_NFT_MSG_GETFLOWTABLE = 23,
  CSYS_NFTA_FLOWTABLE_TABLE = 1,
  CSYS_NFTA_FLOWTABLE_NAME = 2,
};

/* The rules of a table of legacy iptables (AF_INET), ip6tables (AF_INET6) or arptables (AF_UNSPEC) in the calling
   thread's network namespace: its entries without the policies of its chains and the end. The table must be there: a
   kernel that does not have it loads a module. Returns the number, or -errno. */
long csys_legacy_rules(int family, const char *table);

/* How many BPF programs are attached (BPF_PROG_QUERY): to an interface, by its index, or with BPF_SK_LOOKUP to a network
   namespace, by its open file. Returns the number, or -errno (EINVAL where the kernel does not know the kind). */
long csys_bpf_attached(unsigned target, unsigned type);

/* A BPF program that netfilter calls. */
struct csys_netfilter_link {
  uint32_t family; /* NFPROTO_ */
  uint32_t hook;   /* NF_INET_ */
  int32_t priority;
  uint32_t program;
};

/* Lists the BPF programs that netfilter calls in any network namespace (BPF_LINK_TYPE_NETFILTER): as many as there is room
   for. Returns how many there are, or -errno. */
long csys_netfilter_links(struct csys_netfilter_link *links, long most);

#endif
