/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Compares the offsets with which the pure modules read the structures of iptables (PacketWalk, Xtables*.swift and
   Walk/TranslationOrder.swift) with the headers. It exports nothing. */
#include <stddef.h>

#include <linux/if.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/xt_CONNMARK.h>
#include <linux/netfilter/xt_CT.h>
#include <linux/netfilter/xt_addrtype.h>
#include <linux/netfilter/xt_conntrack.h>
#include <linux/netfilter/xt_iprange.h>
#include <linux/netfilter/xt_length.h>
#include <linux/netfilter/xt_mark.h>
#include <linux/netfilter/xt_multiport.h>
#include <linux/netfilter/xt_pkttype.h>
#include <linux/netfilter/xt_recent.h>
#include <linux/netfilter/xt_tcpudp.h>
#include <linux/netfilter_ipv4/ipt_ttl.h>
#include <linux/netfilter_ipv6/ip6t_hl.h>

#ifndef NAME_MAX
#define NAME_MAX 255
#endif
#include <linux/netfilter/xt_hashlimit.h>

#define AT(type, field, offset) _Static_assert(offsetof(struct type, field) == (offset), #type "." #field)
#define IS(name, value) _Static_assert((int)(name) == (value), #name)

AT(xt_tcp, spts, 0);
AT(xt_tcp, dpts, 4);
AT(xt_tcp, option, 8);
AT(xt_tcp, flg_mask, 9);
AT(xt_tcp, flg_cmp, 10);
AT(xt_tcp, invflags, 11);
AT(xt_udp, dpts, 4);
AT(xt_udp, invflags, 8);
IS(XT_TCP_INV_SRCPT, 1);
IS(XT_TCP_INV_DSTPT, 2);
IS(XT_TCP_INV_FLAGS, 4);

AT(xt_multiport_v1, count, 1);
AT(xt_multiport_v1, ports, 2);
AT(xt_multiport_v1, pflags, 32);
AT(xt_multiport_v1, invert, 47);
IS(XT_MULTIPORT_SOURCE, 0);
IS(XT_MULTIPORT_DESTINATION, 1);
IS(XT_MULTIPORT_EITHER, 2);

AT(xt_conntrack_mtinfo3, origsrc_mask, 16);
AT(xt_conntrack_mtinfo3, repldst_mask, 112);
AT(xt_conntrack_mtinfo3, l4proto, 136);
AT(xt_conntrack_mtinfo3, origsrc_port, 138);
AT(xt_conntrack_mtinfo3, repldst_port, 144);
AT(xt_conntrack_mtinfo3, match_flags, 146);
AT(xt_conntrack_mtinfo3, invert_flags, 148);
AT(xt_conntrack_mtinfo3, state_mask, 150);
AT(xt_conntrack_mtinfo3, status_mask, 152);
AT(xt_conntrack_mtinfo3, origsrc_port_high, 154);
AT(xt_conntrack_mtinfo2, state_mask, 150);
AT(xt_conntrack_mtinfo2, status_mask, 152);
AT(xt_conntrack_mtinfo1, state_mask, 150);
AT(xt_conntrack_mtinfo1, status_mask, 151);
IS(XT_CONNTRACK_STATE, 1);
IS(XT_CONNTRACK_PROTO, 2);
IS(XT_CONNTRACK_ORIGSRC, 4);
IS(XT_CONNTRACK_REPLDST, 32);
IS(XT_CONNTRACK_STATUS, 64);
IS(XT_CONNTRACK_EXPIRES, 128);
IS(XT_CONNTRACK_ORIGSRC_PORT, 256);
IS(XT_CONNTRACK_REPLDST_PORT, 2048);
IS(XT_CONNTRACK_DIRECTION, 4096);

AT(xt_addrtype_info, dest, 2);
AT(xt_addrtype_info, invert_source, 4);
AT(xt_addrtype_info, invert_dest, 8);
AT(xt_addrtype_info_v1, flags, 4);
IS(XT_ADDRTYPE_INVERT_SOURCE, 1);
IS(XT_ADDRTYPE_INVERT_DEST, 2);
IS(XT_ADDRTYPE_LIMIT_IFACE_IN, 4);
IS(XT_ADDRTYPE_LIMIT_IFACE_OUT, 8);
IS(XT_ADDRTYPE_LOCAL, 4);

AT(xt_mark_mtinfo1, mask, 4);
AT(xt_mark_mtinfo1, invert, 8);
AT(xt_mark_tginfo2, mask, 4);
AT(xt_connmark_tginfo1, mode, 12);
AT(xt_connmark_tginfo2, shift_bits, 13);
AT(xt_connmark_tginfo2, mode, 14);
IS(XT_CONNMARK_SET, 0);
IS(XT_CONNMARK_SAVE, 1);
IS(XT_CONNMARK_RESTORE, 2);

AT(xt_hashlimit_mtinfo1, cfg.mode, 16);
AT(xt_hashlimit_mtinfo2, cfg.mode, 272);
AT(xt_hashlimit_mtinfo3, cfg.mode, 272);
IS(XT_HASHLIMIT_INVERT, 16);

AT(xt_iprange_mtinfo, src_max, 16);
AT(xt_iprange_mtinfo, dst_min, 32);
AT(xt_iprange_mtinfo, flags, 64);
IS(IPRANGE_SRC, 1);
IS(IPRANGE_DST, 2);
IS(IPRANGE_SRC_INV, 16);
IS(IPRANGE_DST_INV, 32);
AT(xt_length_info, invert, 4);
AT(xt_pkttype_info, invert, 4);
AT(xt_ct_target_info_v1, zone, 2);
IS(XT_CT_NOTRACK, 1);

AT(nf_nat_ipv4_multi_range_compat, range[0].flags, 4);
AT(nf_nat_ipv4_multi_range_compat, range[0].min_ip, 8);
AT(nf_nat_ipv4_multi_range_compat, range[0].min, 16);
AT(nf_nat_range, min_addr, 4);
AT(nf_nat_range, min_proto, 36);
AT(nf_nat_range2, max_addr, 20);
AT(nf_nat_range2, min_proto, 36);
IS(NF_NAT_RANGE_MAP_IPS, 1);
IS(NF_NAT_RANGE_PROTO_SPECIFIED, 2);
IS(NF_NAT_RANGE_PROTO_OFFSET, 32);
IS(NF_NAT_RANGE_NETMAP, 64);

AT(ipt_ttl_info, ttl, 1);
AT(ip6t_hl_info, hop_limit, 1);
IS(IPT_TTL_EQ, 0);
IS(IPT_TTL_NE, 1);
IS(IPT_TTL_LT, 2);
IS(IPT_TTL_GT, 3);
IS(IP6T_HL_EQ, 0);
IS(IP6T_HL_NE, 1);
IS(IP6T_HL_LT, 2);
IS(IP6T_HL_GT, 3);
AT(xt_recent_mtinfo_v1, hit_count, 4);
AT(xt_recent_mtinfo_v1, check_set, 8);
AT(xt_recent_mtinfo_v1, invert, 9);
IS(XT_RECENT_CHECK, 1);
IS(XT_RECENT_SET, 2);
IS(XT_RECENT_UPDATE, 4);
