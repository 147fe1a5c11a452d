/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Builds a host in the calling thread's network namespace for tests: interfaces whose packets a test reads and writes,
   bridges, addresses, routes and neighbours. Functions return 0, or errno, unless stated otherwise. Addresses have 4 or 16
   bytes. */
#ifndef WGFENCE_CTEST_LINK_H
#define WGFENCE_CTEST_LINK_H

#include <stddef.h>
#include <stdint.h>

/* The layer of the packets that a test reads and writes: Ethernet frames, or IP packets (link type NONE, as WireGuard
   has). */
enum ctest_layer { CTEST_FRAMES, CTEST_PACKETS };

/* Creates an interface (TAP or TUN) and returns a descriptor, or -errno. What the host sends is read from it, what is
   written to it arrives at the host. It does not block. The interface ends with the network namespace. */
int ctest_tap(const char *name, enum ctest_layer layer);

/* Adds a bridge without the spanning tree protocol. */
int ctest_add_bridge(const char *name);

/* Makes an interface a port of a bridge. */
int ctest_set_master(const char *name, const char *bridge);

/* Sets an interface up so that it needs no neighbours (IFF_NOARP). */
int ctest_set_up_without_neighbours(const char *name);

/* Adds an address, without duplicate address detection. Lifetime 0 is for ever, else seconds. */
int ctest_add_address(const char *name, int family, const uint8_t *address, int length, uint32_t lifetime);

/* Adds a route. Without a gateway (NULL) its destinations are on the link. */
int ctest_add_route(const char *name, int family, const uint8_t *network, int length, const uint8_t *gateway);

/* Routes every packet of a family that does not have a mark to an interface, except what a route other than the default
   route leads elsewhere: as wg-quick(8) does. */
int ctest_route_unmarked(const char *name, int family, uint32_t mark);

/* Adds a permanent neighbour. */
int ctest_add_neighbour(const char *name, int family, const uint8_t *address, const uint8_t *hardware);

/* Deletes all entries of connection tracking. */
int ctest_flush_connections(void);

/* Opens a server's socket of a port on every address of both families: it listens for TCP, or takes UDP. Returns the
   descriptor, or -errno. */
int ctest_server_socket(int protocol, uint16_t port);

/* Opens a UDP socket on one address. Returns the descriptor, or -errno. */
int ctest_server_socket_at(int family, const uint8_t *address, uint16_t port);

/* Opens a server's socket of a port on one address, or on every one (NULL) of the family: it listens for TCP, or takes UDP
   with the address that each datagram was sent to. Returns the descriptor, or -errno. */
int ctest_server_socket_of(int protocol, int family, const uint8_t *address, uint16_t port);

/* Answers each datagram of these sockets with its own bytes, from the address that it was sent to, until `stop` can be
   read, or has no writer. */
void ctest_answer_datagrams(const int *files, int count, int stop);

/* Joins a multicast group on an interface. Returns the descriptor that must stay open, or -errno. */
int ctest_join_group(const char *name, int family, const uint8_t *group);

/* The address that the kernel takes as the source of a packet with a mark. */
int ctest_source_address(int family, const uint8_t *destination, uint32_t mark, uint8_t *source);

/* Sends a packet, including its header, with a mark, by an interface (empty: by the route). */
int ctest_raw_send_marked(int family, const uint8_t *address, uint32_t mark, const char *name, const void *packet,
                          size_t length);

/* Receives a packet without its header from a raw IPv6 socket, with its addresses. Returns its length, or -errno. */
long ctest_raw_receive6(int socket, void *buffer, size_t room, uint8_t *source, uint8_t *destination);

/* Opens a raw IPv6 socket for that. Returns the descriptor, or -errno. */
int ctest_raw_socket6(int protocol);

#endif
