/*
 * How requests come and answers go. By reading and writing /dev/fuse, as libfuse does; and where
 * the kernel offers it (6.14 and newer, with the module's enable_uring), by one io_uring for each
 * core, which costs less than half: answering one request and waiting for the next is one system
 * call, on the core that asked. What the kernel still sends the old way (FORGET and INTERRUPT)
 * is read as ever, and so is everything else where the rings cannot be had.
 */
#ifndef TRANSPORT_H
#define TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>

struct fuse_session;
struct transport;

/* For a session that has been mounted and whose user data is a struct fuse_ops_context, which gets
 * it. NULL: no memory. rings: where they can be had. signal wakes a thread; its handler does
 * nothing. */
struct transport *transport_new(struct fuse_session *session, bool rings, int signal);
/* Ends its threads; the session must still be there, not yet unmounted. */
void transport_free(struct transport *transport);

/* The thread that calls is about to wait, or to be long: requests are not to wait for it. */
void transport_leave(struct transport *transport);
/* True in a thread that serves one core alone: while it waits, that core's requests wait. */
bool transport_is_ring(void);
/* Where a reply of this size can be written so that it need not be copied; NULL: nowhere. Not while
 * a name that came with the request is still needed. */
char *transport_reply_buffer(size_t size);
/* From within an operation: another thread answers the request, perhaps later. */
void transport_defer(void);

#endif
