/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sends and receives real packets for tests: frames on an interface, raw IP packets of this host. */
#ifndef WGFENCE_CTEST_PACKET_H
#define WGFENCE_CTEST_PACKET_H

#include <stddef.h>
#include <stdint.h>

/* Opens a socket that sends and receives whole frames on one interface, except the frames that it sent itself. It does
   not block. Returns the descriptor, or -errno. */
int ctest_frame_socket(const char *interface);

/* Opens a raw socket of a family and protocol, which does not block. With protocol 255 (IPPROTO_RAW) it only sends, and
   packets include their headers. Returns the descriptor, or -errno. */
int ctest_raw_socket(int family, int protocol);

/* Sends a packet, including its header, to an address of 4 or 16 bytes. Returns 0, or errno. */
int ctest_raw_send(int socket, int family, const uint8_t *address, const void *packet, size_t length);

/* Reads an interface's hardware address into 6 bytes. Returns 0, or errno. */
int ctest_hardware_address(const char *interface, uint8_t *address);

#endif
