/*
 * --ssh: the agents that the caller lends to single commands. One that is given as keys is an
 * ssh-agent of this build's own: it holds just these, and ends with the build.
 */
#ifndef AGENTS_H
#define AGENTS_H

#include <stddef.h>
#include <sys/types.h>

#include <msb/error.h>

struct agent {
	char *id;
	char *socket; /* its path, short enough to connect to */
	pid_t pid;    /* 0: somebody else's */
};

struct agents {
	struct agent *items; /* owned */
	size_t count;
	int directory; /* where the own ones have their sockets */
};

/*
 * words: "ID", for the agent at $SSH_AUTH_SOCK, "ID=SOCKET", or "ID=KEYFILE[,KEYFILE…]"; may be
 * NULL. scratch: a directory of this build's own. -EINVAL for what is neither, and for a key with a
 * passphrase. ret is filled even on failure. The calling thread has to stay until agents_done().
 */
int agents_open(const char *const *words, const char *scratch, struct agents *ret,
		struct msb_error *err);
/* The socket of the agent of that id, borrowed. -ENOENT where nobody gave it. */
int agents_find(const struct agents *agents, const char *id, const char **ret,
		struct msb_error *err);
void agents_done(struct agents *agents);

#endif
