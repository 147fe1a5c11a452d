/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "csys_netfilter.h"

#include <linux/netfilter.h>

_Static_assert(NFPROTO_UNSPEC == 0, "CSYS_NFPROTO_UNSPEC");
_Static_assert(NFPROTO_INET == 1, "CSYS_NFPROTO_INET");
_Static_assert(NFPROTO_IPV4 == 2, "CSYS_NFPROTO_IPV4");
_Static_assert(NFPROTO_ARP == 3, "CSYS_NFPROTO_ARP");
_Static_assert(NFPROTO_NETDEV == 5, "CSYS_NFPROTO_NETDEV");
_Static_assert(NFPROTO_BRIDGE == 7, "CSYS_NFPROTO_BRIDGE");
_Static_assert(NFPROTO_IPV6 == 10, "CSYS_NFPROTO_IPV6");
_Static_assert(NF_DROP == 0, "CSYS_NF_DROP");
_Static_assert(NF_ACCEPT == 1, "CSYS_NF_ACCEPT");
