/*
 * An agent's socket for one command: a socket of our own, with the owner and mode that the command
 * asked for, whose connections go to the agent as the caller's. (An agent talks to its owner only,
 * and its socket's owner is not ours to change.)
 */
#ifndef AGENT_RELAY_H
#define AGENT_RELAY_H

#include <sys/types.h>

#include <msb/cleanup.h>
#include <msb/error.h>

struct agent_relay;

/* Listens at directory/name; agent: the path of the real socket. */
int agent_relay_new(const char *agent, const char *directory, const char *name, uid_t uid,
		    gid_t gid, mode_t mode, struct agent_relay **ret, struct msb_error *err);
/* Ends all connections. NULL-safe. */
void agent_relay_free(struct agent_relay *relay);
DEFINE_AUTO(struct agent_relay, agent_relay_free)

#endif
