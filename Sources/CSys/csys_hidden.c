/* SPDX-License-Identifier: GPL-3.0-or-later */
#define _GNU_SOURCE
#include "csys_hidden.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
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

/* The entries without the policies and the last one: each valid hook has an entry for its policy. */
static long rules(unsigned entries, unsigned hooks) {
  long fixed = __builtin_popcount(hooks) + 1;
  return (long)entries > fixed ? (long)entries - fixed : 0;
}

/* Asks with one of the three structures, which differ in nothing but the number of hooks. */
#define ASK(info_type, socket_family, level, option)                       \
  do {                                                                     \
    struct info_type info;                                                 \
    socklen_t length = sizeof info;                                        \
    memset(&info, 0, sizeof info);                                         \
    if (strlen(table) >= sizeof info.name) return -ENAMETOOLONG;           \
    strcpy(info.name, table);                                              \
    int fd = socket(socket_family, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);  \
    if (fd < 0) return -errno;                                             \
    long result = getsockopt(fd, level, option, &info, &length) == 0       \
                      ? rules(info.num_entries, info.valid_hooks)          \
                      : -errno;                                            \
    close(fd);                                                             \
    return result;                                                         \
  } while (0)

long csys_legacy_rules(int family, const char *table) {
  if (family == AF_INET) ASK(ipt_getinfo, AF_INET, IPPROTO_IP, IPT_SO_GET_INFO);
  if (family == AF_INET6) ASK(ip6t_getinfo, AF_INET6, IPPROTO_IPV6, IP6T_SO_GET_INFO);
  ASK(arpt_getinfo, AF_INET, IPPROTO_IP, ARPT_SO_GET_INFO);
}

static long bpf(int command, void *attributes, unsigned size) {
  long value = syscall(SYS_bpf, command, attributes, size);
  return value < 0 ? -errno : value;
}

/* The part of union bpf_attr for BPF_PROG_QUERY that every kernel has. */
struct query {
  uint32_t target;
  uint32_t type;
  uint32_t flags;
  uint32_t attach_flags;
  uint64_t ids;
  uint32_t count;
  uint32_t padding;
};

long csys_bpf_attached(unsigned target, unsigned type) {
  struct query query = {.target = target, .type = type};
  long error = bpf(BPF_PROG_QUERY, &query, sizeof query);
  return error < 0 ? error : (long)query.count;
}

/* struct bpf_link_info of Linux 6.4, whose netfilter part the headers of Debian 12 do not have. */
struct link_info {
  uint32_t type;
  uint32_t id;
  uint32_t program;
  uint32_t padding;
  uint32_t family;
  uint32_t hook;
  int32_t priority;
  uint32_t flags;
};
enum { LINK_TYPE_NETFILTER = 10 };
_Static_assert(offsetof(struct bpf_link_info, raw_tracepoint) == offsetof(struct link_info, family), "bpf_link_info");

long csys_netfilter_links(struct csys_netfilter_link *links, long most) {
  long count = 0;
  union bpf_attr attributes;
  memset(&attributes, 0, sizeof attributes);
  /* There are no more numbers than this: a bound for a kernel that repeats itself. */
  for (long i = 0; i < 1000000; i++) {
    /* The next number stands behind the one that is asked from. */
    uint32_t id = attributes.next_id;
    memset(&attributes, 0, sizeof attributes);
    attributes.start_id = id;
    long error = bpf(BPF_LINK_GET_NEXT_ID, &attributes, sizeof attributes);
    if (error == -ENOENT) return count;
    if (error < 0) return error;
    id = attributes.next_id;
    union bpf_attr open = {.link_id = id};
    long fd = bpf(BPF_LINK_GET_FD_BY_ID, &open, sizeof open);
    if (fd == -ENOENT) continue; /* It went away. */
    if (fd < 0) return fd;
    struct link_info info;
    memset(&info, 0, sizeof info);
    union bpf_attr ask;
    memset(&ask, 0, sizeof ask);
    ask.info.bpf_fd = (uint32_t)fd;
    ask.info.info_len = sizeof info;
    ask.info.info = (uint64_t)(uintptr_t)&info;
    error = bpf(BPF_OBJ_GET_INFO_BY_FD, &ask, sizeof ask);
    close((int)fd);
    if (error < 0) return error;
    if (info.type != LINK_TYPE_NETFILTER) continue;
    if (count < most)
      links[count] = (struct csys_netfilter_link){
          .family = info.family, .hook = info.hook, .priority = info.priority, .program = info.program};
    count++;
  }
  return -E2BIG;
}
