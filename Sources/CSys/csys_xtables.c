/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Compares the offsets with which the pure modules read the structures of iptables (PacketWalk, Xtables*.swift and
   Walk/TranslationOrder.swift; Ruleset, Legacy/LegacyEntry.swift) with the headers. It exports nothing. */
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
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv4/ipt_ttl.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
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

AT(ipt_entry, ip.src, 0);
AT(ipt_entry, ip.dst, 4);
AT(ipt_entry, ip.smsk, 8);
AT(ipt_entry, ip.dmsk, 12);
AT(ipt_entry, ip.iniface, 16);
AT(ipt_entry, ip.outiface, 32);
AT(ipt_entry, ip.iniface_mask, 48);
AT(ipt_entry, ip.outiface_mask, 64);
AT(ipt_entry, ip.proto, 80);
AT(ipt_entry, ip.flags, 82);
AT(ipt_entry, ip.invflags, 83);
AT(ipt_entry, nfcache, 84);
AT(ipt_entry, target_offset, 88);
AT(ipt_entry, next_offset, 90);
AT(ipt_entry, elems, 112);
AT(ip6t_entry, ipv6.src, 0);
AT(ip6t_entry, ipv6.dst, 16);
AT(ip6t_entry, ipv6.smsk, 32);
AT(ip6t_entry, ipv6.dmsk, 48);
AT(ip6t_entry, ipv6.iniface, 64);
AT(ip6t_entry, ipv6.outiface, 80);
AT(ip6t_entry, ipv6.iniface_mask, 96);
AT(ip6t_entry, ipv6.outiface_mask, 112);
AT(ip6t_entry, ipv6.proto, 128);
AT(ip6t_entry, ipv6.flags, 131);
AT(ip6t_entry, ipv6.invflags, 132);
AT(ip6t_entry, nfcache, 136);
AT(ip6t_entry, target_offset, 140);
AT(ip6t_entry, next_offset, 142);
AT(ip6t_entry, elems, 168);
_Static_assert(sizeof(struct ipt_entry) == 112 && sizeof(struct ip6t_entry) == 168, "entry");
AT(xt_entry_match, u.user.match_size, 0);
AT(xt_entry_match, u.user.name, 2);
AT(xt_entry_match, u.user.revision, 31);
AT(xt_entry_match, data, 32);
AT(xt_entry_target, u.user.target_size, 0);
AT(xt_entry_target, u.user.name, 2);
AT(xt_entry_target, u.user.revision, 31);
AT(xt_entry_target, data, 32);
AT(xt_standard_target, verdict, 32);
AT(xt_error_target, errorname, 32);
IS(XT_EXTENSION_MAXNAMELEN, 29);
IS(XT_RETURN, -5);
IS(IPT_F_FRAG, 0x01);
IS(IPT_F_GOTO, 0x02);
IS(IP6T_F_PROTO, 0x01);
IS(IP6T_F_GOTO, 0x04);
IS(IPT_INV_VIA_IN, 0x01);
IS(IPT_INV_VIA_OUT, 0x02);
IS(IPT_INV_SRCIP, 0x08);
IS(IPT_INV_DSTIP, 0x10);
IS(IPT_INV_FRAG, 0x20);
IS(IPT_INV_PROTO, 0x40);
IS(IP6T_INV_VIA_IN, 0x01);
IS(IP6T_INV_VIA_OUT, 0x02);
IS(IP6T_INV_SRCIP, 0x08);
IS(IP6T_INV_DSTIP, 0x10);
IS(IP6T_INV_PROTO, 0x40);
