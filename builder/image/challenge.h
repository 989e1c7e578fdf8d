/* How a server wants to be asked: WWW-Authenticate (RFC 9110, 11.6.1; distribution's token
 * specification for Bearer). Pure: text in, values out. */
#ifndef CHALLENGE_H
#define CHALLENGE_H

#include "strlist.h"

enum challenge_kind {
	CHALLENGE_NONE,
	CHALLENGE_BASIC,
	CHALLENGE_BEARER,
};

/* A value that owns all it points to; NULL where nothing was said. */
struct challenge {
	enum challenge_kind kind;
	char *realm, *service, *scope;
};

/* The best of all challenges of these header values; those of other kinds, and what is malformed,
 * are passed over. 0 or -ENOMEM. */
int challenge_parse(const struct strlist *headers, struct challenge *ret);
void challenge_done(struct challenge *challenge);

#endif
