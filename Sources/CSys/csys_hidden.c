/* SPDX-License-Identifier: GPL-3.0-or-later */
#define _GNU_SOURCE
#include "csys_hidden.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <netinet/in.h>

#include <linux/bpf.h>
#include <linux/if_link.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_arp/arp_tables.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#define SAME(name) _Static_assert(CSYS_##name == (int)(name), #name)
SAME(RTM_GETQDISC);
SAME(RTM_GETTFILTER);
SAME(TCA_KIND);
SAME(TCA_OPTIONS);
SAME(TCA_BPF_NAME);
SAME(IFLA_XDP);
SAME(IFLA_XDP_ATTACHED);
SAME(IFLA_XDP_PROG_ID);
SAME(IFLA_INFO_DATA);
SAME(IFLA_BR_NF_CALL_IPTABLES);
SAME(IFLA_BR_NF_CALL_IP6TABLES);
SAME(BPF_SK_LOOKUP);
SAME(NFT_MSG_GETFLOWTABLE);
SAME(NFTA_FLOWTABLE_TABLE);
SAME(NFTA_FLOWTABLE_NAME);
_Static_assert(sizeof(struct tcmsg) == CSYS_TCMSG_SIZE, "tcmsg");
_Static_assert(offsetof(struct tcmsg, tcm_ifindex) == 4, "tcm_ifindex");
_Static_assert(offsetof(struct tcmsg, tcm_parent) == 12, "tcm_parent");
_Static_assert((unsigned)CSYS_TC_INGRESS == TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS), "ingress");
_Static_assert((unsigned)CSYS_TC_EGRESS == TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS), "egress");

SAME(BPF_PROG_QUERY);
SAME(BPF_OBJ_GET_INFO_BY_FD);
SAME(BPF_LINK_GET_FD_BY_ID);
SAME(BPF_LINK_GET_NEXT_ID);
SAME(XT_TABLE_MAXNAMELEN);
SAME(IPT_SO_GET_INFO);
SAME(IPT_SO_GET_ENTRIES);
SAME(IP6T_SO_GET_INFO);
SAME(IP6T_SO_GET_ENTRIES);
SAME(ARPT_SO_GET_INFO);
_Static_assert(NF_INET_NUMHOOKS == (int)CSYS_IPT_HOOKS, "NF_INET_NUMHOOKS");
_Static_assert(NF_ARP_NUMHOOKS == (int)CSYS_ARPT_HOOKS, "NF_ARP_NUMHOOKS");

#define AT(type, field, offset) _Static_assert(offsetof(type, field) == (offset), #type "." #field)
/* The mask, two offsets for each hook, the number of entries, their size. */
#define INFORMATION(type, hooks)                                                                                      \
  AT(type, name, 0);                                                                                                   \
  AT(type, valid_hooks, CSYS_IPT_GETINFO_HOOKS);                                                                       \
  AT(type, hook_entry, CSYS_IPT_GETINFO_HOOKS + 4);                                                                    \
  AT(type, underflow, CSYS_IPT_GETINFO_HOOKS + 4 + 4 * (hooks));                                                       \
  AT(type, num_entries, CSYS_IPT_GETINFO_HOOKS + 4 + 8 * (hooks));                                                     \
  AT(type, size, CSYS_IPT_GETINFO_HOOKS + 8 + 8 * (hooks));                                                            \
  _Static_assert(sizeof(type) == CSYS_IPT_GETINFO_HOOKS + 12 + 8 * (hooks), #type)
INFORMATION(struct ipt_getinfo, CSYS_IPT_HOOKS);
INFORMATION(struct ip6t_getinfo, CSYS_IPT_HOOKS);
INFORMATION(struct arpt_getinfo, CSYS_ARPT_HOOKS);
AT(struct ipt_get_entries, size, CSYS_IPT_GETINFO_HOOKS);
AT(struct ip6t_get_entries, size, CSYS_IPT_GETINFO_HOOKS);
AT(struct ipt_get_entries, entrytable, CSYS_IPT_GETENTRIES_SIZE);
AT(struct ip6t_get_entries, entrytable, CSYS_IPT_GETENTRIES_SIZE);

AT(union bpf_attr, query.target_fd, offsetof(struct csys_bpf_query, target));
AT(union bpf_attr, query.attach_type, offsetof(struct csys_bpf_query, kind));
AT(union bpf_attr, query.prog_ids, offsetof(struct csys_bpf_query, identifiers));
AT(union bpf_attr, query.prog_cnt, offsetof(struct csys_bpf_query, count));
AT(union bpf_attr, start_id, offsetof(struct csys_bpf_identifier, number));
AT(union bpf_attr, link_id, offsetof(struct csys_bpf_identifier, number));
AT(union bpf_attr, next_id, offsetof(struct csys_bpf_identifier, next));
AT(union bpf_attr, info.bpf_fd, offsetof(struct csys_bpf_information, descriptor));
AT(union bpf_attr, info.info_len, offsetof(struct csys_bpf_information, length));
AT(union bpf_attr, info.info, offsetof(struct csys_bpf_information, address));
AT(struct bpf_link_info, type, offsetof(struct csys_bpf_link, type));
AT(struct bpf_link_info, prog_id, offsetof(struct csys_bpf_link, program));
AT(struct bpf_link_info, raw_tracepoint, offsetof(struct csys_bpf_link, family));

long csys_bpf(int command, void *attributes, unsigned int size) {
  /* More than any union bpf_attr: a kernel writes results behind the size that it was given. */
  _Alignas(8) unsigned char space[1024] = {0};
  if (size > sizeof space / 2) {
    errno = E2BIG;
    return -1;
  }
  memcpy(space, attributes, size);
  long result = syscall(SYS_bpf, command, space, size);
  memcpy(attributes, space, size);
  return result;
}
