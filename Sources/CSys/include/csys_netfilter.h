/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Numbers of linux/netfilter.h, which cannot be in a module map together with the Glibc module. */
#ifndef WGFENCE_CSYS_NETFILTER_H
#define WGFENCE_CSYS_NETFILTER_H

#include <stdint.h>

/* Table families: NFPROTO_... */
static const uint8_t CSYS_NFPROTO_UNSPEC = 0;
static const uint8_t CSYS_NFPROTO_INET = 1;
static const uint8_t CSYS_NFPROTO_IPV4 = 2;
static const uint8_t CSYS_NFPROTO_ARP = 3;
static const uint8_t CSYS_NFPROTO_NETDEV = 5;
static const uint8_t CSYS_NFPROTO_BRIDGE = 7;
static const uint8_t CSYS_NFPROTO_IPV6 = 10;

/* Verdicts: NF_... */
static const int32_t CSYS_NF_DROP = 0;
static const int32_t CSYS_NF_ACCEPT = 1;

#endif
